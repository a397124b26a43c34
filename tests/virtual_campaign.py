"""Whole campaigns in virtual time: the command line, the runner and the analysis of the package, in this process.

Clocks, servers, load processes and samplers are those of the accelerated study (``analysis/accelerated``): time stands
still while anybody works and jumps to the next appointment when nobody does. A campaign of minutes takes as long as its
rows take to write, on however busy a host. What needs processes, sockets or signals is in ``tests/e2e``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest

import aging.app.analyze
import aging.app.conclude
import aging.app.execute
import aging.app.judged
import aging.app.prepare
import aging.app.resume
import aging.check.watch
import aging.findings.series
import aging.runner.campaign
import aging.runner.generation
import aging.runner.load_process
import aging.runner.preflight
import aging.runner.probe
import aging.runner.retries
import aging.runner.round
import aging.runner.run
import aging.runner.settle
import aging.sampling.loop
from aging.campaign.schema import Campaign
from aging.core.endpoint import Endpoint
from aging.core.metrics import PRIMARY
from aging.core.records import Reading
from aging.deployments.base import DeploymentBase
from aging.load.schedule.classes import classes_of
from aging.runner.catalogue import Catalogue
from aging.runner.settle import HostUse
from aging.runner.watchdogs.disk import Room
from aging.runner.watchdogs.memory import Memory
from aging.store.events import Event
from aging.store.results import Results, open_results
from aging.store.sealing import seal
from aging.store.segments import Sealer
from analysis.accelerated.deployment import Beginnings, address
from analysis.accelerated.loads import Loads
from analysis.accelerated.samplers import SimulatedProcesses, SimulatedSampler
from analysis.accelerated.servers import Life, Server
from analysis.accelerated.virtual_time import HostTime, VirtualClock, VirtualLoop, _Reader
from analysis.accelerated.world import World
from tests.command_line import run_here
from tests.conftest import result_directory

__all__ = ["Life", "Server", "VirtualCampaign", "call_here", "small_campaign"]

_PLENTY = 2**50
_MEMORY_BYTES = 64e6
_SAME_LOAD_SECONDS = 1.0
_INDICATORS = {PRIMARY}

Action = Callable[[], object]


def small_campaign(
    *deployments: str,
    duration: str = "60s",
    head: str = "",
    tables: str = "",
    rate: float = 2.0,
    tick: str = "1s",
) -> str:
    """A campaign file: ``deployments`` are the keys of a reference server each, beside its kind; port 1000 is next."""
    text = f"""
