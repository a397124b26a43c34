"""Which runs of a round ended broken and are to be repeated.

Judged by a worker process: reading the samples of days must show neither in the runner's memory nor in its ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.campaign.plan import PlannedRun
from aging.core.worker import WorkerError, call
from aging.store.events import Journalize, RetryJudgeFailed

_JUDGE = "aging.findings.judge_runs:broken"
"""By name: what it imports is never the runner's."""

Reasons = Mapping[tuple[str, int], Sequence[str]]
"""Why a run is broken, by deployment and replica."""


async def broken_runs(root: Path, runs: Sequence[PlannedRun], tell: Journalize) -> Reasons:
    """The runs that ended broken, with the reasons. Nobody may be writing to their folders.

    Where the judge crashes no run is known to be broken, and ``tell`` writes that to the journal for each of them.
    """
    asked = {"root": str(root), "runs": [[run.options.name, run.replica] for run in runs]}
    try:
        found = await call(_JUDGE, asked)
    except WorkerError as error:
        for run in runs:
            name, log = run.options.name, list(error.lines)
            tell(
                RetryJudgeFailed(deployment=name, replica=run.replica, attempt=run.attempt, exit=error.status, log=log)
            )
        return {}
    return {(name, replica): reasons for name, replica, reasons in found}
