"""Faults of the wall clock."""

from __future__ import annotations

from pathlib import Path

from analysis.faults.campaign import Disturbed
from analysis.faults.kinds import Kinds, Strike, Struck, ended, killed, resumed
from analysis.faults.tools import Clock

KINDS = Kinds()


def own_clock(one: Disturbed) -> Clock:
    """A clock of the campaign's own, for all processes that it starts from now on."""
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    return clock


def _stepped(seconds: int) -> Strike:
    def strike(struck: Struck) -> str:
        one = struck.one
        clock = own_clock(one)
        runner = one.run()
        one.under_load()
        struck.note()
        clock.step(seconds)
        return ended(one, runner, 0)

    return strike


KINDS.add("clock: one hour on", 3, "clock", needs="clock", strike=_stepped(3600))
KINDS.add("clock: one hour back", 3, "clock", needs="clock", strike=_stepped(-3600))


@KINDS.kind("clock: an hour on or back while the runner is dead", 3, "resumed", needs="clock")
def clock_without_a_runner(struck: Struck) -> str:
    one = struck.one
    clock = own_clock(one)
    killed(struck)
    step = one.rng.choice((3600, -3600))
    clock.step(step)
    one.say(f"{step:+d} s")
    return resumed(one)
