"""What a path is that was given in place of a result directory or of a study's folder, and which one may be meant."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST_NAMED = 5
_NO_CAMPAIGN = "is not a result directory (it has no journal.jsonl)"
_NO_STUDY = "is not the folder of a study (it has no study.json)"
_HAVE = (
    "that of a campaign has journal.jsonl and manifest.json, that of a study has study.json and ledger.jsonl; "
    "`aging status` lists those below results"
)


def not_a_campaign(path: Path) -> str:
    """What a path without a journal is instead, as the end of a sentence about it."""
    if (path / "study.json").is_file():
        return (
            "is the folder of a study, which `aging status`, `report`, `resume` and `stop` take; "
            f"give the directory of one attempt at a cell, like {path / 'cells' / 'CELL' / 'a01'}"
        )
    return _other(path, _NO_CAMPAIGN)


def not_a_study(path: Path) -> str:
    """What a path without a study's plan is instead, as the end of a sentence about it."""
    if (path / "journal.jsonl").is_file():
        return "is the result directory of one campaign, and not the folder of a study (it has no study.json)"
    return _other(path, _NO_STUDY) if path.exists() else "does not exist"


def _other(path: Path, none: str) -> str:
    if path.is_file():
        return _file(path, none)
    if below := _newest_first(path):
        return f"{none}; the latest below it is {_listed(below)}"
    return f"{none}; {_HAVE}"


def _file(path: Path, none: str) -> str:
    """What a file is, and where its results are."""
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return f"{none}, but a file; {_HAVE}"
    kind = "study" if "campaign" in raw else "campaign" if "deployment" in raw else None
    name = raw.get("name")
    if kind is None or not isinstance(name, str) or not name:
        return f"{none}, but a file; {_HAVE}"
    below = [one for results in _results(path, raw) for one in _newest_first(results / name)]
    meant = f"the latest is {_listed(below)}" if below else f"it is results/{name}/UTC-START once it has run"
    return f"is a {kind} file; give the folder of results that its run has printed: {meant}"


def _results(path: Path, raw: dict[str, Any]) -> Iterator[Path]:
    """The folders in which a file's results are looked for, those that it names first."""
    own = raw.get("results")
    if isinstance(own, str) and "://" not in own:
        yield path.parent / own
        return
    yield Path("results")
    if path.parent.resolve() != Path.cwd():
        yield path.parent / "results"


def _newest_first(path: Path) -> list[Path]:
    """The results of campaigns and studies below a folder, and one folder further below; not the cells of a study."""
    plans = (*path.glob("*/study.json"), *path.glob("*/*/study.json"))
    studies = {one.parent for one in plans}
    journals = (*path.glob("*/journal.jsonl"), *path.glob("*/*/journal.jsonl"))
    campaigns = {one.parent for one in journals if studies.isdisjoint(one.parents)}
    return sorted(studies | campaigns, key=lambda one: (one.name, str(one)), reverse=True)


def _listed(below: list[Path]) -> str:
    """The newest, and some of those before it."""
    first, *others = (f"{one} (a study)" if (one / "study.json").is_file() else str(one) for one in below)
    if not others:
        return first
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return f"{first}, before it: {', '.join(others[:_MOST_NAMED])}{more}"
