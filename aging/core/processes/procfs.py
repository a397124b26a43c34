"""The files of ``/proc/PID``.

Paths are plain strings: a ``Path`` interns its parts, and dozens of pids per second make the interpreter rebuild its
table of interned strings, two megabytes at a time, in a process whose memory must be flat.
"""

from __future__ import annotations


def name(pid: int, file: str) -> str:
    """The path of a file in ``/proc/PID``."""
    return f"/proc/{pid}/{file}"


def read(pid: int, file: str) -> str:
    """The text of the file. Raises OSError if the process has ended or belongs to another user."""
    with open(name(pid, file), "rb", buffering=0) as stream:
        return stream.read().decode(errors="surrogateescape")


def parent(pid: int) -> int:
    """The pid of the parent of a process. Raises OSError if the process has ended."""
    return int(read(pid, "stat").rpartition(")")[2].split()[1])
