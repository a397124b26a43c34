"""The 216-hour campaign with everything that can happen in it, under an accelerated clock.

Six deployments on three slots, three replicas, 36 hours a run, at 1 Hz: planned, run, journalled, recorded, sealed,
killed, resumed, repeated and analysed by the package itself. Only clocks, the processes under test and their sockets
are simulated (``virtual_time``, ``simulation``). Each life of the runner is a process of its own, which is really
killed. What was done to the campaign is noted beside it, and compared with what its journal tells.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

import aging.runner
import aging.serving
import aging.settling
import aging.watching
from aging.campaign import parse_campaign
from aging.campaign.schema import Campaign
from aging.campaigning import prepare
from aging.catalogue import Catalogue
from aging.heap import keep_flat
from aging.journal import read_journal
from aging.lock import Lock
from aging.manifest import manifest
from aging.model import Event
from aging.resuming import check_resumable, seal_beside, take_up
from aging.runner import Outcome, Runner
from aging.settling import HostUse
from aging.store.layout import Layout
from aging.store.results import open_results
from aging.store.sealing import seal_tree
from aging.watchdogs.disk import Room
from aging.watchdogs.memory import Memory
from simulation import SAMPLERS, Loads, Server, SimulatedDeployment, World
from virtual_time import HostTime, VirtualClock, VirtualLoop, live_by

ROOT = Path(__file__).resolve().parent.parent
CAMPAIGN = ROOT / "campaigns" / "six-deployments-216h.toml"
TABLE = ROOT / "docs" / "tables" / "accelerated.md"
HOURS = 36.0
SEED = 20260611

_PLANNED_ROUNDS = 6
_MOST_LIVES = 40
_PIB = 2**50
_NEAR_SECONDS = 200.0
"""A server that takes the place of another may take so long; so may a watchdog that waits for silence."""

_SECOND_TURN = ("a1-vllm-v0", "a2-triton-vllm-v1", "e3b-pytorch-low")


def servers(hours: float) -> dict[str, Server]:
    """What is under test when a run takes so many hours: a short one ages faster, so that it is seen as well."""
    faster = HOURS / hours
    told = (
        Server("e1-vllm-v1", 3.1e9, leak=62e3 * faster),
        Server("a1-vllm-v0", 2.7e9, fill=300e6, tau=1800.0 / faster),
        Server("e2-triton-vllm-v0", 4.2e9, leak=40e3 * faster, ready=95.0),
        Server("a2-triton-vllm-v1", 3.9e9, device_leak=6.0 * 2**20 * faster, ready=80.0),
        Server("e3-pytorch-saturated", 5.0e9, leak=48e3 * faster, ready=40.0, processes=1, ttft=0.4, token=0.012),
        Server("e3b-pytorch-low", 5.0e9, ready=40.0, processes=1, ttft=0.4, token=0.012),
    )
    return {server.name: server for server in told}


@dataclass(frozen=True, slots=True)
class Injection:
    """Something that happens ``share`` of a run's time plus ``plus`` seconds after a round's load began.

    ``seconds`` is how long it lasts, or for how long nobody resumes the campaign after it. ``deployment`` is whom it
    happens to; of a kill, whose server ends before somebody resumes.
    """

    round: int
    share: float
    what: str
    deployment: str = ""
    seconds: float = 0.0
    plus: float = 0.0


def injections(hours: float) -> tuple[Injection, ...]:
    """All that happens to the campaign, in its order."""
    quiet, short = min(400.0, 130.0 + 100.0 * hours), min(1.0, hours / 4)
    return (
        Injection(0, 0.40, "kill", seconds=45 * short),
        Injection(0, 0.70, "clock", seconds=3600),
        Injection(1, 0.20, "load", "a1-vllm-v0"),
        Injection(1, 0.50, "silence", "a2-triton-vllm-v1", seconds=quiet),
        Injection(1, 0.80, "kill", "a1-vllm-v0", seconds=70 * short),
        Injection(2, 0.10, "death", "e2-triton-vllm-v0"),
        Injection(2, 0.55, "suspend", seconds=1200),
        Injection(3, 0.30, "reboot", seconds=240 * short),
        Injection(3, 0.75, "disk", seconds=300 * short),
        Injection(4, 0.10, "clock", seconds=-1800),
        Injection(4, 0.50, "interrupt", seconds=200 * short),
        Injection(4, 0.85, "kill", seconds=30 * short),
        Injection(4, 0.85, "kill", seconds=20 * short, plus=3 + 30 * short),
        Injection(4, 1.00, "kill", seconds=60, plus=300),
        Injection(5, 0.92, "death", "a1-vllm-v0"),
        Injection(6, 0.30, "kill", seconds=15),
    )


_AWAY = ("kill", "reboot", "disk", "interrupt")


# One life of the runner.


class Study:
    """What the study keeps beside the campaign, for whoever is the next to go on with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = folder / "host.json"
        self.boot = folder / "boot_id"
        self._scenario = folder / "scenario.json"
        self._happened = folder / "happened.jsonl"
        self._anchors = folder / "anchors.json"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def directory(self) -> Path | None:
        return next(iter(self.results.glob("*/*")), None)

    def plan(self, scenario: Sequence[Injection]) -> None:
        """What is to happen to the campaign."""
        self._scenario.write_text(json.dumps([asdict(one) for one in scenario]))

    def planned(self) -> list[Injection]:
        return [Injection(**one) for one in json.loads(self._scenario.read_text())]

    def note(self, place: int, **told: Any) -> None:
        with self._happened.open("a") as file:
            file.write(json.dumps({"place": place, **told}) + "\n")

    def happened(self) -> list[dict[str, Any]]:
        lines = self._happened.read_text().splitlines() if self._happened.exists() else []
        return [json.loads(line) for line in lines]

    def anchors(self) -> dict[int, float]:
        """When each round's load began, in true seconds."""
        told = json.loads(self._anchors.read_text()) if self._anchors.exists() else {}
        return {int(key): value for key, value in told.items()}

    def anchor(self, number: int, true: float) -> None:
        self._anchors.write_text(json.dumps(self.anchors() | {number: true}))


