"""Policies that must act, and must not, over simulated days: false alarms, missed exhaustions, overlaps, a month.

The package's own rounds, servers, rejuvenator, governor, policies and journal run in virtual time
(``analysis/rejuvenation/simulation.py``); the servers are drawn (``analysis/rejuvenation/servers.py``)::

    python -m analysis.rejuvenation.accelerated --write    # all of it, on all cores
    python -m analysis.rejuvenation.accelerated --quick    # a few campaigns of each, to see that it works
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

from scipy.stats import beta

from aging.runner.catalogue import Catalogue
from aging.store.events import Event
from analysis import ROOT
from analysis.rejuvenation.servers import CLEAN, LEAKING, LIMIT, Draw, drawn, slow, wearing
from analysis.rejuvenation.simulation import DAY_SECONDS, GIB, Host, Lived, campaign_text

TABLE = ROOT / "docs" / "tables" / "rejuvenation_accelerated.md"
SEED = 20_261_129
ALPHA = 0.05

_INDICATOR = "process_anon_swap_bytes"
_LIMIT = f"{LIMIT / GIB:g}GiB"
_TREND = f'[[rejuvenation]]\npolicy = "trend"\nlimit = "{_LIMIT}"\nwithin = "1h"\nalpha = {ALPHA}\n'

POLICIES: Mapping[str, str] = {
    "never": "",
    "periodic": 'every = "6h"',
    "threshold": f'indicator = "{_INDICATOR}"\nabove = "{0.8 * LIMIT / GIB:g}GiB"',
    "trend": f'limit = "{_LIMIT}"\nwithin = "1h"',
    "cost-optimal": f'limit = "{_LIMIT}"\ncost_restart = 1\ncost_crash = 20',
}
"""Keys of the policies of the month, by their kind."""

_GOVERNED = 6
_FAILING_STARTS = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of some campaigns: how many, those that triggered, those in which a limit was reached, and the sums.

    ``deaths`` are servers that reached their limit; ``at_once`` the most that were rejuvenated at the same time, and
    ``most_a_day`` the most rejuvenations of one server in any 24 hours.
    """

    campaigns: int = 0
    triggered: int = 0
    exhausted: int = 0
    deaths: int = 0
    failed_starts: int = 0
    rejuvenations: int = 0
    down_seconds: float = 0.0
    seconds: float = 0.0
    at_once: int = 0
    most_a_day: int = 0

    @classmethod
    def of(cls, lived: Lived) -> Outcome:
        begun = [event for event in lived.events if event.kind == "rejuvenation_started"]
        return cls(
            campaigns=1,
            triggered=lived.count("rejuvenation_started") > 0,
            exhausted=lived.exhaustions > 0,
            deaths=lived.exhaustions,
            failed_starts=lived.count("deployment_died") - lived.exhaustions,
            rejuvenations=lived.count("rejuvenation_completed"),
            down_seconds=lived.down_seconds,
            seconds=lived.seconds,
            at_once=lived.most_at_once(),
            most_a_day=max((_most_a_day(begun, name) for name in {event.deployment for event in begun}), default=0),
        )

    def __add__(self, other: Outcome) -> Outcome:
        summed = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        most = {name: max(getattr(self, name), getattr(other, name)) for name in ("at_once", "most_a_day")}
        return Outcome(**summed | most)


def _most_a_day(begun: Sequence[Event], name: str | None) -> int:
    """The most rejuvenations of one server in any 24 hours."""
    at = [event.stamp.mono for event in begun if event.deployment == name]
    return max(sum(first <= one < first + DAY_SECONDS for one in at[place:]) for place, first in enumerate(at))


# One campaign each; they run in worker processes.


def watched(host: Host, kind: str, number: int) -> Outcome:
    """A day of one server, clean or leaking, under ``trend``; of a fast leak 90 minutes, read more often."""
    draw = CLEAN[kind] if kind in CLEAN else LEAKING[kind]
    seconds, tick = (1.5 * 3600.0, 5.0) if kind == "fast leak" else (DAY_SECONDS, 30.0)
    server = drawn("a", f"{SEED}/{kind}/{number}", draw)
    return Outcome.of(host.live(campaign_text(["a"], seconds, _TREND), [server], tick))


