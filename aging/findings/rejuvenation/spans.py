"""The rejuvenations of a run, each from its start in the journal to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aging.findings.types import RejuvenationOutcome
from aging.store.events import (
    DeploymentDied,
    DeploymentStarted,
    Event,
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


def _spans(events: Sequence[Event]) -> Iterator[Span]:
    decided: RejuvenationDecided | None = None
    under_way: Span | None = None
    made: list[int] = []
    death: DeploymentDied | None = None
    for event in events:
        match event:
            case RejuvenationDecided() if event.carried_out:
                decided = event
            case RejuvenationStarted():
                if under_way is not None:
                    yield _without_end(under_way, made, death)
                under_way = Span(event, decided, event.stamp.mono, None, "unfinished")
                decided, made, death = None, [], None
            case DeploymentStarted() if under_way is not None:
                made.append(event.generation)
            case DeploymentDied() if under_way is not None:
                death = event
            case RejuvenationCompleted() | RejuvenationFailed() if under_way is not None:
                yield _ended(under_way, event, made, death)
                under_way = None
    if under_way is not None:
        yield _without_end(under_way, made, death)


def _ended(
    span: Span, event: RejuvenationCompleted | RejuvenationFailed, made: Sequence[int], death: DeploymentDied | None
) -> Span:
    completed = isinstance(event, RejuvenationCompleted)
    serves = completed or event.outcome == "undone" or death is None or death.generation != event.generation
    return Span(
        started=span.started,
        decided=span.decided,
        begin=span.begin,
        end=event.stamp.mono,
        outcome=_OUTCOMES.get(event.outcome, "helped" if completed else "failed"),
        why="" if isinstance(event, RejuvenationCompleted) else event.why,
        generation_after=event.generation if serves else None,
        generations=tuple(made),
        seconds=event.seconds,
        held_seconds=event.held_seconds or _held_before(event, span),
        cut=event.cut,
        stages=event.stages if isinstance(event, RejuvenationCompleted) else {},
    )


def _held_before(event: RejuvenationCompleted | RejuvenationFailed, span: Span) -> float:
    """How long arrivals waited, as release 0.2 wrote it: it had no other action than a restart, and no stages."""
    old = isinstance(event, RejuvenationCompleted) and not event.stages and event.action == "restart"
    return event.seconds if old and span.decided is None else 0.0


def _without_end(span: Span, made: Sequence[int], death: DeploymentDied | None) -> Span:
    return Span(
        started=span.started,
        decided=span.decided,
        begin=span.begin,
        end=None if death is None else death.stamp.mono,
        outcome="unfinished" if death is None else "failed",
        why="The journal has no end of it." if death is None else death.why,
        generation_after=None,
        generations=tuple(made),
        seconds=None if death is None else death.stamp.mono - span.begin,
    )
