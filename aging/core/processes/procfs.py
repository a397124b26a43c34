"""The files of ``/proc/PID``.

Their names are plain strings: a ``Path`` interns its parts, and pids by the dozen a second make the
interpreter build its table of interned strings anew, two megabytes at a time, in the process that
must be flat where it measures growth.
"""

from __future__ import annotations


def name(pid: int, file: str) -> str:
    """The path of one of a process's files."""
    return f"/proc/{pid}/{file}"


def read(pid: int, file: str) -> str:
    """Its text. Raises OSError for a process that ended or is somebody else's."""
    with open(name(pid, file), "rb", buffering=0) as opened:
        return opened.read().decode(errors="surrogateescape")
