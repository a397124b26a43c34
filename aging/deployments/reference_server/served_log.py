"""Which requests a server has served, by their ids: what a client did not receive, or received twice, shows here."""

from __future__ import annotations

import os
from pathlib import Path


class ServedLog:
    """A file to which servers append a line when a request begins (``begin ID``) and when it was answered (``end ID``).

    Every line is one write, so that a server that is killed has written all, and several servers share a file.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def begin(self, request: bytes) -> None:
        """Note that this request was read."""
        os.write(self._file, b"begin %b\n" % request)

    def end(self, request: bytes) -> None:
        """Note that its whole answer was sent."""
        os.write(self._file, b"end %b\n" % request)
