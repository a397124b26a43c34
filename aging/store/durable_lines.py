"""Lines that are on the disk as soon as they are appended, also on a disk that is full: of journals and ledgers."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aging.store.segments import LineFile

_RESERVE = ".reserve"
_RESERVE_BYTES = 256 * 1024
"""Room for some thousand events; the end of a campaign takes a few dozen."""


class DurableLines:
    """The only writer of a file of lines.

    Lines of earlier writers are kept; an incomplete last line of a killed writer stays a separate line. On a full disk
    lines use a reserve file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)
        self._reserve = path.with_name(_RESERVE)
        with contextlib.suppress(OSError):  # no room for it: the next line raises StorageError
            if not self._reserve.exists():
                self._reserve.write_bytes(bytes(_RESERVE_BYTES))

    def append(self, line: bytes) -> None:
        """Append one line, and return when it is on the disk. Raises StorageError if the reserve is full, too."""
        try:
            self._file.append(line)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            self._file.append(line)
        self._file.sync()

    def close(self) -> None:
        self._file.close()
