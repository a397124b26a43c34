"""What was seen of repeated calls, in words: what a failing test prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from aging.check.calls.judgement import FEWEST_CALLS, Judged, Limit
from aging.check.calls.messages import Traced
from aging.check.calls.repeated import Repeated
from aging.core import format

CallOutcome = Literal["passed", "failed", "undecided", "raised"]
"""``raised``: the function raised, ended its process, or did not return."""

_CALL = "call"
_MEANS_NOTHING = 0.05
"""Of what was kept: a smaller part is left out."""


def outcome(seen: Repeated) -> CallOutcome:
    """The outcome of the test. What was not judged is undecided, never passed."""
    if seen.raised is not None or seen.closed or seen.stuck_at:
        return "raised"
    if seen.judged is None:
        return "undecided"
    return seen.judged.outcome


def text(seen: Repeated, limit: Limit) -> str:
    """The result with its figures and what to do, in lines."""
    said = {"passed": _passed, "failed": _failed, "undecided": _undecided, "raised": _raised}[outcome(seen)]
    return "\n".join(said(seen, limit))


def _passed(seen: Repeated, limit: Limit) -> Iterator[str]:
    yield f"no leak: growth of {_per_call(limit.per_call)} or more is excluded, {_spent(seen)}"
    yield from _figures(seen.judged)


def _failed(seen: Repeated, limit: Limit) -> Iterator[str]:
    judged = seen.judged
    rate = None if judged is None else judged.leaking.rate
    yield f"leak: the test's body keeps {_per_call(rate)}, the limit is {_per_call(limit.per_call)}, {_spent(seen)}"
    yield from _figures(judged)
    if seen.traced is not None:
        yield from _sites(seen.traced, judged)


def _undecided(seen: Repeated, limit: Limit) -> Iterator[str]:
    yield f"cannot tell whether it leaks {_per_call(limit.per_call)}, {_spent(seen)}"
    yield from _figures(seen.judged)
    if 0 < seen.planned < FEWEST_CALLS:
        yield f"A call takes {_seconds(seen)}: the budget allows {seen.planned} calls, {FEWEST_CALLS} are needed."
    elif seen.judged is None or seen.calls < seen.planned:
        yield "The host was too busy, or calls became slower: three times the budget was over before they were made."
    elif seen.judged is not None:
        decisions = (seen.judged.in_use, seen.judged.anonymous)
        notes = [str(note) for decision in decisions if decision is not None for note in decision.notes]
        yield from dict.fromkeys(notes)
    yield "Raise `budget` or `per_call` of the marker, or make a call shorter."


def _raised(seen: Repeated, limit: Limit) -> Iterator[str]:
    if seen.raised is not None:
        yield f"call {seen.raised.call} of the test's body raised; the first calls did not:"
        yield seen.raised.text.rstrip()
        yield from _threads(seen)
        return
    if seen.stuck_at:
        yield f"a call of the test's body did not return, after {seen.calls:,} calls in {seen.seconds:.1f} s:"
        yield from (f"  {place}" for place in seen.stuck_at)
        yield from _threads(seen)
        return
    yield f"the process that called the test's body ended by itself ({seen.ended}) after {seen.calls} calls"
    yield f"The limit of {_per_call(limit.per_call)} was not judged. Call the body once to see why it ends the process."


def _threads(seen: Repeated) -> Iterator[str]:
    if seen.threads:
        yield f"The process that calls is a fork, without the other threads of this one ({seen.threads}): a lock that"
        yield "one holds is never released there. Start threads in the test's body, or use `leak_check`."


def _figures(judged: Judged | None) -> Iterator[str]:
    if judged is None:
        return
    if judged.in_use is not None:
        parts = f"Python's objects {_per_call(judged.python, True)}, the C heap {_per_call(judged.heap, True)}"
        yield f"  memory in use: {_bounds(judged.in_use.rate, judged.in_use.low, judged.in_use.high)} ({parts})"
    one = judged.anonymous
    yield f"  anonymous memory: {_bounds(one.rate, one.low, one.high)}"


def _sites(traced: Traced, judged: Judged | None) -> Iterator[str]:
    rate = traced.bytes / traced.calls
    leaking = None if judged is None else judged.leaking.rate
    if not traced.sites or (leaking is not None and rate < _MEANS_NOTHING * leaking):
        yield "  Python allocated none of it: look at extensions and C libraries (memray or heaptrack shows where)."
        return
    yield f"  kept by {traced.calls:,} further calls, {_per_call(rate)}, allocated at:"
    for site in (one for one in traced.sites if one.bytes >= _MEANS_NOTHING * traced.bytes):
        yield f"    {format.byte_size(site.bytes)} in {site.count:,} blocks: {site.frames[0] if site.frames else '?'}"
        yield from (f"      from {frame}" for frame in site.frames[1:])


def _bounds(rate: float | None, low: float | None, high: float | None) -> str:
    if rate is None or low is None or high is None:
        return format.NONE
    one, both = format.bounded("_bytes", rate, (low, high), _CALL)
    return f"{one} [{both}]"


def _per_call(rate: float | None, signed: bool = False) -> str:
    return format.slope("_bytes", rate, _CALL) if signed else format.size("_bytes", rate, _CALL)


def _seconds(seen: Repeated) -> str:
    return format.level("_seconds", seen.seconds_per_call)


def _spent(seen: Repeated) -> str:
    return f"after {seen.calls:,} of {seen.planned:,} calls in {seen.seconds:.1f} s"