schema = 1
name = "small"
seed = 7
duration = "{duration}"
{head}
[load]
arrivals = {{ kind = "constant", rate = {rate} }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
timeout = "5s"
drain = "5s"
[sampling]
process = "{tick}"
[analysis]
grid = "1s"
{tables}
"""
    for number, keys in enumerate(deployments):
        text += f'[[deployment]]\nkind = "reference"\nport = {2000 + number}\n{keys}\n'
    return text


class Killed(BaseException):
    """The runner has been killed: nothing of it does anything any more."""


@dataclass
class _Cue:
    """What is to happen ``seconds`` after the load of the ``load``-th round, repeats included, began."""

    load: int
    seconds: float
    happen: Action
    done: bool = False


class VirtualCampaign:
    """One campaign in ``folder``, through as many lives of its runner as the test has it live.

    ``servers`` are the simulated servers by deployment; one that is not given is steady, or leaks at the rate that its
    options say. ``at`` and ``on_birth`` say what is to happen; ``run`` and ``resume`` return when the runner has ended.
    """

    def __init__(self, folder: Path, text: str, servers: Mapping[str, Server] | None = None) -> None:
        self.file = folder / "small.toml"
        self.file.write_text(text)
        self.output = ""
        """What the last life of the runner printed; empty for one that was killed."""
        self.kills: list[float] = []
        """When its runners were killed, in monotonic seconds of their boot."""
        self.disk_full = False
        self.memory_available = _PLENTY
        self.memory_used = 8e9
        self.ports_in_use: dict[int, str] = {}
        self._folder = folder
        self._servers = dict(servers or {})
        self._host = HostTime()
        self._anchors: list[float] = []
        self._cues: list[_Cue] = []
        self._births: dict[tuple[str, int], Callable[[Life], object]] = {}
        self._born: dict[str, int] = {}
        self._following: list[asyncio.Task[None]] = []
        self._world: World | None = None
        self._kept: Path | None = None

    # What is to happen.

    def at(self, seconds: float, happen: Action, load: int = 1) -> None:
        """Have something happen ``seconds`` after the ``load``-th load began; repeats begin loads of their own."""
        self._cues.append(_Cue(load, seconds, happen))

    def kill(self, seconds: float, load: int = 1) -> None:
        """SIGKILL to the runner: what lies on the disk just then is all that it leaves."""
        self.at(seconds, self._kill, load)

    def kill_after_birth(self, name: str, seconds: float) -> None:
        """SIGKILL to the runner so many seconds after it has started the first process of a server."""
        self.on_birth(name, lambda _: self.kill_in(seconds))

    def kill_in(self, seconds: float) -> None:
        """SIGKILL to the runner so many seconds from now."""
        clock = self.world.clock
        clock.at(clock.host.true + seconds, self._kill)

    def interrupt(self, seconds: float, load: int = 1) -> None:
        """SIGINT to the runner."""
        self.at(seconds, lambda: os.kill(os.getpid(), signal.SIGINT), load)

    def server_dies(self, name: str, seconds: float, load: int = 1, how: str = "killed by SIGKILL") -> None:
        self.at(seconds, lambda: self.world.lives[name].die(how), load)

    def load_dies(self, name: str, seconds: float, load: int = 1) -> None:
        """SIGKILL to a load process."""

        def happen() -> None:
            self.world.loads[name].die()

        self.at(seconds, happen, load)

    def falls_silent(self, name: str, seconds: float, lasts: float, load: int = 1) -> None:
        """A server takes requests and answers none."""

        def happen() -> None:
            now = self.world.clock.monotonic()
            self.world.silences[name] = now, now + lasts

        self.at(seconds, happen, load)

    def on_birth(self, name: str, happen: Callable[[Life], object], life: int = 1) -> None:
        """Have something happen to the ``life``-th process of a server when it has been started."""
        self._births[name, life] = happen

    def ends(self, name: str, how: str, after: float = 0.0, life: int = 1) -> None:
        """The ``life``-th process of a server ends ``after`` so many seconds."""
        self.on_birth(name, lambda born: asyncio.get_running_loop().call_later(after, born.die, how), life)

    def on_end(self, name: str, happen: Action) -> None:
        """Have something happen when the first process of a server has ended."""

        def follow(life: Life) -> None:
            async def wait() -> None:
                await life.wait()
                happen()

            self._following.append(asyncio.get_running_loop().create_task(wait()))

        self.on_birth(name, follow)

    # The lives of its runner.

    def run(self, *arguments: str | Path, verb: str = "run") -> int | None:
        """``aging run``, or another verb, on the file; the exit code, or None where the runner was killed."""
        return self._live(verb, self.file, *arguments)

    def resume(self, after: float = 5.0, *, without: Collection[str] = (), rebooted: bool = False) -> int | None:
        """``aging resume`` after so many seconds. The servers of ``without`` ended meanwhile, unless all did."""
        self._host = self._host.rebooted(after) if rebooted else self._host.later(after)
        return self._live("resume", self.root, without=without)

    # What it left.

    @property
    def root(self) -> Path:
        return result_directory(self._folder / "results")

    @property
    def results(self) -> Results:
        return open_results(self.root)

    @property
    def findings(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.results.layout.findings.read_text())
        return found

    def events(self, kind: str, deployment: str | None = None) -> list[Event]:
        return [e for e in self.results.events if e.kind == kind and deployment in (None, e.deployment)]

    def problems(self, deployment: str | None = None) -> set[str]:
        """The kinds of the problems of the campaign, or of one deployment."""
        return {one["kind"] for one in self.findings["problems"] if deployment in (None, one["deployment"])}

    # How it is done.

    @property
    def world(self) -> World:
        assert self._world is not None
        return self._world

    def _live(self, verb: str, *arguments: str | Path, without: Collection[str] = ()) -> int | None:
        clock = VirtualClock(self._host, seed=1)
        self._world = World(clock, {}, 1, frozenset(without), self._load_began)
        self._kept = None
        with pytest.MonkeyPatch.context() as patch:
            self._simulate(patch, clock)
            for cue in self._cues:
                if cue.load <= len(self._anchors):
                    self._plan(cue)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # a load process that is killed closes no file
                try:
                    ran: CompletedProcess[str] | None = run_here(self._folder, verb, *arguments)
                except Killed:
                    ran = None
                gc.collect()
        if ran is None:
            self._put_back()
            self.output = ""
            return None
        self._host = clock.host
        self.output = ran.stdout + ran.stderr
        return ran.returncode

    def _simulate(self, patch: pytest.MonkeyPatch, clock: VirtualClock) -> None:
        """Put what is simulated in its place."""
        world = self.world
        boot = self._folder / "boot_id"
        boot.write_text(f"boot-{clock.host.boots}\n")
        catalogue = replace(Catalogue.discovered(), samplers={_Processes.kind: _Processes})

        def run(whole: Coroutine[Any, Any, Any]) -> Any:
            with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
                return runner.run(whole)

        for where, name, stand_in in (
            (aging.app.execute, "asyncio", _Asyncio(run)),
            (aging.app.execute, "_view", _no_view),
            (aging.app.execute, "keep_flat", lambda: None),
            (aging.app.prepare, "resolve_deployments", self._resolve_deployments),
            (aging.app.resume, "resolve_deployments", self._resolve_deployments),
            (aging.findings.series, "_latencies", lambda *_: {}),
            (aging.app.analyze, "write_report", lambda _measured, _findings, path: path.touch()),
            (aging.app.judged, "write_gate_plot", lambda _gate, path: path.touch()),
            (aging.app.prepare, "reap", tuple),
            (aging.runner.preflight, "port_taken", lambda port, _ours: self.ports_in_use.get(port)),
            (aging.app.conclude, "call", call_here),
            (aging.check.watch, "call", call_here),
            (aging.runner.retries, "call", call_here),
            (Sealer, "_begin", _seal_here),
            (aging.runner.campaign, "KeeperClient", _NoKeeping),
            (aging.runner.load_process, "LoadProcess", Loads(world)),
            (aging.runner.probe, "send", world.send),
            (aging.runner.generation, "identity", world.identity),
            (aging.runner.generation, "command_line", world.command_line),
            (aging.runner.settle, "host_use", lambda: HostUse(self.memory_used, 64e9)),
            (aging.runner.settle, "port_taken", self.ports_in_use.get),
            (aging.runner.round, "prefill_allocator", lambda _spare: None),
            (aging.core.clock, "_BOOT_ID", boot),
            (aging.sampling.loop, "SamplerThread", _Reader),
            (Catalogue, "discovered", lambda: catalogue),
            (Room, "of", lambda _folder: Room(0 if self.disk_full else _PLENTY, None)),
            (Memory, "now", lambda: Memory(self.memory_available, "the host")),
        ):
            patch.setattr(where, name, stand_in)
        patch.setattr(SimulatedSampler, "world", world, raising=False)
        for name, module in list(sys.modules.items()):
            ours = name.partition(".")[0] == "aging" and isinstance(module, ModuleType)
            if ours and getattr(module, "time", None) is time:
                patch.setattr(module, "time", clock)

    def _resolve_deployments(
        self, campaign: Campaign, catalogue: Catalogue, _base: Path = Path()
    ) -> Sequence[DeploymentBase[Any]]:
        """The campaign's deployments, with simulated servers behind their options."""
        loads = (
            {} if campaign.load is None else {o.name: classes_of(campaign.load, o.rate) for o in campaign.deployment}
        )
        made = []
        for options in campaign.deployment:
            subject = catalogue.deployments[options.kind](options, None)
            known = subject.known_aging()
            rate = sum(each.arrivals.mean_rate() for each in loads.get(options.name, ()))
            leak = 0.0 if known is None else known.per_hour + 3600 * rate * known.per_request
            steady = Server(options.name, _MEMORY_BYTES, leak=leak, ready=2.0, processes=1, ttft=0.1, token=0.01)
            self.world.servers = {**self.world.servers, options.name: self._servers.get(options.name, steady)}
            made.append(self._simulated(subject))
        return made

    def _simulated(self, subject: DeploymentBase[Any]) -> DeploymentBase[Any]:
        """The deployment with a simulated server behind it, at whatever port."""
        world, server, begun = self.world, self.world.servers[subject.options.name], self._begun

        def origin(self: DeploymentBase[Any]) -> _Origin:
            return _Origin(world, server, Endpoint(address(server.name, self.port), "local"), begun)

        subject.__class__ = type("Simulated", (type(subject),), {"origin": origin})
        return subject

    def _begun(self, name: str, life: Life) -> None:
        self._born[name] = self._born.get(name, 0) + 1
        if happen := self._births.get((name, self._born[name])):
            happen(life)

    def _load_began(self, _folder: Path, ahead: float) -> None:
        true = self.world.clock.host.true + ahead
        if self._anchors and true - self._anchors[-1] < _SAME_LOAD_SECONDS:  # another run of the round, or resumed
            return
        self._anchors.append(true)
        for cue in self._cues:
            if cue.load == len(self._anchors):
                self._plan(cue)

    def _plan(self, cue: _Cue) -> None:
        def happen() -> None:
            if not cue.done and self._kept is None:
                cue.done = True
                cue.happen()

        self.world.clock.at(self._anchors[cue.load - 1] + cue.seconds, happen)

    def _kill(self) -> None:
        self._host = self.world.clock.host
        self.kills.append(self._host.mono)
        self._kept = self._folder / "killed"
        shutil.copytree(self.root, self._kept)
        raise Killed

    def _put_back(self) -> None:
        """What lay on the disk at the kill: what the runner's tasks did when they were cancelled has never been."""
        assert self._kept is not None
        root = self.root
        shutil.rmtree(root)
        self._kept.rename(root)


@dataclass(frozen=True, slots=True)
class _Origin(Beginnings):
    """Simulated server processes whose starts are reported to the campaign."""

    begun: Callable[[str, Life], object]

    async def begin(self, campaign: Path, log: Path) -> Life:
        life = await Beginnings.begin(self, campaign, log)
        self.begun(self.server.name, life)
        return life


class _Processes(SimulatedProcesses):
    """The memory alone, as the latencies are left out: every indicator more is a series more to analyze."""

    def read(self) -> Iterable[Reading]:
        for reading in super().read():
            yield replace(reading, values={name: reading.values[name] for name in _INDICATORS & reading.values.keys()})


class _Asyncio:
    """In the place of the module, for what begins a loop of its own."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


class _NoKeeping:
    """Stands in for :class:`aging.runner.keeper_client.KeeperClient`: there is no process for a keeper to end."""

    def __init__(self, *_: object) -> None:
        pass

    async def start(self) -> None:
        pass

    async def goodbye(self) -> None:
        pass


async def _no_view(*_: object) -> None:
    """In the place of the live view."""


def _seal_here(sealer: Sealer) -> None:
    """In the place of a sealing process."""
    for live in sealer._finished:
        seal(live)
    sealer._finished.clear()


async def call_here(
    function: Callable[[Any], Any] | str, argument: Any, *, shown: bool = False, niceness: int = 0
) -> Any:
    """In the place of a worker process."""
    if isinstance(function, str):
        module, _, name = function.partition(":")
        return await call_here(getattr(import_module(module), name), argument)
    return json.loads(json.dumps(function(json.loads(json.dumps(argument)))))
