"""What a campaign has under test, simulated: servers that age by known amounts, their load and what samplers see.

The package's own code asks for lives of servers, for load processes and for readings; here they are given without a
process or a socket. A server's indicators are a function of its identity and its age, so that another process, after
the first was killed, goes on with the very same ones. Schedules are drawn and records are written by the package.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from virtual_time import VirtualClock

from aging.belonging import Identity
from aging.clock import ticks
from aging.deployments import Endpoint, PastLife, Subject
from aging.load.__main__ import not_yet_due, on_timeline
from aging.load.job import Job
from aging.load.planned import PlannedRequest
from aging.load.pulse import Beat, Pulse
from aging.load.records import Records
from aging.load.request import Answer
from aging.model import HARNESS, Failure, Reading, RequestRecord, Status
from aging.process import MAIN
from aging.samplers import EngineMetric, Sampler, Target
from aging.samplers.engine import common_values, raw_values
from aging.store.segments import SegmentWriter

_BLOCK = 3600
"""Seconds of indicators that are drawn at a time."""

_PAGE = 4096
_FIRST_PID = 5_000_000
"""No process of this host: above the kernel's largest."""

_FIRST_LOAD_PID = 50_000_000
_STOP_SECONDS = 3.0
_ANSWERS = 4096

Floats = NDArray[np.float64]
Column = Callable[[np.random.Generator, float, Floats], Floats]
"""Values of one indicator: of a block that begins at an age, at these ages (seconds)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A deployment under test. Bytes and seconds; what ages grows by so much an hour, ``fill`` is reached with ``tau``.

    ``ready`` is from its launch to its first answer.
    """

    name: str
    anonymous: float
    leak: float = 0.0
    device: float = 40e9
    device_leak: float = 0.0
    fill: float = 0.0
    tau: float = 1800.0
    ready: float = 70.0
    processes: int = 4
    ttft: float = 0.25
    token: float = 0.022


class Life:
    """One generation of a server, as :class:`aging.process.Life` has it; ``identity`` counts from the host's boot."""

    with_descendants = True
    command: Sequence[str] = ("simulated",)

    def __init__(self, world: World, server: Server, identity: Identity) -> None:
        self.server = server
        self.identity = identity
        self.born = identity.start / 100
        self.how: str | None = None
        self._world = world
        self._over = asyncio.Event()

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        return {} if self.how else {MAIN: (self.identity.pid,)}

    @property
    def ours(self) -> Mapping[str, Identity]:
        return {MAIN: self.identity}

    async def wait(self) -> str:
        await self._over.wait()
        assert self.how is not None
        return self.how

    def serves(self) -> bool:
        return self.how is None

    def die(self, how: str) -> None:
        self.how = self.how or how
        self._over.set()

    async def end(self) -> str | None:
        if self.how is None:
            await asyncio.sleep(_STOP_SECONDS)
            self.die("exit 0")
        return self.how


@dataclass
class World:
    """What there is beside the campaign: servers that live, those that are silent, room on the disk.

    ``gone`` are the deployments whose server ended while nobody watched.
    """

    clock: VirtualClock
    servers: Mapping[str, Server]
    seed: int
    gone: frozenset[str] = frozenset()
    began_load: Callable[[Path, float], None] = lambda _folder, _at: None
    lives: dict[str, Life] = field(default_factory=dict)
    loads: dict[str, SimulatedLoad] = field(default_factory=dict)
    silences: dict[str, tuple[float, float]] = field(default_factory=dict)
    disk_full: bool = False

    def life_of(self, endpoint: Endpoint) -> Life | None:
        return self.lives.get(endpoint.base_url.rpartition("/")[2])

    def identity(self, pid: int) -> Identity | None:
        """In the place of :func:`aging.belonging.identity`."""
        living = (life.identity for life in self.lives.values() if life.how is None)
        return next((one for one in living if one.pid == pid), None)

    def command_line(self, pid: int) -> tuple[str, ...]:
        """In the place of :func:`aging.belonging.command_line`."""
        return ("simulated",) if self.identity(pid) else ()

    async def send(self, _transport: object, endpoint: Endpoint, *_: object) -> Answer:
        """In the place of :func:`aging.load.request.send`: the probe for readiness."""
        await asyncio.sleep(0.02)
        life = self.life_of(endpoint)
        if life is None or life.how is not None or self.clock.monotonic() - life.born < life.server.ready:
            return Answer(status="error", failure="connect", error="ConnectError: connection refused")
        return Answer(http_status=200)