def round_of(folder: Path) -> int:
    """Which round of the plan a request folder's run is of; what is repeated comes after all that is planned."""
    found = re.fullmatch(r"r(\d+)(?:-(\d+))?", folder.parent.name)
    assert found is not None
    if found[2]:
        return _PLANNED_ROUNDS + int(found[2]) - 2
    return 2 * (int(found[1]) - 1) + (folder.parent.parent.name in _SECOND_TURN)


@dataclass
class Happening:
    """Carries injections out when their time has come."""

    study: Study
    world: World
    hours: float

    def __post_init__(self) -> None:
        self.world.began_load = self._load_began
        for number, true in self.study.anchors().items():
            self._plan(number, true)

    def _load_began(self, folder: Path, ahead: float) -> None:
        number = round_of(folder)
        if number not in self.study.anchors():
            true = self.world.clock.host.true + ahead
            self.study.anchor(number, true)
            self._plan(number, true)

    def _plan(self, number: int, began: float) -> None:
        done = {told["place"] for told in self.study.happened()}
        for place, one in enumerate(self.study.planned()):
            true = began + one.share * self.hours * 3600 + one.plus
            if one.round == number and place not in done:
                self.world.clock.at(true, lambda place=place, one=one: self._happen(place, one))  # type: ignore[misc]

    def _happen(self, place: int, one: Injection) -> None:
        clock, world = self.world.clock, self.world
        self.study.note(place, true=clock.host.true, wall=clock.time(), **asdict(one))
        match one.what:
            case "clock":
                clock.set_wall(one.seconds)
            case "suspend":
                clock.suspend(one.seconds)
            case "load":
                world.loads[one.deployment].die()
            case "death":
                world.lives[one.deployment].die("killed by SIGSEGV")
            case "silence":
                now = clock.monotonic()
                world.silences[one.deployment] = now, now + one.seconds
            case "disk":
                world.disk_full = True
            case "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            case "kill" | "reboot":
                clock.host.write(self.study.host)
                os.kill(os.getpid(), signal.SIGKILL)


