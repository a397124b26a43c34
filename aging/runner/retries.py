"""Which runs of a round ended broken and are to be repeated.

Judged by a worker process: reading the samples of days must show neither in the runner's memory nor in its ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aging.campaign.plan import PlannedRun
from aging.core.worker import WorkerError, call

Reasons = Mapping[tuple[str, int], Sequence[str]]
"""Why a run is broken, by deployment and replica."""


async def broken_runs(root: Path, runs: Sequence[PlannedRun], tell: Callable[..., object]) -> Reasons:
    """The runs that ended broken, with the reasons. Nobody may be writing to their folders.

    Where the judge crashes no run is known to be broken, and ``tell`` writes that to the journal for each of them.
    """
    asked = {"root": str(root), "runs": [[run.options.name, run.replica] for run in runs]}
    try:
        found = await call(judged, asked)
    except WorkerError as error:
        for run in runs:
            which = {"replica": run.replica, "attempt": run.attempt}
            tell("retry_judge_failed", run.options.name, **which, exit=error.status, log=list(error.lines))
        return {}
    return {(name, replica): reasons for name, replica, reasons in found}


def judged(asked: Mapping[str, Any]) -> list[Any]:
    """The broken ones of the runs asked for, with the reasons: what the worker process computes."""
    from aging.findings.run_validity import validity_of  # noqa: PLC0415
    from aging.store.results import open_results  # noqa: PLC0415 - what it takes is never the runner's

    results = open_results(asked["root"])
    runs = [validity_of(results, name, replica) for name, replica in asked["runs"]]
    return [[one.deployment, one.replica, list(one.reasons)] for one in runs if one.validity == "broken"]
