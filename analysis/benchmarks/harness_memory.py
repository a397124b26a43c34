"""Does the harness itself age? Nine days of its ticks, as fast as they go, with its own memory watched.

Everything is what a campaign runs but for the clock: the sampling loop with its threads and deadlines,
the samplers over six real process trees and a real metrics endpoint, segments that are written and
sealed hour by hour, the journal, the live view that follows them. Only the clocks and ``ticks`` are
replaced, so that a second passes as soon as everybody has done with the one before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np

import aging.sampling.loop
from aging.core.allocator import keep_flat, prefill_allocator
from aging.core.clock import Clocks, Tick
from aging.core.records import HARNESS
from aging.core.targets import Target
from aging.report.progress import Progress
from aging.sampling.loop import Plan, Sampling
from aging.sampling.samplers.engine import EngineSampler
from aging.sampling.samplers.footprint import FootprintSampler
from aging.sampling.samplers.host import HostSampler
from aging.sampling.samplers.process import ProcessSampler, read_process
from aging.store.events import CampaignStarted, DeploymentStarted, LoadStarted
from aging.store.journal import Journal
from aging.store.layout import Layout
from analysis import ROOT

DEPLOYMENTS = 6
HOURS = 216
_SPARE_BYTES = 2**20
_WALL = 1_800_000_000.0
_METRICS = """
import http.server, sys
text = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
_SCRAPE = ROOT / "tests" / "samplers" / "data" / "vllm-0.32.0.txt"


class FastClock:
    """Time that moves on to the next appointment once everybody waits for theirs."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, asyncio.Event]] = []
        self._busy = 0
        self._count = 0
        self._all_wait = asyncio.Event()

    def clocks(self) -> Clocks:
        return Clocks(_WALL + self.now, self.now, self.now)

    async def ticks(self, interval: float, start: float) -> AsyncIterator[Tick]:
        """As :func:`aging.core.clock.ticks`, of this clock."""
        due = start
        self._busy += 1
        while True:
            await self._until(due)
            yield Tick(0.0, 0)
            due += interval

    async def _until(self, due: float) -> None:
        event = asyncio.Event()
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, event))
        self._busy -= 1
        if not self._busy:
            self._all_wait.set()
        await event.wait()

    async def run(self, until: float) -> None:
        while self.now < until:
            await self._all_wait.wait()
            self._all_wait.clear()
            self.now = self._waiting[0][0]
            while self._waiting and self._waiting[0][0] <= self.now:
                self._busy += 1
                heapq.heappop(self._waiting)[2].set()


@contextlib.contextmanager
def watched() -> Iterator[list[Target]]:
    """Six process trees of three, and their metrics endpoint."""
    with contextlib.ExitStack() as stack:
        serving = [sys.executable, "-c", _METRICS, str(_SCRAPE)]
        server = stack.enter_context(subprocess.Popen(serving, stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/metrics"
        targets = []
        for number in range(DEPLOYMENTS):
            tree = stack.enter_context(subprocess.Popen(["sh", "-c", "sleep 86400 & sleep 86400 & wait"]))
            stack.callback(subprocess.run, ["pkill", "-P", str(tree.pid)], check=False)
            targets.append(Target(f"d{number}", "tree", 1, (tree.pid,), metrics_url=url))
        yield targets


async def simulate(hours: int, root: Path, targets: list[Target]) -> np.ndarray:
    """Anonymous memory plus swap of this process at every simulated minute, in bytes; shape (60 * hours,)."""
    clock = FastClock()
    aging.sampling.loop.ticks = clock.ticks  # type: ignore[attr-defined]
    layout, journal = Layout(root), Journal(root / "journal.jsonl")
    journal.record(CampaignStarted(name="harness", pid=0, duration=hours * 3600.0))
    own = Target(HARNESS, "runner", 1, (os.getpid(),), with_descendants=False)
    for target in targets:
        journal.record(DeploymentStarted(deployment=target.owner, generation=1, pid=target.pids[0]))
        journal.record(LoadStarted(deployment=target.owner, load_start=0.0, planned_seconds=hours * 3600.0, pid=0))
    sampling = Sampling(layout.source, journal.record, lambda _: None, clock.clocks)
    everything = lambda: [*targets, own]  # noqa: E731 - as the runner hands it over
    plans = [
        Plan(ProcessSampler(everything), 1.0),
        Plan(HostSampler(everything), 5.0),
        Plan(EngineSampler(everything), 10.0),
        Plan(FootprintSampler(everything), 60.0),
    ]
    memory = np.full(60 * hours, np.nan)
    tasks = [asyncio.create_task(sampling.run(plan, 1.0)) for plan in plans]
    tasks.append(asyncio.create_task(_view(clock, layout)))
    tasks.append(asyncio.create_task(_weigh(clock, memory)))
    await asyncio.sleep(0)
    await clock.run(3600.0 * hours)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sampling.close()
    journal.close()
    return memory


async def _view(clock: FastClock, layout: Layout) -> None:
    with Progress(layout) as progress:
        async for _ in clock.ticks(1.0, 1.5):
            progress.snapshot()


async def _weigh(clock: FastClock, memory: np.ndarray) -> None:
    minute = 0
    async for _ in clock.ticks(60.0, 60.0):
        if minute < memory.size:
            memory[minute] = read_process(os.getpid(), {}, with_reaped=False)["process_anon_swap_bytes"]
        if minute == 0:
            prefill_allocator(_SPARE_BYTES)  # as the runner does in the first minute of a load
        minute += 1
        if minute % 360 == 0:
            print(f"{minute // 60} h: {memory[minute - 1] / 2**20:.2f} MiB", file=sys.stderr, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=int, default=HOURS)
    options = arguments.parse_args()
    keep_flat()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, watched() as targets:
        memory = asyncio.run(simulate(options.hours, Path(folder), targets))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    from aging.stats import drop_warmup, find_warmup, trend_test  # noqa: PLC0415 - not while it is weighed

    t = 60.0 * np.arange(1, memory.size + 1)
    t, y = t[~np.isnan(memory)], memory[~np.isnan(memory)]
    warmup = find_warmup(t, y)
    trend = trend_test(*drop_warmup(t, y, warmup))
    least = trend.minimum_detectable
    summary = {
        "hours": options.hours,
        "wall_seconds": round(time.monotonic() - began),
        "warmup_hours": warmup / 3600,
        "verdict": trend.verdict,
        "slope_bytes_per_hour": trend.slope * 3600,
        "ci_bytes_per_hour": [trend.low * 3600, trend.high * 3600],
        "minimum_detectable_bytes_per_hour": None if least is None else least * 3600,
        "memory_mib": [float(y[0]) / 2**20, float(y[-1]) / 2**20],
        "disk_mib": size / 2**20,
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
