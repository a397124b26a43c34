"""Servers that age, for days, under the package's own runner: only clocks, processes and readings are simulated.

What runs is :class:`aging.runner.round.Round` with its runs, servers, rejuvenator, governor, policies and journal, in
virtual time (``analysis/accelerated/virtual_time``). Requests are not simulated, and readings come every ``tick``
seconds, when policies are asked as well: a day takes a fraction of a second. A server that reaches its limit dies, and
is started again by a supervisor, as systemd or Kubernetes would, after ``REPAIR_SECONDS``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import aging.runner.generation
import aging.runner.rejuvenator
from aging.campaign.load import parse_campaign
from aging.campaign.plan import rounds
from aging.core.clock import Timeline, ticks
from aging.core.errors import DeploymentError
from aging.core.metrics import PRIMARY
from aging.core.processes.ownership import Identity
from aging.core.records import TREE, Reading
from aging.core.tasks import cancel_all
from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import PriorServer
from aging.runner.catalogue import Catalogue
from aging.runner.free_ports import FreePorts
from aging.runner.round import Round
from aging.runner.run import ActiveRun, RunContext
from aging.store.events import DeploymentDied, Event
from aging.store.journal import Journal
from aging.store.layout import Layout
from analysis.accelerated.servers import Life
from analysis.accelerated.servers import Server as Described
from analysis.accelerated.virtual_time import HostTime, VirtualClock, VirtualLoop, live_by

GIB = float(2**30)
REPAIR_SECONDS = 300.0
"""From a death until the supervisor has noticed it and begins the next start."""

DAY_SECONDS = 86_400.0

_EXHAUSTED = "killed by SIGKILL"

_FIRST_PID = 5_000_000
"""No process of this host: above the kernel's largest."""

Level = Callable[[float], float]
"""Bytes that a server holds, by the age of its process in seconds."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A server: what each of its generations holds (by its number, from 1), at how much it dies, how long it starts.

    ``starts_fail`` is the share of its starts that fail.
    """

    name: str
    level: Callable[[int], Level]
    limit: float = 8 * GIB
    start_seconds: float = 70.0
    starts_fail: float = 0.0


@dataclass(frozen=True, slots=True)
class Lived:
    """What the journal says of a simulated time, and how long it was, in seconds."""

    events: tuple[Event, ...]
    seconds: float

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)

    @property
    def exhaustions(self) -> int:
        """How often a server reached its limit."""
        return sum(isinstance(event, DeploymentDied) and event.why.startswith(_EXHAUSTED) for event in self.events)

    @property
    def down_seconds(self) -> float:
        """Seconds in which a server was not ready, of all servers together."""
        since: dict[str | None, float] = {}
        down = 0.0
        for event in self.events:
            if event.kind in ("deployment_died", "deployment_stopped"):
                since.setdefault(event.deployment, event.stamp.mono)
            elif event.kind == "deployment_ready" and event.deployment in since:
                down += event.stamp.mono - since.pop(event.deployment)
        return down

    def most_at_once(self) -> int:
        """The most servers that were rejuvenated at the same time."""
        begun = [(event.stamp.mono, 1) for event in self.events if event.kind == "rejuvenation_started"]
        ends = ("rejuvenation_completed", "rejuvenation_failed")
        ended = [(event.stamp.mono, -1) for event in self.events if event.kind in ends]
        return max(itertools.accumulate(step for _, step in sorted([*begun, *ended])), default=0)


