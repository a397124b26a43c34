"""Runs, events and findings as pandas frames: one row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from aging.findings.run_validity import validities
from aging.findings.types import Finding
from aging.store.results import Results

_PAIRS = ("ci_per_hour", "ci_per_request", "ci_per_token", "current_ci_per_hour", "current_ci_per_unit")


def runs_frame(results: Results) -> pd.DataFrame:
    """What every run is worth, with the start and the end of its load (NaT where it has none yet)."""
    rows = []
    for one in validities(results):
        state = results.state.runs.get((one.deployment, one.replica))
        start, end = (None, None) if state is None else (state.load_start, state.load_end or state.died)
        rows.append(
            {
                "deployment": one.deployment,
                "replica": one.replica,
                "attempt": one.attempt,
                "validity": one.validity,
                "reasons": "; ".join(one.reasons),
                "start": _wall(results, start),
                "end": _wall(results, end),
                "measured_share": one.measured_share,
                "failed_share": one.failed_share,
            }
        )
    columns = ("deployment", "replica", "attempt", "validity", "reasons", "start", "end")
    frame = pd.DataFrame(rows, columns=[*columns, "measured_share", "failed_share"])
    return frame.astype({"start": "datetime64[ns, UTC]", "end": "datetime64[ns, UTC]"})


def events_frame(results: Results) -> pd.DataFrame:
    """The journal: when (UTC, and seconds since the campaign began), what, of which run, with which details."""
    began = results.state.started
    rows = [
        {
            "wall": event.stamp.wall,
            "seconds": event.stamp.mono - began.mono if began is not None else float("nan"),
            "event": event.kind,
            "deployment": event.deployment,
            "replica": None if event.deployment is None else event.replica,
            "details": event.details,
        }
        for event in results.events
    ]
    frame = pd.DataFrame(rows, columns=["wall", "seconds", "event", "deployment", "replica", "details"])
    return frame.assign(wall=utc_times(frame["wall"])).astype({"replica": "Int64"})


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """The keys of ``findings.json``, one row a finding; an interval in two columns (``…_low`` and ``…_high``)."""
    return pd.DataFrame([_row(finding) for finding in findings], columns=_COLUMNS)


def utc_times(wall: pd.Series) -> pd.Series:
    """Epoch seconds as UTC times."""
    return pd.to_datetime(wall, unit="s", utc=True).astype("datetime64[ns, UTC]")


def _row(finding: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in asdict(finding).items():
        if key in _PAIRS:
            row[f"{key}_low"], row[f"{key}_high"] = value or (None, None)
        else:
            row[key] = value
    return row


_COLUMNS = [
    column
    for key in Finding.__dataclass_fields__
    for column in ((f"{key}_low", f"{key}_high") if key in _PAIRS else (key,))
]


def _wall(results: Results, mono: float | None) -> pd.Timestamp | None:
    """A monotonic time by the clock on the wall, as the nearest event had both."""
    if mono is None:
        return None
    nearest = min((event.stamp for event in results.events), key=lambda stamp: abs(stamp.mono - mono))
    # The two clocks agree to about a millisecond.
    return pd.Timestamp(nearest.wall + (mono - nearest.mono), unit="s", tz="UTC").round("ms")