@dataclass(frozen=True, slots=True)
class Beginnings:
    """An origin (:class:`aging.deployments.Origin`) of simulated lives."""

    world: World
    server: Server
    endpoint: Endpoint
    returns: ClassVar[bool] = False

    @property
    def metrics_url(self) -> str | None:
        return self.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Life:
        world, name = self.world, self.server.name
        place = list(world.servers).index(name)
        pid = _FIRST_PID + 100 * int(world.clock.host.true) + 10 * place
        life = Life(world, self.server, Identity(pid, int(100 * world.clock.monotonic())))
        world.lives[name] = life
        with log.open("a") as lines:
            lines.write(f"{name} of {campaign.name} begins\n")
        return life

    async def readopt(self, past: PastLife) -> Life | None:
        if MAIN not in past.processes or self.server.name in self.world.gone:
            return None
        self.world.lives[self.server.name] = life = Life(self.world, self.server, past.processes[MAIN])
        return life

    def described(self) -> Mapping[str, Any]:
        return {"simulated": self.server.name}


class SimulatedDeployment(Subject[Any]):
    """A deployment of the campaign file with a simulated server behind its options."""

    kind = "simulated"

    def __init__(self, options: Any, world: World) -> None:
        super().__init__(options, "simulated")
        self._world = world

    def origin(self) -> Beginnings:
        name, metrics = self.options.name, self.options.metrics
        return Beginnings(
            self._world, self._world.servers[name], Endpoint(f"http://simulated/{name}", "local", metrics_path=metrics)
        )

    @property
    def port(self) -> int:
        port: int = self.options.port
        return port

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        from aging.deployments.vllm import Vllm  # noqa: PLC0415

        return Vllm.engine_metrics if self.options.metrics else {}