class Host:
    """A virtual host on which one simulated time follows the other; it changes the clocks of this process for good.

    Its files are in ``folder``.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.clock = VirtualClock(HostTime(), seed)
        self.folder = folder / str(os.getpid())
        self.folder.mkdir()
        self._numbers = itertools.count()
        self._lives: dict[int, Life] = {}
        self._newest: dict[str, Life] = {}
        self._repaired: dict[str, float] = {}
        self._chance = Random(seed)
        live_by(self.clock, self.folder / "boot_id")
        aging.runner.generation.identity = self._identity  # type: ignore[attr-defined]
        aging.runner.generation.command_line = _no_command  # type: ignore[attr-defined]
        aging.runner.generation._LOG_PAUSE_SECONDS = (3600.0, 86_400.0)  # nothing is written to the logs

    def live(self, text: str, servers: Sequence[Simulated], tick: float = 30.0) -> Lived:
        """Run the campaign of a file's ``text`` (without load) with these servers to its end."""
        aging.runner.rejuvenator._INTERVAL_SECONDS = tick
        aging.runner.rejuvenator._SETTLED_SECONDS = 4 * tick
        catalogue = Catalogue.discovered()
        self._newest.clear()
        self._repaired.clear()
        campaign = parse_campaign(text, catalogue.kinds(), "campaign")
        layout = Layout(self.folder / str(next(self._numbers)))
        layout.run("_harness").mkdir(parents=True)
        events: list[Event] = []
        journal = Journal(layout.journal)

        def record(event: Event) -> Event:
            stamped = journal.record(event)
            events.append(stamped)
            return stamped

        async def whole() -> None:
            by_name = {server.name: server for server in servers}
            context = RunContext(campaign, layout, Timeline(), record, asyncio.Event(), FreePorts())
            (planned,) = rounds(campaign)
            runs = [
                ActiveRun(run, _Deployment(run.options, by_name[run.options.name], self), None, context)
                for run in planned
            ]
            round_ = Round(runs, context, catalogue.policy, None)
            feeding = asyncio.create_task(self._feed(round_, by_name, tick))
            try:
                await round_.run()
            finally:
                await cancel_all([feeding])

        with contextlib.closing(journal), asyncio.Runner(loop_factory=lambda: VirtualLoop(self.clock)) as runner:
            began = self.clock.monotonic()
            runner.run(whole())
        shutil.rmtree(layout.root)
        return Lived(tuple(events), self.clock.monotonic() - began)

    async def _feed(self, round_: Round, servers: Mapping[str, Simulated], tick: float) -> None:
        """Read every server every ``tick`` seconds; one that has reached its limit dies instead."""
        async for _ in ticks(tick, self.clock.monotonic() + tick / 2):
            for run in round_.runs:
                server = run.server
                life = self._newest.get(server.name)
                if life is None or life.how is not None or server.ready_since is None:
                    continue
                described = servers[server.name]
                held = described.level(server.generation)(self.clock.monotonic() - life.born)
                if held >= described.limit:
                    self._repaired[server.name] = self.clock.monotonic() + REPAIR_SECONDS
                    life.die(_EXHAUSTED)
                else:
                    round_.see(Reading(server.name, TREE, server.generation, {PRIMARY: held}))

    async def begin(self, server: Simulated) -> Life:
        """A new process of a server, once it is ready. Raises DeploymentError."""
        if self.clock.monotonic() < self._repaired.get(server.name, 0.0):
            raise DeploymentError("the supervisor has not started it yet")
        await asyncio.sleep(server.start_seconds)
        if self._lives and self._chance.random() < server.starts_fail:
            self._repaired[server.name] = self.clock.monotonic() + REPAIR_SECONDS
            raise DeploymentError("it ended before it was ready")
        pid = _FIRST_PID + len(self._lives)
        life = Life(Described(server.name, 0.0), Identity(pid, int(100 * self.clock.monotonic())))
        self._lives[pid] = self._newest[server.name] = life
        return life

    def _identity(self, pid: int) -> Identity | None:
        life = self._lives.get(pid)
        return None if life is None or life.how is not None else life.identity


@dataclass(frozen=True, slots=True)
class _Origin:
    """Simulated processes of one server (:class:`aging.deployments.lifecycle.Origin`)."""

    host: Host
    server: Simulated
    endpoint: ClassVar[None] = None
    metrics_url: ClassVar[None] = None
    returns_within: ClassVar[float] = float("inf")

    async def begin(self, campaign: Path, log: Path) -> Life:  # noqa: ARG002 - it writes no log
        return await self.host.begin(self.server)

    async def readopt(self, prior: PriorServer) -> None:
        """No runner is killed here."""

    def described(self) -> Mapping[str, Any]:
        return {"simulated": self.server.name}


class _Deployment(DeploymentBase[Any]):
    """A deployment of the campaign file with a simulated server behind its options."""

    kind = "simulated"

    def __init__(self, options: Any, server: Simulated, host: Host) -> None:
        super().__init__(options, None)
        self._origin = _Origin(host, server)

    def origin(self) -> _Origin:
        return self._origin

    @property
    def port(self) -> int | None:
        port: int | None = self.options.port
        return port


def _no_command(pid: int) -> tuple[str, ...]:  # noqa: ARG001 - there is no such process
    return ()


def campaign_text(names: Sequence[str], seconds: float, tables: str = "") -> str:
    """A campaign file without load, of these servers; ``tables`` are the `[[rejuvenation]]` tables."""
    head = f'schema = 1\nname = "simulated"\nseed = 7\nduration = "{seconds:.0f}s"\n[load]\nkind = "none"\n'
    servers = (
        f'[[deployment]]\nname = "{name}"\nkind = "reference"\nport = {2000 + place}\n'
        for place, name in enumerate(names)
    )
    return head + tables + "\n" + "".join(servers)
