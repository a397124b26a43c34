"""The 216-hour campaign with everything that can happen in it, under an accelerated clock.

Six deployments on three slots, three replicas, 36 hours a run, at 1 Hz: planned, run, journalled, recorded, sealed,
killed, resumed, repeated and analyzed by the package itself. Only clocks, the processes under test and their sockets
are simulated (``virtual_time``, ``world``). Each start of the runner is a process of its own, which is really killed.
What was done to the campaign is noted beside it, and compared with what its journal says::

    python -m analysis.accelerated.study --write                # all of it
    python -m analysis.accelerated.study --hours 0.15           # nine minutes a run, to see that it works
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil

import aging.runner.campaign
import aging.runner.generation
import aging.runner.load_process
import aging.runner.probe
import aging.runner.settle
from aging.app.prepare import make_result_directory
from aging.campaign.load import parse_campaign
from aging.campaign.schema import Campaign
from aging.core.allocator import keep_flat
from aging.runner.campaign import CampaignRunner, Outcome
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest
from aging.runner.settle import HostUse
from aging.runner.takeover import check_resumable, take_over
from aging.runner.watchdogs.disk import Room
from aging.runner.watchdogs.memory import Memory
from aging.store.lock import Lock
from aging.store.results import open_results
from aging.store.sealing import seal_tree
from analysis import ROOT
from analysis.accelerated.deployment import SimulatedDeployment
from analysis.accelerated.loads import Loads
from analysis.accelerated.samplers import SAMPLERS
from analysis.accelerated.scenario import AWAY, HOURS, Happening, Study, injections, servers
from analysis.accelerated.table import Cost, Lived, report
from analysis.accelerated.virtual_time import HostTime, VirtualClock, VirtualLoop, live_by
from analysis.accelerated.world import World

CAMPAIGN = ROOT / "campaigns" / "six-deployments-216h.toml"
TABLE = ROOT / "docs" / "tables" / "accelerated.md"
SEED = 20260611

_MOST_LIVES = 40
_PLENTY = 2**50
_EXITS = {Outcome.COMPLETED: 0, Outcome.HALTED: 3, Outcome.INTERRUPTED: 130}
_LOOK_SECONDS = 0.25
_RUNNER = (sys.executable, "-m", "analysis.accelerated.study", "--life")


# One life of the runner.


def campaign_text(hours: float) -> str:
    """The campaign file, at 1 Hz, with repeats and with one deployment that is rejuvenated."""
    text = CAMPAIGN.read_text()
    text = text.replace('duration = "36h"', f'duration = "{hours * 3600:g}s"\nretries = 1')
    text = text.replace('warmup = "1h"', f'warmup = "{hours * 100:g}s"')
    text = text.replace('cooldown = "600s"', f'cooldown = "{min(600.0, 500 * hours):g}s"')
    text = text.replace('process = "5s"', 'process = "1s"')
    rejuvenated = f'{hours * 1200:g}s"\ndeployments = ["e3-pytorch-saturated"]'
    return text.replace("[analysis]", f'[rejuvenation]\npolicy = "periodic"\nevery = "{rejuvenated}\n\n[analysis]')


def parsed(text: str) -> Campaign:
    return parse_campaign(text, Catalogue.discovered().kinds(), "campaign")


def simulate(world: World, clock: VirtualClock, boot: Path) -> None:
    """Put what is simulated in its place."""
    judge = aging.runner.campaign.broken_runs  # type: ignore[attr-defined]

    async def judged(*asked: Any) -> Any:
        with clock.standing():
            return await judge(*asked)

    use = HostUse(66e9, 270e9, {"gpu0": 1e9, "gpu1": 1e9, "gpu2": 1e9})
    for where, name, stand_in in (
        (aging.runner.load_process, "LoadProcess", Loads(world)),
        (aging.runner.campaign, "broken_runs", judged),
        (aging.runner.probe, "send", world.send),
        (aging.runner.generation, "identity", world.identity),
        (aging.runner.generation, "command_line", world.command_line),
        (aging.runner.settle, "host_use", lambda: use),
        (aging.runner.settle, "port_taken", lambda _port: None),
        (Room, "of", lambda _folder: Room(0 if world.disk_full else _PLENTY, None)),
        (Memory, "now", lambda: Memory(_PLENTY, "the host")),
    ):
        assert hasattr(where, name), f"{where} has no {name} any more"
        setattr(where, name, stand_in)
    for sampler in SAMPLERS:
        sampler.world = world
    live_by(clock, boot)


def live(study: Study, hours: float, seed: int) -> Outcome:
    """One life of the runner, from the campaign's start or from where the one before it was."""
    host = HostTime.read(study.host)
    clock = VirtualClock(host, seed)
    gone = study.happened()[-1:]
    dead = frozenset(one["deployment"] for one in gone if one["what"] == "kill" and one["deployment"])
    world = World(clock, servers(hours), seed, dead)
    simulate(world, clock, study.boot)
    samplers = {sampler.kind: sampler for sampler in SAMPLERS}
    catalogue = replace(Catalogue.discovered(), samplers=samplers)
    directory = study.directory
    if directory is None:
        text = campaign_text(hours)
        campaign = parsed(text)
        deployments = [SimulatedDeployment(options, world) for options in campaign.deployment]
        layout = make_result_directory(campaign, manifest(campaign, deployments, ()), text, study.results)
        lock, past = Lock.take(layout.root, "runner"), None
    else:
        results = open_results(directory)
        layout = results.layout
        check_resumable(layout.root, results.state)
        campaign = parsed(layout.campaign.read_text(encoding="utf-8"))
        deployments = [SimulatedDeployment(options, world) for options in campaign.deployment]
        taken = take_over(layout)
        lock, past = taken.lock, taken.prior
    Happening(study, world, hours)
    keep_flat()
    with contextlib.closing(lock), asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as loop:
        runner = CampaignRunner(campaign, deployments, catalogue, layout, past)
        outcome = loop.run(runner.run())
        seal_tree(layout.root)
    clock.host.write(study.host)
    return outcome


