"""What a kind of fault is, and what all of them do with a campaign afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.faults.campaign import Disturbed, TrialError
from analysis.faults.judge import Rows, rows_of

NO_FLOOR = 'watchdogs.disk_floor = "0B"\nwatchdogs.inode_floor = 0'
FAST = 0.002


@dataclass
class Struck:
    """A campaign and what its trial noted: the rows that it must still hold in the end."""

    one: Disturbed
    before: Rows = field(default_factory=dict)

    def note(self) -> None:
        """All rows that are there now must be there in the end, as they are now."""
        self.before = {**rows_of(self.one.root), **self.before}


Strike = Callable[[Struck], str]


@dataclass(frozen=True)
class Kind:
    """``tells`` are kinds of problems, or words of the output, one of which must tell the fault; none need where empty.
    ``made`` is what its campaigns differ in. ``needs`` a mount, or a clock.
    """

    name: str
    rounds: int
    strike: Strike
    tells: frozenset[str] = frozenset()
    made: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""


class Kinds(list[Kind]):
    """Kinds of one module, in the order of the table."""

    def add(self, name: str, rounds: int, *tells: str, strike: Strike, needs: str = "", **made: Any) -> None:
        self.append(Kind(name, rounds, strike, frozenset(tells), made, needs))

    def kind(self, name: str, rounds: int, *tells: str, needs: str = "", **made: Any) -> Callable[[Strike], Strike]:
        """Have a function be a kind of fault."""

        def known(strike: Strike) -> Strike:
            self.add(name, rounds, *tells, strike=strike, needs=needs, **made)
            return strike

        return known


def resumed(one: Disturbed) -> str:
    """Go on with a campaign, or analyze it where it had come to its end."""
    began = time.monotonic()
    code = one.done("resume", one.root)
    if code == 0:
        decided(one, began)
        return "resumed"
    if code == 2 and "the campaign has ended (completed)" in one.output():
        if (code := one.done("analyze", one.root)) == 0:
            return "completed"
        raise TrialError(f"aging analyze: exit {code}")
    raise TrialError(f"aging resume: exit {code}: {last_line(one)}")


def decided(one: Disturbed, began: float) -> None:
    """Note how long the last resume took until it had decided what becomes of every server."""
    events = one.events()
    place = max(place for place, event in enumerate(events) if event.kind == "campaign_resumed")
    stamps = [
        event.stamp.mono
        for event in events[place:]
        if event.kind in ("campaign_resumed", "deployment_readopted", "deployment_started", "run_cut_short")
    ]
    if max(stamps) < began + 60.0:  # of this boot
        one.decided.append((stamps[0] - began, max(stamps[:3]) - began))


def ended(one: Disturbed, runner: Any, *codes: int) -> str:
    """Let a runner come to its end; its exit code must be one of these."""
    code = one.ended(runner)
    if code not in codes:
        raise TrialError(f"aging run: exit {code}, not {codes}: {last_line(one)}")
    return {0: "completed", 3: "halted", 130: "interrupted", 2: "refused"}[code]


def last_line(one: Disturbed) -> str:
    return next((line for line in reversed(one.output().splitlines()) if line.strip()), "")[:200]


def killed(struck: Struck) -> None:
    """Kill the runner under load."""
    runner = struck.one.run()
    struck.one.under_load()
    struck.one.kill(runner)
    struck.note()