def governed(host: Host, at_most: int, number: int, days: float) -> Outcome:
    """Servers that all reach their threshold at the same time, some of whose starts fail."""
    names = [f"s{place}" for place in range(_GOVERNED)]
    rules = f'at_most = {at_most}\nbudget = 6\ngive_up_after = 100\nlongest_backoff = "10m"\n'
    threshold = f'[[rejuvenation]]\npolicy = "threshold"\n{POLICIES["threshold"]}\nwindow = "5m"\n{rules}'
    seeds = [f"{SEED}/governed/{number}" for _ in names]
    more = {"start_seconds": 600.0, "starts_fail": _FAILING_STARTS}
    servers = [drawn(name, seed, slow, **more) for name, seed in zip(names, seeds, strict=True)]
    return Outcome.of(host.live(campaign_text(names, days * DAY_SECONDS, threshold), servers, tick=120.0))


def month(host: Host, policy: str, number: int, days: float) -> Outcome:
    """A server that wears out after 14 hours in the median, for a month."""
    table = f'[[rejuvenation]]\npolicy = "{policy}"\n{POLICIES[policy]}\n'
    server = drawn("a", f"{SEED}/month/{number}", wearing)
    return Outcome.of(host.live(campaign_text(["a"], days * DAY_SECONDS, table), [server]))


def _begin(folder: Path) -> None:
    """Make the virtual host of a worker process, whose clocks are changed for good."""
    global _host  # noqa: PLW0603 - one a process
    _host = Host(os.getpid(), folder)


def _task(function: Callable[..., Outcome], *arguments: object) -> Outcome:
    assert _host is not None
    return function(_host, *arguments)


_host: Host | None = None


