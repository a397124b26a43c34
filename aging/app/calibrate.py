"""Runs a calibration: each deployment alone, its load process at one rate after another.

The servers run in a temporary folder; only the ceilings are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from aging.campaign.schema import Campaign, LoadTable
from aging.core.errors import DeploymentError, InconclusiveError, require, writing
from aging.core.processes.logs import tail
from aging.core.tasks import to_the_end
from aging.deployments.base import DeploymentBase
from aging.findings.saturation import LEAST_REQUESTS, Ceiling, Limits, Step, search, step_of
from aging.load.job import Job
from aging.load.schedule.classes import classes_of
from aging.runner.free_ports import FreePorts, named_ports
from aging.runner.keeper_client import KeeperClient
from aging.runner.load_process import LoadProcess
from aging.runner.server import Server
from aging.store.layout import Layout
from aging.store.reader import read_rows

_LEAD_SECONDS = 0.5
_SETTLES_IN = 2.0
"""The window starts after this many response times: until then requests arrive and few are answered."""

_DRAIN_SECONDS = 2.0

OnStep = Callable[[str, Step], object]


@dataclass(frozen=True, slots=True)
class Windows:
    """Seconds to measure each rate for, and the minimum seconds before that in which the server settles."""

    step: float = 20.0
    settle: float = 5.0


async def calibrate(
    campaign: Campaign, deployments: Sequence[DeploymentBase[Any]], windows: Windows, limits: Limits, on_step: OnStep
) -> list[Ceiling]:
    """The ceiling of every deployment under the campaign's load, one after the other, each alone on the machine.

    Raises :class:`DeploymentError` if a server does not start or dies, and
    :class:`InconclusiveError` if a load process ends before its load does.
    """
    ceilings = []
    with contextlib.closing(FreePorts(named_ports(campaign))) as ports:
        for deployment in deployments:
            async with _running_server(deployment, ports, campaign.load) as (server, layout):
                measuring = _Measuring(campaign, server, layout, windows, on_step)
                ceilings.append(await search(server.name, measuring.measure, limits))
    return ceilings


@asynccontextmanager
async def _running_server(
    deployment: DeploymentBase[Any], ports: FreePorts, load: LoadTable | None
) -> AsyncIterator[tuple[Server, Layout]]:
    with TemporaryDirectory(prefix="aging-calibrate-") as folder:
        layout = Layout(Path(folder))
        layout.journal.touch()  # empty; the keeper reads it when this process is killed
        patience = getattr(deployment.options, "stop_timeout", 0.0)
        keeper = KeeperClient(layout.root, 0.0, patience, lambda _: None)
        port = ports.of(deployment.options.name)
        server = Server(deployment, 1, layout, lambda _: None, port, load=load)
        await keeper.start()
        try:
            await server.start()
            yield server, layout
        finally:
            await server.stop()
            await keeper.goodbye()


class _Measuring:
    """Drives one deployment at the rates that the search asks for."""

    def __init__(self, campaign: Campaign, server: Server, layout: Layout, windows: Windows, on_step: OnStep) -> None:
        self._campaign, self._server, self._layout, self._windows, self._on_step = (
            campaign,
            server,
            layout,
            windows,
            on_step,
        )
        self._load = require(campaign.load, "the load of a campaign that is calibrated")
        self._steps = 0
        self._answer_seconds = 0.0

    async def measure(self, rate: float) -> Step:
        """Send load at one rate until its window is over."""
        self._steps += 1
        settle = max(self._windows.settle, _SETTLES_IN * self._answer_seconds)
        window = max(self._windows.step, LEAST_REQUESTS / rate)
        folder = self._layout.root / f"step-{self._steps}"
        load_start = await self._drive(rate, settle + window, folder)
        requests = read_rows(folder, None).table.to_pandas()
        if requests.empty:
            raise InconclusiveError(f"{self._server.name}: no request was sent in {settle + window:.0f} s")
        begin = load_start + settle
        step = step_of(self._open(requests), rate, begin, begin + window)
        if step.saturated is None and step.e2e_p50 is not None:
            self._answer_seconds = step.e2e_p50
        self._on_step(self._server.name, step)
        return step

    def _open(self, requests: pd.DataFrame) -> pd.DataFrame:
        """The requests of open arrivals: the rate of a closed loop follows the answers."""
        closed = [each.name for each in classes_of(self._load) if each.arrivals.places() is not None]
        return requests[~requests["load_class"].isin(closed)] if closed else requests

    async def _drive(self, rate: float, seconds: float, folder: Path) -> float:
        """Send load at ``rate`` for so long; return its monotonic start. Requests still unanswered are dropped."""
        endpoint = require(self._server.endpoint, f"the endpoint of {self._server.name}")
        with writing(self._layout.root):
            log = (self._layout.root / "load.log").open("ab")
        with log:
            load_process = await LoadProcess.start(self._layout.root, log)
            load_start = time.monotonic() + _LEAD_SECONDS
            job = Job(
                endpoint=endpoint,
                load=self._load.model_copy(update={"drain": _DRAIN_SECONDS}),
                rate=rate,
                seed=self._campaign.seed,
                duration=seconds,
                load_start=load_start,
                folder=folder,
            )
            try:
                load_process.begin(job)
                await self._until_over(load_process)
            finally:
                await to_the_end(load_process.kill())
        return load_start

    async def _until_over(self, load_process: LoadProcess) -> None:
        name = self._server.name
        load, death = asyncio.create_task(load_process.wait()), asyncio.create_task(self._server.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done():
                raise DeploymentError(f"{name} died during calibration; its ceiling is unknown")
            if load.result() != 0 or load_process.finished is None:
                lines = "".join(f"\n  | {line}" for line in tail(self._layout.root / "load.log"))
                why = "" if load_process.failure is None else f": {load_process.failure}"
                raise InconclusiveError(f"{name}: the load process exited with {load.result()}{why}{lines}")
        finally:
            for task in (load, death):
                task.cancel()
            await asyncio.gather(load, death, return_exceptions=True)