def campaign_text(hours: float) -> str:
    """The campaign file, at 1 Hz, with repeats and with one deployment that is rejuvenated."""
    text = CAMPAIGN.read_text()
    text = text.replace('duration = "36h"', f'duration = "{hours * 3600:g}s"\nretries = 1')
    text = text.replace('warmup = "1h"', f'warmup = "{hours * 100:g}s"')
    text = text.replace('process = "5s"', 'process = "1s"')
    rejuvenated = f'{hours * 1200:g}s"\ndeployments = ["e3-pytorch-saturated"]'
    return text.replace("[analysis]", f'[rejuvenation]\npolicy = "periodic"\nevery = "{rejuvenated}\n\n[analysis]')


def parsed(text: str) -> Campaign:
    return parse_campaign(text, Catalogue.discovered().kinds(), "campaign")


def simulate(world: World, clock: VirtualClock, boot: Path) -> None:
    """Put what is simulated in its place."""
    aging.runner.Driver = Loads(world)  # type: ignore[misc, assignment]
    aging.serving.send = world.send  # type: ignore[attr-defined, assignment]
    aging.serving.identity = world.identity  # type: ignore[attr-defined]
    aging.serving.command_line = world.command_line  # type: ignore[attr-defined]
    aging.settling.host_use = lambda: HostUse(66e9, 270e9, {f"gpu{k}": 1e9 for k in range(3)})
    aging.settling.port_taken = lambda _: None  # type: ignore[attr-defined]
    room = classmethod(lambda cls, _: cls(0 if world.disk_full else _PIB, None))
    Room.of = room  # type: ignore[method-assign, assignment]
    Memory.now = classmethod(lambda cls: cls(_PIB, "the host"))  # type: ignore[method-assign, assignment]
    broken_runs = aging.runner.broken_runs

    async def judged(*asked: Any) -> Any:
        with clock.standing():
            return await broken_runs(*asked)

    aging.runner.broken_runs = judged  # type: ignore[attr-defined]
    for sampler in SAMPLERS:
        sampler.world = world
    live_by(clock, boot)


def live(study: Study, hours: float, seed: int) -> Outcome:
    """One life of the runner, from the campaign's start or from where the one before it was."""
    host = HostTime.read(study.host)
    clock = VirtualClock(host, seed)
    gone = study.happened()[-1:]
    dead = frozenset(told["deployment"] for told in gone if told["what"] == "kill" and told["deployment"])
    world = World(clock, servers(hours), seed, dead)
    simulate(world, clock, study.boot)
    samplers = {sampler.kind: sampler for sampler in SAMPLERS}
    catalogue = replace(Catalogue.discovered(), samplers=samplers)
    directory = study.directory
    if directory is None:
        text = campaign_text(hours)
        campaign = parsed(text)
        deployments = [SimulatedDeployment(options, world) for options in campaign.deployment]
        layout = prepare(campaign, manifest(campaign, deployments, ()), text, study.results)
        lock, past = Lock.take(layout.root, "runner"), None
    else:
        results = open_results(directory)
        layout = results.layout
        check_resumable(layout.root, results.state)
        campaign = parsed(layout.campaign.read_text(encoding="utf-8"))
        deployments = [SimulatedDeployment(options, world) for options in campaign.deployment]
        taken = take_up(layout)
        lock, past = taken.lock, taken.past
        seal_beside(taken.leftovers)
    Happening(study, world, hours)
    keep_flat()
    with contextlib.closing(lock), asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as loop:
        runner = Runner(campaign, deployments, catalogue, layout, past)
        outcome = loop.run(runner.run())
        seal_tree(layout.root)
    clock.host.write(study.host)
    return outcome


