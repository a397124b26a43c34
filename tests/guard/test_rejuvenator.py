"""Actions of a guard by their stages, in virtual time: what the next guard makes of those that a killed one has left.

With processes, hooks and HAProxy: ``test_daemon.py`` and ``test_haproxy.py``.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from aging.core.clock import Timeline
from aging.deployments.origins.attached import Whereabouts
from aging.guard.follower import Follower
from aging.guard.rejuvenation import Rejuvenator
from aging.guard.state import Stage
from aging.guard.watch import Ended
from aging.rejuvenation.base import Decision
from tests import virtual_time
from tests.conftest import wait_for
from tests.guard.conftest import Simulate
from tests.guard.simulation import THRESHOLD, Simulation

RETURN_SECONDS = 300.0


class Gone(Follower):
    """A server of which no process is seen."""

    def __init__(self) -> None:
        super().__init__(Whereabouts("process", "no process has such a name"), None)

    async def ports(self) -> tuple[int, ...]:
        return ()


def left_by_a_killed_guard(simulate: Simulate, stage: Stage) -> Simulation:
    """A guard whose predecessor ended in this stage of an action."""
    options = {"limit": "1GiB", "settle": "1s", "return_within": "5m"}
    sim = simulate(options=options, table={**THRESHOLD, "action_timeout": "1m"})
    assert sim.watch.begin(Decision("due"), sim.now, stage) is not None
    sim.new_watch()
    assert sim.watch.state.pending is not None
    return sim


def resumed(sim: Simulation) -> tuple[Ended, float]:
    """How the action ends, and after how many virtual seconds."""
    clock = virtual_time.Clock()
    pending = sim.watch.state.pending
    assert pending is not None
    rejuvenator = Rejuvenator(sim.watch.guarding, sim.watch, Gone(), Timeline(sim.now.mono - virtual_time.START), None)
    ended = virtual_time.run(rejuvenator.resume(pending), clock)
    return ended, clock.now - virtual_time.START


def test_no_new_process_within_its_time(simulate: Simulate) -> None:
    sim = left_by_a_killed_guard(simulate, "acting")
    ended, seconds = resumed(sim)
    assert (ended.outcome, ended.drained) == ("failed", False)
    assert "no new process" in ended.why
    assert seconds == pytest.approx(RETURN_SECONDS + 60.0, abs=1.0)
    sim.watch.end(ended, sim.now)
    assert sim.watch.state.pending is None
    assert sim.watch.state.past.failures == 1
    assert sim.watch.state.alarm is not None
    assert len(sim.watch.state.past.begun) == 1
    for _ in range(10):
        assert not sim.step()
    assert sim.watch.state.tally.restarts == 0


def test_a_new_process_that_the_hook_has_started(simulate: Simulate) -> None:
    sim = left_by_a_killed_guard(simulate, "acting")
    sim.restart(sim.base)
    ended, seconds = resumed(sim)
    assert (ended.outcome, ended.why) == ("helped", "")
    assert seconds < RETURN_SECONDS
    sim.watch.end(ended, sim.now)
    assert (sim.watch.state.tally.restarts, len(sim.watch.state.past.begun)) == (0, 1)


def test_what_had_not_begun_is_undone(simulate: Simulate) -> None:
    ended, seconds = resumed(left_by_a_killed_guard(simulate, "draining"))
    assert (ended.outcome, seconds) == ("undone", 0.0)


def test_a_hook_that_matches_the_pattern_is_not_the_server(tmp_path: Path) -> None:
    script = tmp_path / "only-of-this-test.py"
    script.write_text("input()")

    def seen(follower: Follower) -> int | None:
        found = asyncio.run(follower.look())
        return None if found is None else found.pid

    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE) as hook:
        where = Whereabouts("process", str(script))
        wait_for(lambda: seen(Follower(where, None)) == hook.pid, "it is not found")
        while_it_runs = Follower(where, None)
        while_it_runs.hook_runs = True
        assert seen(while_it_runs) is None
        assert "only the action itself" in while_it_runs.why
        hook.communicate(b"\n")
