"""A study's folder as a caller sees it: :func:`aging.load_study`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aging.api.results import Results, load_results
from aging.core.errors import InputError
from aging.findings.study.build import analyze_study
from aging.findings.study.types import StudyFindings

_INTERVALS = ("ci_per_hour", "new_host_per_hour", "host_sd_ci", "ci", "new_host")
_PAIR = ("key", "baseline_level", "other_level", "baseline", "other", "deployment", "indicator")


def load_study(path: str | os.PathLike[str]) -> Study:
    """Open the folder of a study, complete or one that still runs, and judge its cells as they stand now.

    Nothing is written. Raises AgingError for a path that is no study's folder.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InputError(f"load_study: {path!r} is not a path; name the folder of a study")
    return Study(Path(path), analyze_study(Path(path)))


@dataclass(frozen=True, repr=False)
class Study:
    """A study: cells over hosts, as frames. ``found`` has all of it as values."""

    path: Path
    found: StudyFindings

    def findings(self) -> pd.DataFrame:
        """One row a variant, deployment and indicator: the mean rate over hosts, the verdict, how far hosts differ."""
        return _frame([_without(asdict(one), "by_cell", "rates") for one in self.found.findings])

    def rates(self) -> pd.DataFrame:
        """One row a variant, deployment, indicator and rate: per request and token, and those after the warm-up."""
        return _frame(
            [
                {"variant": one.variant, "deployment": one.deployment, "indicator": one.indicator}
                | _without(asdict(rate), "by_cell")
                for one in self.found.findings
                for rate in one.rates
            ]
        )

    def estimates(self) -> pd.DataFrame:
        """One row a cell, deployment and indicator, with the host that it ran on."""
        return _frame(
            [
                {"variant": one.variant, "deployment": one.deployment, "indicator": one.indicator, **asdict(cell)}
                for one in self.found.findings
                for cell in one.by_cell
            ]
        )

    def hosts(self) -> pd.DataFrame:
        """One row a host, deployment and indicator: its effect, and whether it is an outlier."""
        return _frame([asdict(one) for one in self.found.hosts])

    def differences(self) -> pd.DataFrame:
        """One row a pair of variants that differ in one level, deployment and indicator."""
        return _frame([_without(asdict(one), "rates") for one in self.found.differences])

    def rate_differences(self) -> pd.DataFrame:
        """The same of the other rates: one row a pair of variants, deployment, indicator and rate."""
        return _frame(
            [
                {name: value for name, value in asdict(one).items() if name in _PAIR} | asdict(rate)
                for one in self.found.differences
                for rate in one.rates
            ]
        )

    def cells(self) -> pd.DataFrame:
        """One row a cell of the plan: its status, host, attempts, and why it has no result."""
        return _frame([asdict(one) for one in self.found.cells])

    def results(self, cell: str) -> Results:
        """The result directory of a cell that is counted. Raises InputError for another name."""
        counted = {one.cell: one for one in self.found.cells if one.status == "counted"}
        one = counted.get(cell)
        if one is None or one.directory is None:
            raise InputError(f"{cell!r} is not a cell with a result; one of: {', '.join(counted)}")
        return load_results(self.path / one.directory)

    def __repr__(self) -> str:
        counted = len(self.found.cells) - len(self.found.missing)
        return f"Study({str(self.path)!r}: {counted} of {len(self.found.cells)} cells have a result)"


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame; an interval is in two columns, ``…_low`` and ``…_high``."""
    flat = []
    for row in rows:
        wide: dict[str, Any] = {}
        for key, value in row.items():
            if key in _INTERVALS:
                wide[f"{key}_low"], wide[f"{key}_high"] = value or (None, None)
            else:
                wide[key] = value
        flat.append(wide)
    return pd.DataFrame(flat)


def _without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in keys}