# The whole of it.


def run_lives(study: Study, hours: float, seed: int, say: Callable[[str], object]) -> list[Lived]:
    """Run the campaign to its end, one life of the runner after the other."""
    HostTime().write(study.host)
    lives: list[Lived] = []
    for _ in range(_MOST_LIVES):
        began = time.monotonic()
        argv = [*_RUNNER, str(study.folder.resolve()), "--hours", str(hours), "--seed", str(seed)]
        process = subprocess.Popen(argv, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cost = Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0)
        lives.append(Lived(process.returncode, cost))
        host, last = HostTime.read(study.host), study.happened()[-1:]
        why = last[0]["what"] if last else ""
        say(f"life {len(lives)}: exit {process.returncode} at {host.true / 3600:.2f} h, {cost.wall:.0f} s ({why})")
        if process.returncode == 0:
            return lives
        if process.returncode not in (-signal.SIGKILL, *_EXITS.values()) or why not in AWAY:
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
        while not over.wait(_LOOK_SECONDS):
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


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hours", type=float, default=HOURS, help="of each run; 36 make 216 in all")
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--folder", type=Path, help="where the campaign is kept; a temporary one if not given")
    arguments.add_argument("--only", choices=("run", "tell"), help="run it into FOLDER, or tell of one that is there")
    arguments.add_argument("--write", action="store_true", help=f"write {TABLE.name} beside printing it")
    arguments.add_argument("--life", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.life is not None:
        return _EXITS.get(live(Study(options.life), options.hours, options.seed), 1)
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        study, record = Study(folder), folder / "lives.json"
        if options.only != "tell":
            study.plan(injections(options.hours))
            lives = run_lives(study, options.hours, options.seed, lambda line: print(line, file=sys.stderr, flush=True))
            record.write_text(json.dumps([asdict(one) for one in lives]))
        if options.only != "run":
            lives = [Lived(one["status"], Cost(**one["cost"])) for one in json.loads(record.read_text())]
            analysis = weighed([sys.executable, "-m", "aging", "analyze", str(study.directory)])
            text = "\n".join(report(study, options.hours, options.seed, lives, analysis)) + "\n"
            print(text)
            if options.write:
                TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
