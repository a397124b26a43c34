"""Rejuvenate when another policy asks for it, but only while the load is low."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import readable_duration
from aging.core.levels import INDICATOR, Level, LevelKey
from aging.core.units import Positive
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.kinds import options_of, policy_of
from aging.rejuvenation.load_trough import LoadHistory

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LEAST_HOURS = 1.0
_COMMON = frozenset(RejuvenationOptions.model_fields)


class WindowOptions(RejuvenationOptions):
    """The policy that is asked, and when the load is low."""

    policy: Literal["window"]
    inner: Any = Field(description='the policy that asks: a table like `{ policy = "trend", within = "1d" }`')
    between: tuple[str, str] | None = Field(
        None, description='the window of each day, in UTC, like `["02:00", "05:00"]`; it may pass midnight'
    )
    below: LevelKey | None = Field(
        None,
        description='the load is low below this share of its median over the last 24 hours, like `"50%"`; known after '
        "an hour",
    )
    load_indicator: str = Field(
        "engine_requests_running",
        pattern=INDICATOR,
        description="sampled indicator of the load; of a counter (`_total`) its rate",
    )
    longest_wait: Positive = Field(
        86_400.0, description="after this time without a window the policy fires all the same"
    )

    @field_validator("inner")
    @classmethod
    def _another(cls, given: Any) -> RejuvenationOptions:
        options = given if isinstance(given, RejuvenationOptions) else options_of(given)
        if options.policy == "window":
            raise ValueError("`policy` is window; a window waits for another policy, like `trend`")
        if options.policy == "never":
            raise ValueError("`policy` is never, which never asks; a window waits for another policy, like `trend`")
        if outer := sorted((options.model_fields_set & _COMMON) - {"policy"}):
            raise ValueError(f"{', '.join(outer)}: belongs to the table itself, not to its `inner` policy; move it up")
        return options

    @field_validator("between")
    @classmethod
    def _times(cls, between: tuple[str, str] | None) -> tuple[str, str] | None:
        for time in between or ():
            if not _CLOCK.fullmatch(time):
                raise ValueError(f'{time!r} is not a time of day; write hours and minutes, like "02:00"')
        if between is not None and between[0] == between[1]:
            raise ValueError(f'begins and ends at {between[0]}; write two different times, like ["02:00", "05:00"]')
        return between

    @field_validator("below")
    @classmethod
    def _is_share(cls, below: Level | None) -> Level | None:
        if below is not None and not below.share:
            raise ValueError(f'{below} is not a share of the usual load; write one like "50%"')
        return below

    @model_validator(mode="after")
    def _some(self) -> WindowOptions:
        if self.between is None and self.below is None:
            raise ValueError("needs `between`, `below` or both")
        return self

    @property
    def shortest_life(self) -> float | None:
        life: float | None = self.inner.shortest_life
        return life

    @property
    def reads(self) -> Mapping[str, str]:
        own = {} if self.below is None else {"load_indicator": self.load_indicator}
        return {**{f"inner.{key}": name for key, name in self.inner.reads.items()}, **own}

    @property
    def shares(self) -> Mapping[str, str]:
        return {f"inner.{key}": name for key, name in self.inner.shares.items()}


class WindowPolicy(Policy[WindowOptions]):
    """Passes the decisions of its inner policy in a window of low load; urgent ones at once.

    A decision waits as long as the inner policy repeats it. With `between` and `below`, both must hold.
    """

    kind = "window"
    options_table = WindowOptions

    def __init__(
        self,
        options: WindowOptions,
        subject: Subject = Subject(),  # noqa: B008 - frozen
        inner: Policy[Any] | None = None,
    ) -> None:
        super().__init__(options, subject)
        self.inner: Policy[Any] = policy_of(options.inner, subject) if inner is None else inner
        self._history = LoadHistory(counter=options.load_indicator.endswith("_total"))
        self._offset: float | None = None
        self._unplaced: list[tuple[float, float]] = []
        self._since: float | None = None

    @property
    def indicators(self) -> Sequence[str]:
        own = () if self.options.below is None else (self.options.load_indicator,)
        return [*dict.fromkeys((*self.inner.indicators, *own))]

    def missing(self, read: Collection[str]) -> str | None:
        lacking = self.inner.missing(read)
        name = self.options.load_indicator
        if lacking is not None or self.options.below is None or name in read:
            return lacking
        return (
            f"No sampler reads {name}: the load is not known to be low, so that the policy fires only after "
            f"`longest_wait`, or at once where its limit is reached. Choose another `load_indicator`, or `between`."
        )

    def renewed(self, subject: Subject) -> Self:
        new = type(self)(self.options, subject, self.inner.renewed(subject))
        new._history = self._history
        return new

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        self.inner.observe(age, values)
        value = values.get(self.options.load_indicator)
        if value is None or self.options.below is None:
            return
        if self._offset is None:
            self._unplaced.append((age, value))
        else:
            self._history.see(self._offset + age, value)

    def decide(self, now: Moment) -> Decision | None:
        self._offset = now.wall - now.age
        for age, value in self._unplaced:
            self._history.see(self._offset + age, value)
        self._unplaced.clear()
        asked = self.inner.decide(now)
        if asked is None or asked.urgent:
            self._since = None
            return asked
        if self._since is None:
            self._since = now.age
        waited, (low, why, numbers) = now.age - self._since, self._low(now.wall)
        if not low and waited < self.options.longest_wait:
            return None
        if not low:
            why = f"no window came within {readable_duration(self.options.longest_wait)}"
        reason = f"{asked.reason} Asked {readable_duration(waited)} ago; {why}."
        return replace(asked, reason=reason, numbers={**asked.numbers, **numbers, "waited_seconds": waited})

    def _low(self, wall: float) -> tuple[bool, str, dict[str, float]]:
        """Whether the load is low, why, and the numbers."""
        o, said, numbers = self.options, [], dict[str, float]()
        if o.between is not None:
            if not _within(datetime.fromtimestamp(wall, UTC), o.between):
                return False, "", {}
            said.append(f"it is between {o.between[0]} and {o.between[1]} UTC")
        if o.below is not None:
            load, usual = self._history.now(wall), self._history.usual()
            if load is None or usual is None or self._history.hours < _LEAST_HOURS:
                return False, "", {}
            if load >= o.below.number * usual:
                return False, "", {}
            said.append(f"{o.load_indicator} is {load:.3g}, below {o.below} of its usual {usual:.3g}")
            numbers = {"load": load, "usual_load": usual}
        return True, " and ".join(said), numbers


def _within(now: datetime, between: tuple[str, str]) -> bool:
    begin, end = between
    clock = f"{now:%H:%M}"
    return begin <= clock < end if begin < end else clock >= begin or clock < end
