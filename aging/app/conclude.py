"""What follows a measurement, in a fresh interpreter: sealing, then the analysis or a smoke run's verdicts.

The process that measures never imports pandas, pyarrow, scipy, statsmodels, matplotlib or jinja2 for it: it holds half
the memory (``docs/evidence.md``), and a sanity run leaves nothing of them to the campaign that it precedes.
"""

from __future__ import annotations

import asyncio
from typing import Any

from rich.console import Console

from aging.core.worker import WorkerError, call
from aging.runner.campaign import Outcome
from aging.store.layout import Layout

ANALYSIS = "aging.app.analyze:concluded"
SMOKE = "aging.app.judge_smoke:concluded"
"""By name: what they import is never the caller's."""


def conclude(function: str, layout: Layout, outcome: Outcome, console: Console) -> Any:
    """Seal what a campaign of this ``outcome`` has left and have ``function`` read it; what that found.

    Raises StorageError's message and exit code where something cannot be sealed, unless the campaign was halted for
    want of room: then that is a note. WorkerError where the other process crashed; what was measured is kept.
    """
    job = {"root": str(layout.root), "halted": outcome is Outcome.HALTED}
    try:
        answer = asyncio.run(call(function, job, shown=True))
    except WorkerError:
        again = "" if function == SMOKE else f"; its findings can be computed again: aging analyze {layout.root}"
        console.print(f"measured: {layout.root}{again}", soft_wrap=True)
        raise
    if answer["unsealed"] is not None:
        console.print(f"not everything could be sealed: {answer['unsealed']}; `aging resume` will", soft_wrap=True)
    return answer["found"]
