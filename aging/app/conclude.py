"""Seals and analyzes results in a fresh interpreter.

So the process that measures never imports pandas, pyarrow, scipy, statsmodels, matplotlib or jinja2: that halves its
memory (``docs/evidence.md``), also for a campaign that follows its sanity run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from aging.core.worker import WorkerError, call
from aging.runner.campaign import Outcome
from aging.store.layout import Layout

ANALYSIS = "aging.app.analyze:seal_and_analyze"
SMOKE = "aging.app.judge_smoke:seal_and_judge"
GATE = "aging.app.judged:seal_and_judge"
"""By name, so that the caller does not import them."""


def conclude(
    function: str, layout: Layout, outcome: Outcome, console: Console, asked: Mapping[str, Any] | None = None
) -> Any:
    """Seal the results of a campaign and return what ``function`` finds in them, given what it is ``asked`` besides.

    Raises an error with StorageError's message and exit code if a file cannot be sealed, unless the campaign was halted
    for lack of room: then that is printed. Raises WorkerError if the worker process crashed; the results are kept.
    """
    job = {"root": str(layout.root), "halted": outcome is Outcome.HALTED, **(asked or {})}
    try:
        answer = asyncio.run(call(function, job, shown=True))
    except WorkerError:
        hint = "" if function == SMOKE else f". To compute its findings: aging analyze {layout.root}"
        console.print(f"results: {layout.root}{hint}", soft_wrap=True)
        raise
    if answer["unsealed"] is not None:
        console.print(
            f"Not all files could be sealed: {answer['unsealed']}. `aging resume` seals them.", soft_wrap=True
        )
    return answer["found"]