# The whole of it.


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of wall and of CPU, and its most resident bytes."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Lived:
    """One life of the runner, by its exit status."""

    status: int
    cost: Cost


def run_lives(study: Study, hours: float, seed: int, say: Callable[[str], object]) -> list[Lived]:
    """Run the campaign to its end, one life of the runner after the other."""
    HostTime().write(study.host)
    lives: list[Lived] = []
    for _ in range(_MOST_LIVES):
        began = time.monotonic()
        argv = [sys.executable, __file__, "--life", str(study.folder), "--hours", str(hours), "--seed", str(seed)]
        process = subprocess.Popen(argv)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cost = Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0)
        lives.append(Lived(process.returncode, cost))
        host, last = HostTime.read(study.host), study.happened()[-1:]
        why = last[0]["what"] if last else ""
        say(f"life {len(lives)}: exit {process.returncode} at {host.true / 3600:.2f} h, {cost.wall:.0f} s ({why})")
        if process.returncode == 0:
            return lives
        if process.returncode not in (-signal.SIGKILL, 3, 130) or why not in _AWAY:
            raise RuntimeError(f"a life of the runner ended with {process.returncode}")
        away = float(last[0]["seconds"])
        (host.rebooted(away) if why == "reboot" else host.later(away)).write(study.host)
    raise RuntimeError("it does not end")


def weighed(argv: Sequence[str]) -> Cost:
    """Run a command to its end; its memory is what it and its descendants held together at the most."""
    began = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    most, over = [0.0], threading.Event()

    def look() -> None:
        whole = psutil.Process(process.pid)
        while not over.wait(0.25):
            held = 0.0
            for one in (whole, *_descendants(whole)):
                with contextlib.suppress(psutil.Error):
                    held += one.memory_info().rss
            most[0] = max(most[0], held)

    watching = threading.Thread(target=look)
    watching.start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = process.wait()
    over.set()
    watching.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        raise RuntimeError(f"{argv} ended with {status}")
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - began, cpu, most[0])


def _descendants(whole: psutil.Process) -> list[psutil.Process]:
    try:
        return whole.children(recursive=True)
    except psutil.Error:
        return []


# What is told, against what happened.

_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "kill": ("campaign_resumed",),
    "clock": ("clock_stepped",),
    "suspend": ("host_suspended",),
    "load": ("load_died",),
    "silence": ("watchdog", "watchdog_over"),
    "death": ("deployment_died",),
    "reboot": ("campaign_resumed", "deployment_gone", "deployment_gone", "deployment_gone"),
    "disk": ("halting", "campaign_halted", "campaign_resumed"),
    "interrupt": ("interrupt", "campaign_interrupted", "campaign_resumed"),
}

_TROUBLES = (
    "campaign_resumed campaign_halted campaign_interrupted halting interrupt clock_stepped host_suspended load_died "
    "watchdog watchdog_over deployment_died deployment_gone run_repeated run_cut_short sampler_failing task_died "
    "keeper_died not_settled log_capped orphans_ended sampler_unavailable sampler_reduced"
).split()


@dataclass(frozen=True, slots=True)
class Told:
    """An injection, the journal's events that tell of it, and those that it lacks."""

    what: str
    told: Sequence[str]
    lacking: Sequence[str]


def compared(events: Sequence[Event], happened: Sequence[Mapping[str, Any]]) -> tuple[list[Told], list[Event]]:
    """What of each injection is told, and what is told that nobody did."""
    # The wall clock is set in the middle of it: an event's place in the journal tells what came after what.
    left = {place: event for place, event in enumerate(events) if event.kind in _TROUBLES}
    told = []
    for one in happened:
        wanted = [*_EXPECTED[one["what"]]]
        if one["what"] == "kill" and one["deployment"]:
            wanted.append("deployment_died")
        if one["what"] == "death" and one["share"] < 0.25:
            wanted.append("run_repeated")
        found = []
        for kind in wanted:
            if (place := _first(left, kind, one)) is not None:
                found.append(place)
                del left[place]
        kinds = [events[place].kind for place in found]
        lacking = list((Counter(wanted) - Counter(kinds)).elements())
        name = one["what"] + (f" {one['deployment']}" if one["deployment"] else "")
        told.append(Told(f"{name}, round {one['round'] + 1} at {one['share']:.0%}", kinds, lacking))
    return told, list(left.values())


