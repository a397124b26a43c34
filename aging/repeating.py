"""Which runs of a round ended broken and are to be repeated.

Judged by a process of its own (``python -m aging.repeating``): reading the samples of days must show neither in the
runner's memory nor in its ticks.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.plan import Run

Reasons = Mapping[tuple[str, int], Sequence[str]]
"""Why a run is broken, by deployment and replica."""


async def broken_runs(root: Path, runs: Sequence[Run]) -> Reasons:
    """The runs that ended broken, with the reasons. Nobody may be writing to their folders."""
    asked = {"root": str(root), "runs": [[run.options.name, run.replica] for run in runs]}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aging.repeating"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate(json.dumps(asked).encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    found = json.loads(said) if process.returncode == 0 else []
    return {(name, replica): reasons for name, replica, reasons in found}


def main() -> None:
    """The question comes as JSON, the broken runs go back as JSON."""
    from aging.store.results import open_results  # noqa: PLC0415 - what it takes is never the runner's
    from aging.validity import validity_of  # noqa: PLC0415

    asked = json.load(sys.stdin)
    results = open_results(asked["root"])
    judged = [validity_of(results, name, replica) for name, replica in asked["runs"]]
    json.dump(
        [[one.deployment, one.replica, list(one.reasons)] for one in judged if one.validity == "broken"], sys.stdout
    )


if __name__ == "__main__":
    main()
