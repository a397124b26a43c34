"""Faults of the wall clock."""

from __future__ import annotations

from pathlib import Path

from analysis.faults.kinds import Struck, ended, killed, kind, resumed
from analysis.faults.tools import Clock


def _stepped(struck: Struck, seconds: int) -> str:
    one = struck.one
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    runner = one.run()
    one.under_load()
    struck.note()
    clock.step(seconds)
    return ended(one, runner, 0)


@kind("clock: one hour on", 3, "clock", needs="clock")
def clock_on(struck: Struck) -> str:
    return _stepped(struck, 3600)


@kind("clock: one hour back", 3, "clock", needs="clock")
def clock_back(struck: Struck) -> str:
    return _stepped(struck, -3600)


@kind("clock: an hour on or back while the runner is dead", 3, "resumed", needs="clock")
def clock_meanwhile(struck: Struck) -> str:
    one = struck.one
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    killed(struck)
    step = one.rng.choice((3600, -3600))
    clock.step(step)
    one.say(f"{step:+d} s")
    return resumed(one)