# The whole of it.


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated: campaigns of clean and of leaking servers, days of the governor and of a month."""

    campaigns: int = 300
    days: float = 1000.0
    pieces: int = 8
    month: float = 30.0


QUICK = Size(campaigns=12, days=4.0, pieces=2, month=3.0)


@dataclass(frozen=True, slots=True)
class Found:
    """All outcomes, by what was simulated."""

    clean: Mapping[str, Outcome]
    leaking: Mapping[str, Outcome]
    governed: Mapping[int, Outcome]
    month: Mapping[str, Outcome]


def simulate(size: Size, say: Callable[[str], object]) -> Found:
    """Simulate on all cores."""
    policies = [name for name in POLICIES if name in Catalogue.discovered().policies]
    memory = Path("/dev/shm")  # a journal is synced to the disk after every event
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        ProcessPoolExecutor(initializer=_begin, initargs=(Path(folder),)) as pool,
    ):

        def summed(what: str, tasks: Sequence[tuple[object, ...]]) -> Outcome:
            began = time.monotonic()
            waiting = [pool.submit(_task, *task) for task in tasks]  # type: ignore[arg-type]
            total = Outcome()
            for one in waiting:
                total += one.result()
            say(f"{what}: {total} in {time.monotonic() - began:.0f} s")
            return total

        def campaigns(kinds: Mapping[str, Draw]) -> Mapping[str, Outcome]:
            each = -(-size.campaigns // len(kinds))
            return {kind: summed(kind, [(watched, kind, number) for number in range(each)]) for kind in kinds}

        days = size.days / size.pieces
        return Found(
            clean=campaigns(CLEAN),
            leaking=campaigns(LEAKING),
            governed={
                k: summed(f"at most {k}", [(governed, k, piece, days) for piece in range(size.pieces)]) for k in (1, 2)
            },
            month={policy: summed(policy, [(month, policy, 0, size.month)]) for policy in policies},
        )


def report(found: Found, command: str, seconds: float) -> Iterator[str]:
    """The tables."""
    yield "# Rejuvenation policies over simulated days"
    yield ""
    yield f"{time.strftime('%Y-%m-%d')}, `{command}`, {seconds / 60:.0f} minutes on {os.cpu_count()} cores."
    yield f"Servers have a limit of {_LIMIT}, and are read every 30 s (fast leaks every 5 s). Where one reaches it, it"
    yield "is killed, and a supervisor starts it again after 300 s. A start takes 70 s."
    yield ""
    yield f'`trend`, `within = "1h"`, `alpha = {ALPHA}`, one day each: servers without a leak.'
    yield ""
    yield "| server | campaigns | false triggers | share, 95 % interval | nominal |"
    yield "|---|--:|--:|--:|--:|"
    for kind, one in _with_sum(found.clean).items():
        low, high = _interval(one.triggered, one.campaigns)
        share = f"{one.triggered / one.campaigns:.1%} [{low:.1%}, {high:.1%}]"
        yield f"| {kind} | {one.campaigns:,} | {one.triggered:,} | {share} | {ALPHA:.0%} |"
    yield ""
    yield "The same policy on servers that reach their limit within the day (fast leaks: within the hour)."
    yield ""
    yield "| server | campaigns | exhausted | rejuvenations | unavailable |"
    yield "|---|--:|--:|--:|--:|"
    for kind, one in _with_sum(found.leaking).items():
        yield f"| {kind} | {one.campaigns:,} | {one.exhausted:,} | {one.rejuvenations:,} | {_share(one)} |"
    yield ""
    yield f"{_GOVERNED} servers under `threshold` that age alike, with `at_most` = k, `budget` = 6, starts that take 10"
    yield f"minutes, of which {_FAILING_STARTS:.0%} fail. *At once*: the most servers that were rejuvenated together."
    yield ""
    yield "| k | days | rejuvenations | failed starts | at once | most of one server in 24 h | exhausted |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for k, one in found.governed.items():
        days = one.seconds / DAY_SECONDS
        figures = f"{days:,.0f} | {one.rejuvenations:,} | {one.failed_starts:,} | {one.at_once} | {one.most_a_day}"
        yield f"| {k} | {figures} | {one.deaths:,} |"
    yield ""
    yield "A month of a server that exhausts its memory after 14 hours in the median (7 at the least)."
    yield ""
    yield "| policy | deaths | rejuvenations | unavailable, minutes | share |"
    yield "|---|--:|--:|--:|--:|"
    for policy, one in found.month.items():
        minutes = f"{one.down_seconds / 60:,.0f}"
        yield f"| `{policy}` | {one.deaths:,} | {one.rejuvenations:,} | {minutes} | {_share(one)} |"


def _with_sum(found: Mapping[str, Outcome]) -> Mapping[str, Outcome]:
    return {**found, "**all**": sum(found.values(), Outcome())}


def _share(one: Outcome) -> str:
    return f"{one.down_seconds / one.seconds:.2%}"


def _interval(hits: int, tries: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, tries - hits + 1))
    high = 1.0 if hits == tries else float(beta.ppf(0.975, hits + 1, tries - hits))
    return low, high


def main() -> int:
    """Simulate, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few campaigns of each")
    parser.add_argument(
        "--campaigns", type=int, help=f"of clean, and of leaking servers; {Size().campaigns} by default"
    )
    parser.add_argument("--days", type=float, help=f"of the governor; {Size().days:g} by default")
    parser.add_argument("--write", action="store_true", help=f"write docs/tables/{TABLE.name} beside printing it")
    options = parser.parse_args()
    began = time.monotonic()
    size = QUICK if options.quick else Size()
    size = replace(size, campaigns=options.campaigns or size.campaigns, days=options.days or size.days)
    found = simulate(size, lambda line: print(line, file=sys.stderr, flush=True))
    command = shlex.join(["python", "-m", "analysis.rejuvenation.accelerated", *sys.argv[1:]])
    text = "\n".join(report(found, command, time.monotonic() - began)) + "\n"
    print(text)
    if options.write:
        Path(TABLE).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
