"""A policy that computes with scipy, as the guard has it: its urgent part here, the rest in the process that looks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from aging.campaign.schema import RejuvenationOptions
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.kinds import policies


class Apart(Policy[RejuvenationOptions]):
    """Decides what its urgent part decides at each reading, else what the last look has decided (``standing``)."""

    def __init__(self, options: RejuvenationOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._urgent: Policy[Any] | None = policies()[options.policy].urgent_part(options, subject)
        self.standing: Decision | None = None
        self.by_look = False
        """Whether the last decision was that of a look, which may be old."""

    @property
    def indicators(self) -> Sequence[str]:
        return list(self.options.reads.values())

    def missing(self, read: Collection[str]) -> str | None:
        return super().missing(read) if self._urgent is None else self._urgent.missing(read)

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        if self._urgent is not None:
            self._urgent.observe(age, values)

    def decide(self, now: Moment) -> Decision | None:
        urgent = None if self._urgent is None else self._urgent.decide(now)
        self.by_look = urgent is None and self.standing is not None
        return urgent or self.standing


def inmost(options: RejuvenationOptions) -> RejuvenationOptions:
    """The options of the policy that asks: of a window its inner one."""
    inner = getattr(options, "inner", None)
    return inner if isinstance(inner, RejuvenationOptions) else options


def policy_of_guard(options: RejuvenationOptions, subject: Subject) -> tuple[Policy[Any], Apart | None]:
    """A new policy of a generation, and the part of it that the process which looks is asked; None: no part."""
    new: Callable[..., Policy[Any]] = policies()[options.policy]
    asks = inmost(options)
    if not policies()[asks.policy].needs_scipy:
        return new(options, subject), None
    apart = Apart(asks, subject)
    return (apart if asks is options else new(options, subject, apart)), apart