# The load.


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request in flight."""

    request: PlannedRequest
    due: float
    sent: float
    first: float
    last: float
    generation: int
    held: bool


class SimulatedLoad:
    """In the place of :class:`aging.driving.Driver`: the load of one run, within this very process, in seconds' steps.

    Its schedule, pulse, records and their files are those of ``python -m aging.load``; what is simulated is the
    server's answer and the way there.
    """

    def __init__(self, world: World) -> None:
        self.pid = _FIRST_LOAD_PID + int(10 * world.clock.host.true) + len(world.loads)
        self.finished: dict[str, Any] | None = None
        self.beat: Beat | None = None
        self.heard: float | None = None
        self.full: str | None = None
        self._world, self._clock = world, world.clock
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._resumed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._stopped = self._held = False
        self._generation = 1
        self._instant = 0.0

    def begin(self, job: Job) -> None:
        self.heard = self._clock.monotonic()
        name = job.endpoint.base_url.rpartition("/")[2]
        self._world.loads[name] = self
        self._world.began_load(job.folder, job.load_start - self._clock.monotonic())
        self._task = asyncio.create_task(self._run(job, name))

    async def resumed(self) -> int | None:
        return await asyncio.shield(self._resumed)

    async def hold(self) -> None:
        self._held = True
        self._empty.clear()
        await self._empty.wait()

    def release(self, generation: int) -> None:
        self._generation, self._held = generation, False

    def stop(self) -> None:
        self._stopped = True

    def die(self) -> None:
        """As by SIGKILL: what was in flight leaves no record."""
        assert self._task is not None
        self._task.cancel()
        self._end(-9)

    async def wait(self) -> int:
        return await asyncio.shield(self._status)

    async def kill(self) -> None:
        if self._task is not None and not self._task.done():
            self.die()

    def _end(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)
        if not self._resumed.done():
            self._resumed.set_result(None)
        self._empty.set()

    async def _run(self, job: Job, name: str) -> None:  # noqa: PLR0912, PLR0915 - one load from its start to its end
        clock, world, server = self._clock, self._world, self._world.servers[name]
        records = Records(SegmentWriter(job.folder), lambda reason: setattr(self, "full", reason))
        pulse = Pulse(job.load_start, lambda: self._instant)
        digest, requests, cap = job.digest(), job.requests(), job.load.concurrency_cap
        if job.resumed:
            first = not_yet_due(requests, job.load_start, digest.add)
            self._resumed.set_result(None if first is None else first.number)
            requests = chain(() if first is None else (first,), requests)
        answers = _Answers(server, np.random.default_rng([world.seed, job.seed, int(clock.host.true)]))
        flying: list[tuple[float, int, _Sent]] = []
        backlog: list[PlannedRequest] = []
        upcoming, drained = next(requests, None), math.inf

        def write(one: _Sent, finished: float, status: Status, failure: Failure | None = None, error: str = "") -> None:
            self._instant, ok = finished, status == "ok"
            asked, streaming = one.request.output_tokens, one.request.streaming and ok
            spread = answers.next() if streaming else 0.0
            done = RequestRecord(
                index=one.request.number,
                generation=one.generation,
                scheduled=one.due,
                sent=None if status == "dropped" else one.sent,
                first_token=one.first if streaming else None,
                last_token=one.last if ok else None,
                finished=finished,
                streaming=one.request.streaming,
                prompt_tokens=one.request.prompt_tokens,
                output_tokens_asked=asked,
                output_tokens=asked if ok else None,
                http_status=200 if ok else None,
                status=status,
                error=error or None,
                held=one.held,
                failure=failure,
                itl_p50=server.token * (1 + 0.02 * spread) if streaming else None,
                itl_p99=server.token * (1.6 + 0.1 * spread) if streaming else None,
                stall=server.token * (2.5 + 0.5 * abs(spread)) if streaming else None,
            )
            pulse.recorded(done)
            records.write(on_timeline(done, job.shift))

        def send(request: PlannedRequest, at: float, *, held: bool) -> None:
            due, sent = job.load_start + request.at, at + answers.delay()
            life = world.lives[name]
            first, last = answers.times(request, sent)
            one = _Sent(request, due, sent, first, last, self._generation, held)
            if life.how is not None:
                write(one, sent + 0.001, "error", "connect", "ConnectError: All connection attempts failed")
            else:
                heapq.heappush(flying, (last + 0.0005, request.number, one))

        async for _ in ticks(1.0, clock.monotonic()):
            now = clock.monotonic()
            silent_from, silent_to = world.silences.get(name, (math.inf, math.inf))
            while not self._stopped and upcoming is not None and job.load_start + upcoming.at <= now:
                self._instant = job.load_start + upcoming.at
                digest.add(upcoming)
                pulse.arrived(upcoming)
                while flying and flying[0][0] <= self._instant and not silent_from <= flying[0][0] < silent_to:
                    finished, _number, one = heapq.heappop(flying)
                    write(one, finished, "ok")
                if self._held or backlog:
                    backlog.append(upcoming)
                elif len(flying) >= cap:
                    due = job.load_start + upcoming.at
                    write(_Sent(upcoming, due, due, due, due, self._generation, False), due, "dropped")
                else:
                    send(upcoming, job.load_start + upcoming.at, held=False)
                upcoming = next(requests, None)
            while backlog and not self._held and len(flying) < cap:
                send(backlog.pop(0), now, held=True)
            if world.lives[name].how is not None:
                for _at, _number, one in sorted(flying):
                    write(one, now, "error", "reset", "ReadError: connection reset by peer")
                flying.clear()
            while flying and flying[0][0] <= now:
                finished, number, one = heapq.heappop(flying)
                if silent_from <= finished < silent_to:  # it is answered once the server speaks again
                    later = silent_to - finished
                    if finished + later - one.sent > job.load.timeout:
                        write(one, now, "error", "timeout", f"no whole answer within {job.load.timeout:g} s")
                        continue
                    put_off = replace(one, first=one.first + later, last=one.last + later)
                    heapq.heappush(flying, (finished + later, number, put_off))
                else:
                    write(one, finished, "ok")
            self._instant = now
            self.beat, self.heard = pulse.now(len(flying) + len(backlog)), now
            if not flying:
                self._empty.set()
            if self._stopped or upcoming is None:
                drained = min(drained, now + job.load.drain)
                if now >= drained:
                    for _at, _number, one in sorted(flying):
                        write(one, now, "error", "cut", "not finished when the run ended")
                    flying.clear()
                if not flying:
                    break
        unwritten = records.close()
        self.finished = {"schedule_hash": str(digest), "requests": digest.requests, "unwritten": unwritten}
        self._end(0)


@dataclass(frozen=True, slots=True)
class Loads:
    """In the place of the class :class:`aging.driving.Driver`: starts simulated ones."""

    world: World

    async def start(self, _campaign: Path, _log: object) -> SimulatedLoad:
        await asyncio.sleep(0.5)
        return SimulatedLoad(self.world)


class _Answers:
    """When a server answers: chance drawn some thousands at a time."""

    def __init__(self, server: Server, rng: np.random.Generator) -> None:
        self._server, self._rng = server, rng
        self._normal: list[float] = []

    def next(self) -> float:
        if not self._normal:
            self._normal = self._rng.normal(size=_ANSWERS).tolist()
        return self._normal.pop()

    def delay(self) -> float:
        """From when a request is due to when it is sent."""
        return 0.0003 * math.exp(0.5 * self.next())

    def times(self, request: PlannedRequest, sent: float) -> tuple[float, float]:
        """First and last token."""
        first = sent + self._server.ttft * (0.3 + request.prompt_tokens / 2000) * math.exp(0.25 * self.next())
        return first, first + self._server.token * request.output_tokens * math.exp(0.08 * self.next())


# What samplers see.


def _rounded(y: Floats, decimals: int) -> Floats:
    return np.asarray(np.round(y, decimals), dtype=np.float64)


def constant(value: float) -> Column:
    return lambda _rng, _age, t: np.full(t.size, value)


def gauge(mean: float, sd: float, decimals: int = 0) -> Column:
    return lambda rng, _age, t: _rounded(np.abs(rng.normal(mean, sd, t.size)), decimals)


def counter(per_second: float, decimals: int = 0) -> Column:
    """Rises at random within a block, and by just its rate over it: blocks join without knowing of each other."""

    def column(rng: np.random.Generator, age: float, t: Floats) -> Floats:
        steps = np.cumsum(rng.exponential(size=t.size))
        return _rounded(per_second * (age + _BLOCK * steps / steps[-1]), decimals)

    return column


def share(mean: float, sd: float, decimals: int = 2) -> Column:
    return lambda rng, _age, t: _rounded(np.clip(rng.normal(mean, sd, t.size), 0, 1), decimals)


def memory_of(server: Server, key: Sequence[int]) -> Column:
    """Anonymous memory: a base, a leak, what fills up, slow ups and downs from hour to hour, and a few pages' noise."""

    def column(rng: np.random.Generator, age: float, t: Floats) -> Floats:
        y = server.anonymous + server.leak * t / 3600 - server.fill * np.expm1(-t / server.tau)
        return _in_pages(y + _slow(key, age, t, 24e3) + rng.normal(0.0, 8e3, t.size), _PAGE)

    return column