def _first(left: Mapping[int, Event], kind: str, one: Mapping[str, Any]) -> int | None:
    """The first event of a kind that nothing else accounts for, and that agrees with what happened."""
    for place, event in left.items():
        if event.kind != kind or (event.deployment and one["deployment"] and event.deployment != one["deployment"]):
            continue
        if kind in ("clock_stepped", "host_suspended") and abs(event.details["seconds"] - one["seconds"]) > 1.0:
            continue
        late = abs(event.stamp.wall - one["wall"])
        if kind == "run_repeated" or late < abs(one["seconds"]) + _NEAR_SECONDS:  # repeats come at the end
            return place
    return None


# What is written.


def sizes(root: Path) -> dict[str, int]:
    """Bytes by source; everything that is no source's is ``other``."""
    found: Counter[str] = Counter()
    for path in root.rglob("*"):
        if path.is_file():
            parts = path.relative_to(root).parts
            found[parts[2] if len(parts) > 3 else "other"] += path.stat().st_size
    return dict(found)


def rows(root: Path) -> dict[str, int]:
    """Rows by source."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    found: Counter[str] = Counter()
    for path in root.rglob("*.parquet"):
        found[path.relative_to(root).parts[2]] += pq.read_metadata(path).num_rows
    return dict(found)


def truths(hours: float) -> list[tuple[str, str, float]]:
    """Deployment, indicator and its growth in bytes an hour."""
    return [
        (server.name, indicator, growth)
        for server in servers(hours).values()
        for indicator, growth in (
            ("process_anon_swap_bytes", server.leak),
            ("device_process_memory_bytes", server.device_leak),
        )
    ]


def report(study: Study, hours: float, seed: int, lives: Sequence[Lived], analysis: Cost) -> Iterator[str]:
    """The table, a line at a time."""
    root = study.directory
    assert root is not None
    host, findings = HostTime.read(study.host), json.loads((root / "findings.json").read_text())
    events = read_journal(root / "journal.jsonl")
    told, unexplained = compared(events, study.happened())
    wall, size, count = sum(one.cost.wall for one in lives), sizes(root), rows(root)
    cpu = sum(one.cost.cpu for one in lives)
    yield "# A 216-hour campaign under an accelerated clock"
    yield ""
    yield f"Written by `python analysis/accelerated.py --hours {hours:g} --seed {seed}`. One virtual host, six simulated"
    yield "deployments, three slots, three replicas; the package's own runner, journal, sampling loop, segments, sealing,"
    yield "lock, keeper, watchdogs, schedule, records, resumption and analysis."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| campaign time | {host.true / 3600:.1f} h, {hours:g} h a run |"
    yield f"| wall time, speed-up | {wall / 60:.1f} min, {host.true / wall:.0f}× |"
    yield f"| CPU of the runner, its load and the seals that it waited for | {cpu / 60:.1f} min |"
    yield f"| lives of the runner | {len(lives)}, {sum(one.status == -9 for one in lives)} of them killed |"
    yield f"| most memory of a runner, simulation included | {max(one.cost.memory for one in lives) / 2**20:.0f} MiB |"
    yield f"| directory | {sum(size.values()) / 1e9:.3f} GB |"
    yield f"| analysis and report | {analysis.wall / 60:.1f} min, {analysis.memory / 1e9:.2f} GB at the most |"
    yield f"| end | {events[-1].kind} |"
    yield ""
    yield "| source | rows | MB |"
    yield "|---|--:|--:|"
    for source in sorted(size, key=lambda name: -size[name]):
        yield f"| {source} | {count.get(source, 0):,} | {size[source] / 1e6:.1f} |"
    yield ""
    yield "| what was done | what the journal tells | lacking |"
    yield "|---|---|---|"
    for one in told:
        yield f"| {one.what} | {', '.join(one.told)} | {', '.join(one.lacking) or 'nothing'} |"
    kinds = Counter(event.kind for event in events)
    yield ""
    yield (
        f"Told and not done: {'; '.join(f'{event.kind} {dict(event.details)}' for event in unexplained) or 'nothing'}. "
        f"Rejuvenations: {kinds['rejuvenation_started']} begun, {kinds['rejuvenation_completed']} completed."
    )
    yield ""
    yield "| run | attempt | worth | why |"
    yield "|---|--:|---|---|"
    for run in findings["runs"]:
        name = f"{run['deployment']} r{run['replica']:02d}"
        yield f"| {name} | {run['attempt']} | {run['validity']} | {'; '.join(run['reasons'])} |"
    yield ""
    yield "| deployment | indicator | grows by (kB/h) | found (kB/h) | 95 % interval | verdict | as it is |"
    yield "|---|---|--:|--:|---|---|---|"
    found = {(one["deployment"], one["indicator"]): one for one in findings["findings"]}
    for name, indicator, growth in truths(hours):
        one = found[name, indicator]
        low, high = one["ci_per_hour"] or (float("nan"),) * 2
        right = one["verdict"] == "aging" and low <= growth <= high if growth else one["verdict"] != "aging"
        yield (
            f"| {name} | `{indicator}` | {growth / 1e3:.1f} | {(one['slope_per_hour'] or 0) / 1e3:.2f} "
            f"| {low / 1e3:.2f} to {high / 1e3:.2f} | {one['verdict']} | {'yes' if right else 'no'} |"
        )
    known = {(name, indicator) for name, indicator, growth in truths(hours) if growth}
    known |= {  # which contain what leaks
        (server.name, whole)
        for server in servers(hours).values()
        for whole in ("process_rss_bytes", "process_vms_bytes")
        if server.leak
    }
    false = [
        f"{one['deployment']} `{one['indicator']}`"
        for one in findings["findings"]
        if one["verdict"] == "aging" and (one["deployment"], one["indicator"]) not in known
    ]
    yield ""
    yield f"Of {len(findings['findings'])} findings, aging beyond those that grow: {', '.join(false) or 'none'}."
    kinds_of = Counter(problem["kind"] for problem in findings["problems"])
    yield ""
    yield f"Problems told: {', '.join(f'{kind} {number}' for kind, number in sorted(kinds_of.items()))}."


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=HOURS, help="of each run; 36 make 216 in all")
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--folder", type=Path, help="where the campaign is kept; a temporary one if not given")
    arguments.add_argument("--no-analysis", action="store_true", help="end when the campaign has")
    arguments.add_argument("--write", action="store_true", help=f"write {TABLE.name} beside printing it")
    arguments.add_argument("--life", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.life is not None:
        outcome = live(Study(options.life), options.hours, options.seed)
        return {Outcome.COMPLETED: 0, Outcome.HALTED: 3, Outcome.INTERRUPTED: 130}.get(outcome, 1)
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        study = Study(folder)
        study.plan(injections(options.hours))
        lives = run_lives(study, options.hours, options.seed, lambda told: print(told, file=sys.stderr, flush=True))
        (folder / "lives.json").write_text(json.dumps([asdict(one) for one in lives]))
        if options.no_analysis:
            return 0
        analysis = weighed([sys.executable, "-m", "aging", "analyze", str(study.directory)])
        text = "\n".join(report(study, options.hours, options.seed, lives, analysis)) + "\n"
        print(text)
        if options.write:
            TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
