"""A result directory, analyzed again: :func:`aging.analyze`."""

from __future__ import annotations

import os
from pathlib import Path

from aging.api.arguments import Span
from aging.api.results import Results, load_results
from aging.api.variant import variant
from aging.store.results import open_results


def analyze(
    path: str | os.PathLike[str],
    *,
    warmup: Span | None = None,
    grid: Span | None = None,
    test: str | None = None,
    q: float | None = None,
) -> Results:
    """Rebuild ``findings.json`` and ``report.html`` of a result directory, as ``aging analyze`` does; its results.

    With any of the settings nothing is written: the results that come back are judged with a ``warmup`` (``"5m"``,
    seconds, or ``"auto"``), a ``grid`` (``"30s"``, seconds), a trend ``test`` and a false-discovery rate ``q`` other
    than those of the campaign, which stay as they were where they are not given. How far do the verdicts depend on
    them? Raises InputError, a ValueError, with every mistake in them.
    """
    results = load_results(path)
    given = {"warmup": warmup, "grid": grid, "test": test, "q": q}
    if any(value is not None for value in given.values()):
        changed = variant(results.stored, given)
        return Results(changed.stored, changed.settings)
    from aging.app.analyze import derive  # noqa: PLC0415 - the report's libraries take half a second

    derive(open_results(Path(path)).layout.root)
    return load_results(path)
