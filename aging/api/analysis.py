"""A result directory, analyzed again: :func:`aging.analyze`."""

from __future__ import annotations

import os
from pathlib import Path

from aging.api.results import Results, load_results
from aging.store.results import open_results


def analyze(path: str | os.PathLike[str]) -> Results:
    """Rebuild ``findings.json`` and ``report.html`` of a result directory, as ``aging analyze`` does; its results."""
    from aging.app.analyze import derive  # noqa: PLC0415 - the report's libraries take half a second

    derive(open_results(Path(path)).layout.root)
    return load_results(path)
