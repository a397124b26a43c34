"""What an action did to a server: levels before and after, and whether that was worth it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from aging.core.metrics import PRIMARY
from aging.rejuvenation.governor import Outcome
from aging.runner.levels import Levels

_LEAST_SHARE = 0.02
"""Of the level before: less than this that comes back is no help."""

_MUCH_SHORTER = 0.5
"""Of the time to the decision before: sooner than this the server ages faster than it did."""


@dataclass(frozen=True, slots=True)
class Before:
    """A server when an action begins.

    ``age`` is its age in seconds at the decision, ``levels`` are medians of the last readings; ``judged`` are the
    policy's indicators that are to fall, none for a policy that goes by the clock or by the clients.
    """

    generation: int
    age: float
    levels: Mapping[str, float]
    judged: Sequence[str]

    @classmethod
    def of(cls, generation: int, age: float, levels: Levels, indicators: Sequence[str]) -> Self:
        """As last read."""
        read = {indicator: levels.now(generation, indicator) for indicator in levels.indicators}
        judged = [indicator for indicator in indicators if not indicator.startswith("client_")]
        return cls(generation, age, {name: level for name, level in read.items() if level is not None}, judged)


def figures_of(before: Before, levels: Levels, generation: int, ended: float) -> dict[str, float]:
    """Levels before and after by indicator, and the memory that came back; ``ended`` is when the action was done.

    After a start they are the first readings of the generation, else those since the end.
    """
    figures = {f"{indicator}_before": level for indicator, level in before.levels.items()}
    for indicator in before.levels:
        after = _after(before, levels, generation, indicator, ended)
        if after is not None:
            figures[f"{indicator}_after"] = after
    if f"{PRIMARY}_after" in figures:
        figures["freed_bytes"] = figures[f"{PRIMARY}_before"] - figures[f"{PRIMARY}_after"]
    return figures


def _after(before: Before, levels: Levels, generation: int, indicator: str, ended: float) -> float | None:
    if generation != before.generation:
        return levels.at_start(generation, indicator)
    return levels.since(generation, indicator, ended)[0]


def outcome_of(before: Before, figures: Mapping[str, float], previous: Before | None) -> Outcome:
    """Whether the server is better than before. What was not read is not held against an action."""
    for indicator in before.judged:
        level, after = before.levels.get(indicator), figures.get(f"{indicator}_after")
        if level is not None and after is not None and after > level * (1 - _LEAST_SHARE):
            return "unhelpful"
    if before.judged and previous is not None and before.age < _MUCH_SHORTER * previous.age:
        return "unhelpful"
    return "helped"
