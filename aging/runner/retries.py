"""Which runs of a round ended broken and are to be repeated.

Judged by a worker process: reading the samples of days must show neither in the runner's memory nor in its ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aging.campaign.plan import PlannedRun
from aging.core.worker import WorkerError, call

_JUDGE = "aging.findings.judge_runs:broken"
"""By name: what it imports is never the runner's."""

Reasons = Mapping[tuple[str, int], Sequence[str]]
"""Why a run is broken, by deployment and replica."""


async def broken_runs(root: Path, runs: Sequence[PlannedRun], record_event: Callable[..., object]) -> Reasons:
    """The runs that ended broken, with the reasons. No process may be writing to their folders.

    If the judge crashes, no run counts as broken, and ``record_event`` journals the crash for each run.
    """
    asked = {"root": str(root), "runs": [[run.options.name, run.replica] for run in runs]}
    try:
        found = await call(_JUDGE, asked)
    except WorkerError as error:
        for run in runs:
            which = {"replica": run.replica, "attempt": run.attempt}
            record_event("retry_judge_failed", run.options.name, **which, exit=error.status, log=list(error.lines))
        return {}
    return {(name, replica): reasons for name, replica, reasons in found}
