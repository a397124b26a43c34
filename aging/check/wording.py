"""The gate's result in words and figures, for every report of it. Plain text: what shows it escapes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aging.core import format
from aging.core.errors import ExitCode
from aging.core.sparkline import sparkline
from aging.findings.gate import ConditionResult, GateOutcome, GateResult, Quantity

_PER: dict[Quantity, str] = {"per_request": "request", "per_hour": "h", "growth_total": ""}
_EXIT: dict[GateOutcome, ExitCode] = {
    "passed": ExitCode.DONE,
    "failed": ExitCode.GATE_FAILED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "server-failed": ExitCode.SERVER_FAILED,
}
_WORDS: dict[str, str] = {
    "passed": "passed",
    "failed": "failed",
    "inconclusive": "cannot tell",
    "server-failed": "server failed",
    "not-started": "did not start",
    "died": "died",
    "only-errors": "answered only errors",
}
_OF_PYTHON = re.compile(r"/lib(?:64)?/python\d[^/]*/(?!(?:site|dist)-packages/)|^<frozen ")
_CALLERS = 2
_SEVERITY = ("failed", "inconclusive", "passed")


def exit_code(gate: GateResult) -> ExitCode:
    """The exit code of a gate with this outcome."""
    return _EXIT[gate.outcome]


def word(outcome: str) -> str:
    """An outcome, or the code of a server's failure, in words."""
    return _WORDS[outcome]


def by_severity(gate: GateResult) -> list[ConditionResult]:
    """The conditions, what failed first, what passed last."""
    return sorted(gate.conditions, key=lambda one: _SEVERITY.index(one.outcome))


def headline(gate: GateResult) -> str:
    """The result in one sentence: ``failed: 1 of 2 conditions, after 4m 06s of 10m 00s``."""
    took, budget = (format.readable_duration(minutes * 60) for minutes in (gate.minutes, gate.budget_minutes))
    spent = f"after {took} of {budget}"
    if gate.outcome == "server-failed":
        failures = ", ".join(f"{one.deployment} {word(one.code)}" for one in gate.server_failures)
        return f"server failed: {failures or 'no server was measured'}, {spent}"
    of = [one for one in gate.conditions if one.outcome == gate.outcome]
    count = f"{len(of)} of {len(gate.conditions)} condition{'' if len(gate.conditions) == 1 else 's'}"
    if gate.outcome == "inconclusive" and not of:
        return f"cannot tell: the measurement is in doubt, {spent}"
    return f"{word(gate.outcome)}: {count}, {spent}"


def rate_text(one: ConditionResult) -> str:
    """The estimate and its interval: ``+1.00 KiB/request [+0.97 to +1.03 KiB/request]``, or that there is none."""
    if one.estimate is None:
        return "nothing was measured" if not one.points else "no rate is known"
    estimate, limits = format.bounded(one.indicator, one.estimate, one.interval, _PER[one.quantity])
    return estimate if limits == format.NONE else f"{estimate} [{limits}]"


def limit_text(one: ConditionResult) -> str:
    """The limit: ``256 B/request``."""
    return format.size(one.indicator, one.limit, _PER[one.quantity])


def excluded_text(one: ConditionResult) -> str:
    """The smallest leak that a pass excludes: ``28.8 B/request``; a dash where not known."""
    return format.size(one.indicator, one.smallest_excluded, _PER[one.quantity])


def course(one: ConditionResult, width: int = 20) -> str:
    """The judged series as a sparkline; a few pages of memory fill no bar."""
    least = 2.0**16 if "_bytes" in one.indicator else 0.0
    return sparkline([value for _, value in one.points], least, width)


def sentence(one: ConditionResult) -> str:
    """Outcome, rate, limit and reason of one condition in a line."""
    excluded = f", smallest leak excluded {excluded_text(one)}" if one.outcome == "passed" else ""
    rate = f"{rate_text(one)}, limit {limit_text(one)}{excluded}, growth {one.growth}"
    return f"{one.deployment}: {word(one.outcome)}: {one.condition}: {rate}. {reason(one)}"


def reason(one: ConditionResult) -> str:
    """Why a condition has its outcome, as a sentence."""
    return format.sentence(one.reason[:1].upper() + one.reason[1:])


def site_text(one: ConditionResult, most: int = 20) -> list[str]:
    """Where a server allocated what it still held, the largest first, each in a line, at most so many.

    Of the callers the nearest are shown that are no part of Python's library.
    """
    sites = sorted(one.sites, key=lambda site: site.bytes, reverse=True)[:most]
    return [
        f"{format.byte_size(site.bytes)} in {site.count:,} allocations: {' ← '.join(_shown(site.frames))}"
        for site in sites
    ]


def _shown(frames: Sequence[str]) -> Sequence[str]:
    callers = [one for one in frames[1:] if not _OF_PYTHON.search(one)]
    return [*frames[:1], *callers[:_CALLERS]]


def advice(gate: GateResult) -> list[str]:
    """What to do: nothing where the gate passed."""
    said: list[str] = []
    if gate.outcome == "server-failed":
        said.append("Read the log of the server, and start it with the same command on a machine of yours.")
    if any(one.outcome == "failed" for one in gate.conditions):
        named = any(one.grew or one.sites for one in gate.conditions)
        said.append(
            "Look at what grew, and compare with the commit before. "
            if named
            else "Compare with the commit before (`--baseline`). "
        )
        said[-1] += "Raise the limit only if this growth is meant and bounded."
    if gate.outcome != "server-failed":
        said += _longer(gate.conditions)
    if gate.doubts:
        said.append("Mend what puts the measurement in doubt and run it again: no result of it can be green.")
    if gate.outcome == "inconclusive":
        said.append("Do not merge on this result: it shows neither a leak nor that there is none.")
    return said


def _longer(conditions: Sequence[ConditionResult]) -> list[str]:
    undecided = [one for one in conditions if one.outcome == "inconclusive"]
    needed = [one.longer_minutes for one in undecided if one.longer_minutes]
    if not needed and undecided:
        return ["Measure longer (`--budget`), or choose another limit: `--plan` says which limit takes how long."]
    if not needed:
        return []
    seconds = max(60 * max(needed), 1.0)
    longer = f"Measure {format.readable_duration(seconds)} longer (`--budget`)"
    return [f"{longer}, or choose a larger limit (`--plan` says which)."]
