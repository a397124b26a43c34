"""Which campaign is meant by a directory."""

from __future__ import annotations

from pathlib import Path

from aging.core.errors import ResultsError
from aging.report.campaign_list import campaigns_below
from aging.store.layout import Layout
from aging.store.other_path import not_a_campaign

_MOST_LISTED = 10


def campaign_directory(path: Path) -> Layout:
    """The layout of a result directory. Raises ResultsError; of a folder of several campaigns it lists the newest."""
    if not path.exists():
        raise ResultsError(f"{path}: does not exist")
    if (path / "journal.jsonl").is_file():
        return Layout(path.resolve())
    below = [*campaigns_below(path), *campaigns_below(path.parent)] if path.is_dir() else []
    inside = [one for one in below if path in one.directory.parents]
    if not inside:
        raise ResultsError(f"{path}: {not_a_campaign(path)}")
    newest = sorted(inside, key=lambda one: one.started or 0.0, reverse=True)
    listed = "\n".join(f"  {one.line()}" for one in newest[:_MOST_LISTED])
    more = "" if len(newest) <= _MOST_LISTED else f"\n  and {len(newest) - _MOST_LISTED} older ones"
    raise ResultsError(f"{path}: holds {len(newest)} campaigns; give the directory of one of them:\n{listed}{more}")