def device_memory_of(server: Server, key: Sequence[int]) -> Column:
    """A device's pages are larger, and so hide more."""

    def column(_rng: np.random.Generator, age: float, t: Floats) -> Floats:
        return _in_pages(server.device + server.device_leak * t / 3600 + _slow(key, age, t, 1e6), 2 * 2**20)

    return column


def _slow(key: Sequence[int], age: float, t: Floats, sd: float) -> Floats:
    """From hour to hour, each of which begins where the one before it ended."""
    ends = [np.random.default_rng([*key, int(age) // _BLOCK + k]).normal(0.0, sd) for k in (0, 1)]
    return np.asarray(np.interp(t - age, (0.0, float(_BLOCK)), ends), dtype=np.float64)


def _in_pages(y: Floats, page: int) -> Floats:
    return np.asarray(np.round(y / page) * page, dtype=np.float64)


class Indicators:
    """The columns of one entity's rows, drawn a block at a time; a tick takes its row from it."""

    def __init__(self, seed: Sequence[int], columns: Mapping[str, Column], interval: float) -> None:
        self._seed = list(seed)
        self._columns = dict(columns)
        self._interval = interval
        self._block = -1
        self._rows: list[list[float]] = []

    def at(self, age: float) -> dict[str, float]:
        block = max(int(age // _BLOCK), 0)
        if block != self._block:
            rng = np.random.default_rng([*self._seed, block])
            begin = float(block * _BLOCK)
            t = begin + self._interval * np.arange(int(_BLOCK / self._interval), dtype=np.float64)
            drawn = [column(rng, begin, t) for column in self._columns.values()]
            self._rows, self._block = np.column_stack(drawn).tolist(), block
        place = min(int(max(age - block * _BLOCK, 0.0) / self._interval), len(self._rows) - 1)
        return dict(zip(self._columns, self._rows[place], strict=True))


def _process_columns(server: Server, key: Sequence[int]) -> dict[str, Column]:
    anonymous = memory_of(server, key)

    def anonymous_plus(more: float) -> Column:
        # The same in every column: they are sums over the same pages.
        return lambda _rng, age, t: anonymous(np.random.default_rng([*key, 7, int(age)]), age, t) + more

    shared, virtual = 900e6 // _PAGE * _PAGE, 60e9 // _PAGE * _PAGE
    return {
        "process_uptime_seconds": lambda rng, _age, t: t + rng.exponential(2e-4, t.size),
        "process_vms_bytes": anonymous_plus(virtual),
        "process_rss_bytes": anonymous_plus(shared),
        "process_anon_bytes": anonymous_plus(0.0),
        "process_file_bytes": constant(shared - 8 * _PAGE),
        "process_shmem_bytes": constant(8.0 * _PAGE),
        "process_swap_bytes": constant(0.0),
        "process_threads": gauge(212, 0.4),
        "process_voluntary_switches_total": counter(900.0),
        "process_involuntary_switches_total": counter(12.0),
        "process_anon_swap_bytes": anonymous_plus(0.0),
        "process_shared_bytes": constant(shared),
        "process_fds": gauge(240, 4),
        "process_cpu_seconds_total": counter(1.4, 2),
        "process_minor_faults_total": counter(150.0),
        "process_major_faults_total": constant(41.0),
        "process_read_bytes_total": constant(15_231_000_576.0),
        "process_write_bytes_total": counter(60.0),
        "process_count": constant(float(server.processes)),
    }


def _own_columns(key: Sequence[int]) -> dict[str, Column]:
    own = Server("", 31e6, processes=1)
    quiet = {
        "process_threads": constant(1.0),
        "process_fds": gauge(14, 1),
        "process_cpu_seconds_total": counter(0.01, 2),
        "process_voluntary_switches_total": counter(30.0),
        "process_write_bytes_total": counter(9000.0),
        "process_minor_faults_total": counter(0.2),
    }
    return _process_columns(own, key) | quiet


class SimulatedSampler(Sampler):
    """What all of them share: the world that they look at, which the study gives each class of its own."""

    world: ClassVar[World]

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._known: dict[tuple[Any, ...], Indicators] = {}

    def _row(self, key: Sequence[int], age: float, columns: Callable[[Sequence[int]], Mapping[str, Column]]) -> Any:
        seed = (self.world.seed, *key)
        if seed not in self._known:
            self._known[seed] = Indicators(seed, columns(seed), self.default_interval)
        return self._known[seed].at(age)

    def _life(self, target: Target) -> Life | None:
        life = self.world.lives.get(target.owner)
        return life if life is not None and life.how is None and life.identity.pid == target.pids[0] else None

    def _age(self, life: Life) -> float:
        return self.world.clock.monotonic() - life.born


class SimulatedProcesses(SimulatedSampler):
    """Of :class:`aging.samplers.process.ProcessSampler`."""

    kind = "process"
    default_interval = 1.0

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._born: dict[tuple[str, int], float] = {}

    def read(self) -> Iterable[Reading]:
        return [self._reading(target) for target in self.targets()]

    def _reading(self, target: Target) -> Reading:
        owner, entity, generation, pid = target.owner, target.entity, target.generation, target.pids[0]
        if owner == HARNESS:
            now = self.world.clock.monotonic()
            born = self._born.setdefault((entity, generation), now)
            values = self._row((11, len(entity), generation), now - born, _own_columns)
            return Reading(owner, entity, generation, values, {}, (pid,))
        life = self._life(target)
        if life is None:
            return Reading(owner, entity, generation, {}, {"process": f"pid {pid} has ended"})
        values = self._row((1, pid), self._age(life), lambda key: _process_columns(life.server, key))
        return Reading(owner, entity, generation, values, {}, [pid + k for k in range(life.server.processes)])


_BOARD = 46_068.0 * 2**20


def _board_columns(_key: Sequence[int]) -> dict[str, Column]:
    used = 41e9 // 2**20 * 2**20
    none = ("corrected", "uncorrected", "corrected_volatile", "uncorrected_volatile")
    return {
        "device_memory_used_bytes": constant(used),
        "device_memory_free_bytes": constant(_BOARD - used),
        "device_memory_total_bytes": constant(_BOARD),
        "device_memory_reserved_bytes": constant(600.0 * 2**20),
        "device_utilization_ratio": share(0.93, 0.05),
        "device_memory_utilization_ratio": share(0.6, 0.08),
        "device_power_watts": gauge(285, 14, 3),
        "device_energy_joules_total": counter(285.0, 3),
        "device_temperature_celsius": gauge(63, 0.9),
        "device_sm_clock_hertz": lambda rng, _age, t: 15e6 * np.round(rng.normal(164, 1.2, t.size)),
        "device_memory_clock_hertz": constant(9_001e6),
        "device_throttle_reasons": lambda rng, _age, t: 4.0 * (rng.random(t.size) < 0.3),
        **{f"device_ecc_{name}_total": constant(0.0) for name in none},
        "device_remapped_rows_correctable_total": constant(0.0),
        "device_remapped_rows_uncorrectable_total": constant(0.0),
        "device_row_remapping_pending": constant(0.0),
        "device_row_remapping_failed": constant(0.0),
        "device_pcie_replays_total": constant(0.0),
        "device_xid_errors_total": constant(0.0),
    }


def _pcie_columns(_key: Sequence[int]) -> dict[str, Column]:
    return {
        f"device_pcie_{way}_bytes_per_second": lambda rng, _age, t: 1000.0 * np.round(rng.exponential(21e3, t.size))
        for way in ("rx", "tx")
    }


class SimulatedDevices(SimulatedSampler):
    """Of :class:`aging.samplers.device.DeviceSampler`: a board a slot."""

    kind = "device"
    default_interval = 1.0
    boards: ClassVar[int] = 3

    def __init__(self, targets: Callable[[], Sequence[Target]], results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._reads = 0

    def read(self) -> Iterable[Reading]:
        now = self.world.clock.monotonic()
        boards = []
        for index in range(self.boards):
            values = self._row((2, index), now, _board_columns)
            if self._reads % 10 == index % 10:
                values |= self._row((3, index), now, _pcie_columns)
            boards.append(Reading(HARNESS, f"gpu{index}", 1, values, {"device_fan_speed_ratio": "NVML: Not Supported"}))
        self._reads += 1
        together = {
            name: sum(board.values[name] for board in boards) for name in boards[0].values if "_pcie_" not in name
        }
        yield from boards
        yield Reading(HARNESS, "gpu-all", 1, together, {"device_fan_speed_ratio": "gpu0: NVML: Not Supported"})
        for target in self.targets():
            if target.owner != HARNESS:
                yield self._held(target)

    def _held(self, target: Target) -> Reading:
        life = self._life(target)
        if life is None:
            reason = {"device_process_memory_bytes": f"pid {target.pids[0]} has ended"}
            return Reading(target.owner, "gpu-total", target.generation, {}, reason)
        server = life.server

        def columns(key: Sequence[int]) -> dict[str, Column]:
            held = device_memory_of(server, key)
            return {
                "device_process_memory_bytes": held,
                "device_process_memory_limit_bytes": constant(_BOARD - 600.0 * 2**20),
            }

        values = self._row((4, target.pids[0]), self._age(life), columns)
        return Reading(target.owner, "gpu-total", target.generation, values)


_HOST_GAUGES = {
    "host_memory_available_bytes": (190e9, 40e6),
    "host_memory_used_bytes": (66e9, 40e6),
    "host_processes": (420, 3),
    "host_fds_allocated": (9000, 60),
    "host_results_disk_free_bytes": (8e11, 2e6),
    "host_tmp_disk_free_bytes": (8e11, 2e6),
}
_HOST_COUNTERS = {
    "host_cpu_user_seconds_total": (5.0, 2),
    "host_cpu_system_seconds_total": (0.6, 2),
    "host_cpu_idle_seconds_total": (58.0, 2),
    "host_page_faults_total": (2400.0, 0),
    "host_pressure_cpu_some_seconds_total": (0.02, 6),
    "host_pressure_io_some_seconds_total": (0.004, 6),
    "host_pressure_io_full_seconds_total": (0.003, 6),
}
_HOST_CONSTANTS = {
    "host_memory_total_bytes": 270e9,
    "host_swap_used_bytes": 0.0,
    "host_cpu_steal_seconds_total": 0.0,
    "host_fds_limit": 26_000_000.0,
    "host_oom_kills_total": 0.0,
    "host_major_page_faults_total": 42_018.0,
    "host_swap_in_bytes_total": 0.0,
    "host_swap_out_bytes_total": 0.0,
    "host_pressure_memory_some_avg10_ratio": 0.0,
    "host_pressure_memory_some_seconds_total": 5.4,
    "host_pressure_memory_full_avg10_ratio": 0.0,
    "host_pressure_memory_full_seconds_total": 3.4,
    "host_pressure_io_full_avg10_ratio": 0.0,
    "host_results_disk_free_inodes": 49_000_000.0,
    "host_tmp_disk_free_inodes": 49_000_000.0,
    "host_shm_used_bytes": 2_428_928.0,
    "host_shm_size_bytes": 135e9,
    "host_ntp_synchronised": 1.0,
}


def _host_columns(_key: Sequence[int]) -> dict[str, Column]:
    return {
        **{name: constant(value) for name, value in _HOST_CONSTANTS.items()},
        **{name: gauge(*told) for name, told in _HOST_GAUGES.items()},
        **{name: counter(*told) for name, told in _HOST_COUNTERS.items()},
        "host_load_1m": gauge(7, 0.8, 2),
        "host_pressure_cpu_some_avg10_ratio": share(0.02, 0.02, 4),
        "host_pressure_io_some_avg10_ratio": share(0.0, 0.005, 4),
        "host_clock_offset_seconds": lambda rng, _age, t: rng.normal(0, 1e-6, t.size),
        "host_suspended_seconds": lambda rng, _age, t: rng.normal(0, 1e-6, t.size),
        "host_ntp_offset_seconds": lambda rng, _age, t: np.round(rng.normal(0, 1e-4, t.size), 9),
        "host_ntp_estimated_error_seconds": lambda rng, _age, t: np.round(rng.exponential(1e-4, t.size), 6),
    }


class SimulatedHost(SimulatedSampler):
    """Of :class:`aging.samplers.host.HostSampler`."""

    kind = "host"
    default_interval = 5.0

    def read(self) -> Iterable[Reading]:
        return [Reading(HARNESS, "host", 1, self._row((5,), self.world.clock.monotonic(), _host_columns))]


_HISTOGRAMS = [
    "time_to_first_token_seconds",
    "time_per_output_token_seconds",
    "inter_token_latency_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_inference_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_prompt_tokens",
    "request_generation_tokens",
    "request_params_n",
    "request_params_max_tokens",
    "iteration_tokens_total",
    "request_max_num_generation_tokens",
]


def _engine_columns(_key: Sequence[int]) -> dict[str, Column]:
    """Raw names and values of a scrape of vLLM."""
    counters = {
        "process_cpu_seconds_total": (1.3, 2),
        "vllm:prefix_cache_queries_total": (3800.0, 0),
        "vllm:prefix_cache_hits_total": (20.0, 0),
        "vllm:num_preemptions_total": (0.0, 0),
        "vllm:prompt_tokens_total": (3800.0, 0),
        "vllm:generation_tokens_total": (660.0, 0),
        "vllm:request_success_total": (2.5, 0),
        **{f"vllm:{name}_sum": (5.0, 9) for name in _HISTOGRAMS},
        **{f"vllm:{name}_count": (2.5, 0) for name in _HISTOGRAMS},
    }
    return {
        "process_virtual_memory_bytes": constant(2e10),
        "process_resident_memory_bytes": gauge(9e8, 3e4),
        "process_start_time_seconds": constant(1.8e9),
        "process_open_fds": gauge(60, 2),
        "process_max_fds": constant(20_000.0),
        "vllm:num_requests_running": gauge(20, 4),
        "vllm:num_requests_waiting": gauge(0.2, 0.2),
        "vllm:num_requests_waiting_by_reason": gauge(0.2, 0.2),
        "vllm:kv_cache_usage_perc": lambda rng, _age, t: rng.normal(0.31, 0.04, t.size),
        **{name: counter(*told) for name, told in counters.items()},
    }


class SimulatedEngines(SimulatedSampler):
    """Of :class:`aging.samplers.engine.EngineSampler`: a scrape that needs no reading of text."""

    kind = "engine"
    default_interval = 10.0

    def read(self) -> Iterable[Reading]:
        return [self._scraped(target) for target in self.targets() if target.metrics_url]

    def _scraped(self, target: Target) -> Reading:
        life = self._life(target)
        if life is None:
            refused = {"engine": "ConnectError: [Errno 111] Connection refused"}
            return Reading(target.owner, "engine", target.generation, {}, refused)
        scraped = {
            name: [value] for name, value in self._row((6, target.pids[0]), self._age(life), _engine_columns).items()
        }
        common, missing = common_values(scraped, target.engine_metrics)
        return Reading(target.owner, "engine", target.generation, raw_values(scraped) | common, missing)


_FILES = ("socket", "pipe", "anonymous", "file", "other")


class SimulatedFootprints(SimulatedSampler):
    """Of :class:`aging.samplers.footprint.FootprintSampler`."""

    kind = "footprint"
    default_interval = 60.0

    def read(self) -> Iterable[Reading]:
        for target in self.targets():
            life = None if target.owner == HARNESS else self._life(target)
            if life is None:
                continue
            server = life.server

            def columns(key: Sequence[int], server: Server = server) -> dict[str, Column]:
                held = memory_of(server, key)
                kinds = {
                    f"process_{kind}_fds": gauge(40, 2) for kind in ("socket", "pipe", "anonymous", "file", "other")
                }
                return {"process_pss_bytes": held, "process_uss_bytes": held, **kinds}

            values = self._row((8, target.pids[0]), self._age(life), columns)
            yield Reading(target.owner, "tree", target.generation, values, {}, (target.pids[0],))


SAMPLERS: tuple[type[SimulatedSampler], ...] = (
    SimulatedProcesses,
    SimulatedDevices,
    SimulatedHost,
    SimulatedEngines,
    SimulatedFootprints,
)
