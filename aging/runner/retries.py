"""Finds the runs that ended broken.

A worker process judges them: reading the samples of days must not show in the runner's memory or tick times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.campaign.plan import PlannedRun
from aging.core.worker import WorkerError, call
from aging.store.events import Journalize, RetryJudgeFailed

_JUDGE = "aging.findings.judge_runs:broken"
"""By name, so that the runner does not import it."""

Reasons = Mapping[tuple[str, int], Sequence[str]]
"""Why a run is broken, by deployment and replica."""


async def broken_runs(root: Path, runs: Sequence[PlannedRun], record_event: Journalize) -> Reasons:
    """The runs that ended broken, with the reasons. No process may be writing to their folders.

    If the judge crashes, no run counts as broken, and ``record_event`` journals the crash for each run.
    """
    asked = {"root": str(root), "runs": [[run.options.name, run.replica] for run in runs]}
    try:
        found = await call(_JUDGE, asked)
    except WorkerError as error:
        for run in runs:
            name, log = run.options.name, list(error.lines)
            record_event(
                RetryJudgeFailed(deployment=name, replica=run.replica, attempt=run.attempt, exit=error.status, log=log)
            )
        return {}
    return {(name, replica): reasons for name, replica, reasons in found}
