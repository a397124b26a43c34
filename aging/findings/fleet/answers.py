"""The answers of a scan, kept in a directory so that an interrupted scan is taken up."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from aging.core.errors import writing
from aging.tables.prometheus import RangeSeries, Window

_SHARE_OF_RANGE, _LONGEST_SECONDS = 0.1, 86_400.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What identifies a scan: two scans that ask the same have equal answers at one end."""

    url: str
    match: tuple[str, ...]
    seconds: float
    step: float
    catalogue: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers by query, in memory or in ``folder``."""

    window: Window
    folder: Path | None = None

    @classmethod
    def begin(cls, folder: Path | None, asked: Asked) -> Kept:
        """The unfinished scan of this folder that asked the same, if it is young; otherwise a new one.

        Raises :class:`~aging.core.errors.StorageError`.
        """
        if folder is None:
            return cls(Window.last(asked.seconds, asked.step))
        state = folder / "scan.json"
        found = _state(state)
        window = Window.last(asked.seconds, asked.step)
        if found is not None and found.get("asked") == json.loads(json.dumps(asdict(asked))):
            end = float(found["end"])
            if time.time() - end < min(_SHARE_OF_RANGE * asked.seconds, _LONGEST_SECONDS):
                return cls(Window.last(asked.seconds, asked.step, end), folder)
        with writing(folder):
            shutil.rmtree(folder / "answers", ignore_errors=True)
            (folder / "answers").mkdir(parents=True)
            state.write_text(json.dumps({"asked": asdict(asked), "end": window.end}), encoding="utf-8")
        return cls(window, folder)

    def get(self, query: str) -> list[RangeSeries] | None:
        """The kept answer of a query; None where it has to be asked."""
        path = self._path(query)
        if path is None or not path.exists():
            return None
        try:
            with np.load(path) as held:
                labels, values = json.loads(str(held["labels"])), held["values"]
        except (OSError, ValueError, KeyError, BadZipFile):
            return None  # damaged: it is asked for again
        return [RangeSeries(one, row) for one, row in zip(labels, values, strict=True)]

    def put(self, query: str, answer: Sequence[RangeSeries]) -> None:
        """Keep an answer whole or not at all."""
        path = self._path(query)
        if path is None:
            return
        values = np.array([one.values for one in answer]).reshape(len(answer), self.window.points)
        temporary = path.with_suffix(".tmp.npz")
        with writing(path):
            np.savez(temporary, labels=json.dumps([dict(one.labels) for one in answer]), values=values)
            temporary.replace(path)

    def finish(self) -> None:
        """The scan is complete: the next one asks anew."""
        if self.folder is not None:
            with writing(self.folder):
                (self.folder / "scan.json").unlink(missing_ok=True)
                shutil.rmtree(self.folder / "answers", ignore_errors=True)

    def _path(self, query: str) -> Path | None:
        if self.folder is None:
            return None
        asked = f"{self.window} {query}"
        return self.folder / "answers" / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.npz"


def _state(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("end"), int | float) else None
