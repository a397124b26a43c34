"""What a journal says of earlier rejuvenations, so that a resumed campaign keeps its budget, backoff and distance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import cast, get_args

from aging.rejuvenation.governor import DAY_SECONDS, Outcome, Past, Rules
from aging.store.events import (
    Event,
    RejuvenationCompleted,
    RejuvenationDisarmed,
    RejuvenationFailed,
    RejuvenationStarted,
    RunRepeated,
)


def past_of(
    events: Iterable[Event],
    now: float,
    rules: Callable[[str], Rules] = lambda _: Rules(),
    *,
    replica: int = 1,
    shift: float = 0.0,
) -> Mapping[str, Past]:
    """What a governor knows at ``now``, by deployment, of one ``replica``; ``rules`` are those of each deployment.

    ``now`` and the times returned are on the governor's clock: campaign time less ``shift``. A rejuvenation that began
    and whose end is not in the journal counts for the budget, and as ended when it began. An attempt that was repeated
    does not count.
    """
    found: dict[str, Past] = {}
    open_since: dict[str, float] = {}
    for event in events:
        name, at = event.deployment, event.stamp.mono - shift
        if name is None or event.replica != replica:
            continue
        past = found.get(name, Past())
        match event:
            case RunRepeated():
                found[name] = Past()
                open_since.pop(name, None)
            case RejuvenationStarted():
                found[name], open_since[name] = past.with_begin(at), at
            case RejuvenationCompleted() | RejuvenationFailed():
                found[name] = past.with_end(at, _outcome(event.outcome), rules(name))
                open_since.pop(name, None)
            case RejuvenationDisarmed():
                found[name] = replace(past, disarmed=event.why)
    for name, at in open_since.items():
        found[name] = replace(found[name], ended=max(at, found[name].ended or at))
    return {name: _recent(past, now) for name, past in found.items()}


def _recent(past: Past, now: float) -> Past:
    return replace(past, begun=tuple(one for one in past.begun if one > now - DAY_SECONDS))


def _outcome(written: str) -> Outcome:
    """One that a later release wrote and this one does not know is no reason to go on: it counts as failed."""
    return cast(Outcome, written) if written in get_args(Outcome) else "failed"
