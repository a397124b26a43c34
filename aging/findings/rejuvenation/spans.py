"""The rejuvenations of a run, each from its start in the journal to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aging.findings.types import RejuvenationOutcome
from aging.store.events import (
    DeploymentDied,
    DeploymentReadopted,
    DeploymentReady,
    DeploymentStarted,
    Event,
    LoadResumed,
    RejuvenationCompleted,
    RejuvenationDecided,
    RejuvenationFailed,
    RejuvenationStarted,
)

_OUTCOMES: Mapping[str, RejuvenationOutcome] = {"helped": "helped", "unhelpful": "unhelpful", "undone": "undone"}


@dataclass(frozen=True, slots=True)
class Span:
    """One rejuvenation of a run. ``begin`` and ``end`` are monotonic seconds, ``end`` None where the journal has none.

    ``generations`` are the servers that were started for it. ``held_seconds`` is how long arrivals waited, and ``cut``
    how many requests in flight were ended, as the runner wrote it.
    """

    started: RejuvenationStarted
    decided: RejuvenationDecided | None
    begin: float
    end: float | None
    outcome: RejuvenationOutcome
    why: str = ""
    generation_after: int | None = None
    generations: tuple[int, ...] = ()
    seconds: float | None = None
    held_seconds: float = 0.0
    cut: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)


def spans_of(events: Sequence[Event]) -> list[Span]:
    """The rejuvenations among the ``events`` of one run, in their order.

    One without an event of its end is ``failed`` where the server died next, as release 0.2 wrote it, else
    ``unfinished``.
    """
    return list(_spans(events))


@dataclass
class _UnderWay:
    """A rejuvenation whose end has not been read yet, and what was read since."""

    started: RejuvenationStarted
    decided: RejuvenationDecided | None
    made: list[int] = field(default_factory=list)
    serving: int | None = None
    death: DeploymentDied | None = None
    resumed: float | None = None


def _spans(events: Sequence[Event]) -> Iterator[Span]:
    decided: RejuvenationDecided | None = None
    one: _UnderWay | None = None
    for event in events:
        match event:
            case RejuvenationDecided() if event.carried_out:
                decided = event
            case RejuvenationStarted():
                if one is not None:
                    yield _without_end(one)
                one, decided = _UnderWay(event, decided), None
            case RejuvenationCompleted() | RejuvenationFailed() if one is not None:
                yield _ended(one, event)
                one = None
            case DeploymentStarted() if one is not None:
                one.made.append(event.generation)
            case DeploymentReady() | DeploymentReadopted() if one is not None:
                one.serving = event.generation
            case DeploymentDied() if one is not None:
                one.death = event
            case LoadResumed() if one is not None:
                one.resumed = event.stamp.mono
    if one is not None:
        yield _without_end(one)


def _ended(one: _UnderWay, event: RejuvenationCompleted | RejuvenationFailed) -> Span:
    completed, death = isinstance(event, RejuvenationCompleted), one.death
    serves = completed or event.outcome == "undone" or death is None or death.generation != event.generation
    return Span(
        started=one.started,
        decided=one.decided,
        begin=one.started.stamp.mono,
        end=_end(one, event),
        outcome=_OUTCOMES.get(event.outcome, "helped" if completed else "failed"),
        why="" if isinstance(event, RejuvenationCompleted) else event.why,
        generation_after=event.generation if serves else None,
        generations=tuple(one.made),
        seconds=event.seconds,
        held_seconds=event.held_seconds or _held_before(one, event),
        cut=event.cut,
        stages=event.stages if isinstance(event, RejuvenationCompleted) else {},
    )


def _end(one: _UnderWay, event: RejuvenationCompleted | RejuvenationFailed) -> float:
    """When it was done; the event is written once its effect has been read."""
    if event.seconds <= 0:
        return event.stamp.mono
    return min(one.started.stamp.mono + event.seconds, event.stamp.mono)


def _held_before(one: _UnderWay, event: RejuvenationCompleted | RejuvenationFailed) -> float:
    """How long arrivals waited, as release 0.2 wrote it: it had no other action than a restart, and no stages."""
    old = isinstance(event, RejuvenationCompleted) and not event.stages and event.action == "restart"
    return event.seconds if old and one.decided is None else 0.0


def _without_end(one: _UnderWay) -> Span:
    """It ends with the death of the server, or with the next load process where the runner was killed."""
    begin, death = one.started.stamp.mono, one.death
    return Span(
        started=one.started,
        decided=one.decided,
        begin=begin,
        end=one.resumed if death is None else death.stamp.mono,
        outcome="unfinished" if death is None else "failed",
        why="The journal has no end of it." if death is None else death.why,
        generation_after=one.serving if death is None else None,
        generations=tuple(one.made),
        seconds=None if death is None else death.stamp.mono - begin,
    )
