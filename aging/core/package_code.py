"""The code of this package as a digest: processes with the same one run the same code, whatever its version says.

A process that runs for days has loaded its code; on the disk it may have been replaced since. It asks for the digest
first as it begins.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import aging
from aging.core.errors import AgingError, ExitCode

FOLDER = Path(aging.__file__).parent


class ChangedCodeError(AgingError):
    """The code of this package was changed under a process that runs it."""

    exit_code = ExitCode.INCONCLUSIVE


def code_digest(*rooms: str) -> str:
    """A hash of the sources on the disk, of all rooms by default: 25 ms of CPU, 2 ms of two rooms of forty files."""
    digest = hashlib.sha256()
    for folder in [FOLDER / room for room in rooms] or [FOLDER]:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(FOLDER)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def code_at_start(*rooms: str) -> str:
    """The digest as it was when this process first asked for it."""
    return code_digest(*rooms)


def check_unchanged(what: str, *rooms: str) -> None:
    """Raises ChangedCodeError, which ends with ``what``, if the code has another digest than it had at the start."""
    if code_digest(*rooms) != code_at_start(*rooms):
        raise ChangedCodeError(f"The code of aging in {FOLDER} was changed while this process ran. {what}")
