"""Where a server that grows allocates what it keeps: asked of its Python processes while they are under load.

The probe (``_allocation_probe/sitecustomize.py``) is imported by every Python process of the server. It tracks from
a moment after the start of load, twice: what was allocated and not freed in both halves is what grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from aging.core.errors import AgingError
from aging.findings.gate import AllocationSite
from aging.store.journal import JournalFollower
from aging.store.layout import Layout

SETTLE_SECONDS = 5.0
"""From the start of load until allocations are tracked."""

_LEAST_SECONDS, _MOST_SECONDS = 20.0, 120.0
_REQUESTS = 1000
_ANSWER_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ROUNDS = 2
_SITES, _FRAMES = 5, 8
_LEAST_SHARE = 0.02
_PROBE = Path(__file__).parent / "_allocation_probe"


def tracked_seconds(requests_per_minute: float | None) -> float:
    """How long to track so that about 1000 requests are seen: 20 to 120 s."""
    if not requests_per_minute:
        return _LEAST_SECONDS
    return min(max(_REQUESTS * 60 / requests_per_minute, _LEAST_SECONDS), _MOST_SECONDS)


def probe_environment(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` of a server, with the probe that answers in ``folder``."""
    before = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    path = os.pathsep.join(filter(None, [str(_PROBE), before]))
    return {**environment, "PYTHONPATH": path, "AGING_ALLOCATIONS": str(folder.absolute())}


def parse_allocations(rounds: Sequence[Iterable[str]]) -> list[AllocationSite]:
    """The sites of a server, from the answers of its processes in every round, largest first.

    What is not held after every round was held once: a buffer, a cache that was made larger. Equal stacks of several
    processes are one site, of 8 frames; its bytes and allocations are those of all rounds. Raises AgingError for what
    is not an answer of the probe.
    """
    held = [_held(answers) for answers in rounds]
    steady = {frames for frames in held[0] if all(frames in one for one in held)} if held else set()
    sums = [(sum(one[f][0] for one in held), sum(one[f][1] for one in held), f) for f in steady]
    return [AllocationSite(size, count, frames[:_FRAMES]) for size, count, frames in sorted(sums, reverse=True) if size]


def largest(sites: Sequence[AllocationSite]) -> list[AllocationSite]:
    """Those to show: the first five, without those of less than 2 % of all bytes."""
    least = _LEAST_SHARE * sum(one.bytes for one in sites)
    return [one for one in sites[:_SITES] if one.bytes >= least]


def read_sites(folder: Path) -> list[AllocationSite]:
    """The sites of the server whose processes have answered in ``folder``; none where no process has."""
    rounds = [[path.read_text() for path in sorted(folder.glob(f"*.{number}.json"))] for number in range(_ROUNDS)]
    return parse_allocations(rounds)


async def track(folders: Collection[Path], seconds: float, settle: float = SETTLE_SECONDS) -> None:
    """After ``settle`` seconds let every process track its allocations, for ``seconds`` in all.

    Returns when the processes have answered, at the latest four minutes later, and at once where no process has the
    probe.
    """
    if not any(one for folder in folders for one in folder.glob("*.control")):
        return
    await asyncio.sleep(settle)
    for number in range(_ROUNDS):
        await _ask(folders, "begin", f"{number}.begun")
        await asyncio.sleep(seconds / _ROUNDS)
        await _ask(folders, "end", f"{number}.json")


async def load_started(layout: Layout) -> None:
    """Wait until the journal of a campaign has the start of its load."""
    with JournalFollower(layout.journal) as journal:
        while not any(run.load_start for run in journal.state().runs.values()):  # noqa: ASYNC110 - written by others
            await asyncio.sleep(_POLL_SECONDS)


def _held(answers: Iterable[str]) -> Mapping[tuple[str, ...], tuple[int, int]]:
    held: dict[tuple[str, ...], tuple[int, int]] = {}
    for answer in answers:
        try:
            for one in json.loads(answer)["sites"]:
                frames = tuple(one["frames"])
                size, count = held.get(frames, (0, 0))
                held[frames] = (size + one["bytes"], count + one["count"])
        except (ValueError, TypeError, KeyError) as error:
            raise AgingError(f"not an answer of the allocation probe ({error!r}): {answer[:80]!r}") from None
    return held


async def _ask(folders: Collection[Path], word: str, answer: str) -> None:
    """Write to every process that listens, and wait until each has made its file ``PID.answer``, or for a minute."""
    expected = [
        control.with_suffix(f".{answer}")
        for folder in folders
        for control in sorted(folder.glob("*.control"))
        if _send(control, f"{word} {answer.partition('.')[0]}\n")
    ]
    deadline = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < deadline and not all(path.exists() for path in expected):  # noqa: ASYNC110 - of others
        await asyncio.sleep(_POLL_SECONDS)


def _send(control: Path, line: str) -> bool:
    """Whether a process reads ``control``: it may have ended since."""
    with contextlib.suppress(OSError):
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
        try:
            return os.write(descriptor, line.encode()) > 0
        finally:
            os.close(descriptor)
    return False
