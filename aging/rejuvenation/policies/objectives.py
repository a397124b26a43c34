"""Rejuvenate when the service suffers: queue, utilization, attained objectives or time to first token, for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from aging.campaign.schema import RejuvenationOptions
from aging.core.format import level as written
from aging.core.metrics import LIVE_CLIENT
from aging.core.units import Duration, Positive
from aging.rejuvenation.base import Decision, Moment, Policy, Subject

_ATTAINMENT, _TTFT, _CLIENT_WAITING = LIVE_CLIENT


class ObjectivesOptions(RejuvenationOptions):
    """The levels at which each signal is bad; at least one of them."""

    policy: Literal["objectives"]
    requests_waiting: float | None = Field(
        None, ge=0, description="bad above this many requests in the engine's queue (`engine_requests_waiting`)"
    )
    kv_cache_usage: float | None = Field(
        None, gt=0, lt=1, description="bad above this share of the KV cache (`engine_kv_cache_usage_ratio`)"
    )
    client_waiting: float | None = Field(
        None,
        ge=0,
        description="bad above this many requests without a first token (`client_requests_waiting`)",
    )
    slo_attainment: float | None = Field(
        None,
        gt=0,
        le=1,
        description="bad below this share of requests within their objectives (`client_slo_attainment_ratio`)",
    )
    ttft_p99: Positive | None = Field(
        None, description="bad above this p99 of the time to first token (`client_ttft_p99_seconds`)"
    )
    need: Literal["any", "all"] = Field("any", description="how many of the given signals must be bad")
    window: Positive = Field(
        300.0, description="how long: a signal is bad if it was in nine of ten readings of this window"
    )
    warmup: Duration = Field(60.0, ge=0, description="start of each generation that is left out")

    @model_validator(mode="after")
    def _some(self) -> ObjectivesOptions:
        if not _signals(self):
            raise ValueError(
                "needs at least one of `requests_waiting`, `kv_cache_usage`, `client_waiting`, `slo_attainment` and "
                "`ttft_p99`"
            )
        return self

    @property
    def reads(self) -> Mapping[str, str]:
        return {key: signal.indicator for key, signal in _signals(self).items()}


@dataclass(frozen=True, slots=True)
class _Signal:
    """An indicator that is bad above a level, or below it."""

    indicator: str
    level: float
    downwards: bool = False

    def bad(self, value: float) -> bool:
        return value < self.level if self.downwards else value > self.level


_KEYS = (
    ("requests_waiting", "engine_requests_waiting", False),
    ("kv_cache_usage", "engine_kv_cache_usage_ratio", False),
    ("client_waiting", _CLIENT_WAITING, False),
    ("slo_attainment", _ATTAINMENT, True),
    ("ttft_p99", _TTFT, False),
)


def _signals(options: ObjectivesOptions) -> dict[str, _Signal]:
    """The signals that are given, by key."""
    return {
        key: _Signal(name, level, downwards)
        for key, name, downwards in _KEYS
        if (level := getattr(options, key)) is not None
    }


class _Watched:
    """The readings of one signal in the window."""

    _BAD, _GOOD, _COVERED, _FEWEST = 0.9, 0.5, 0.9, 3

    def __init__(self, signal: _Signal, window: float) -> None:
        self.signal = signal
        self._window = window
        self._recent: deque[tuple[float, float]] = deque()

    def see(self, age: float, value: float) -> None:
        self._recent.append((age, value))

    def share(self, age: float) -> float | None:
        """The share of bad readings; None before the window is covered by readings."""
        recent = self._recent
        while recent and recent[0][0] < age - self._window:
            recent.popleft()
        if len(recent) < self._FEWEST:
            return None
        span = recent[-1][0] - recent[0][0]
        if span * len(recent) / (len(recent) - 1) < self._COVERED * self._window:
            return None
        return sum(self.signal.bad(value) for _, value in recent) / len(recent)

    def is_bad(self, age: float) -> bool:
        share = self.share(age)
        return share is not None and share >= self._BAD

    def is_good(self, age: float) -> bool:
        share = self.share(age)
        return share is not None and share <= self._GOOD

    @property
    def last(self) -> float:
        return self._recent[-1][1]


class ObjectivesPolicy(Policy[ObjectivesOptions]):
    """Acts on what users notice, as autoscalers do (Chiron, arXiv:2501.08090: queue and utilization as backpressure).

    After a rejuvenation it does not fire before each signal that must be bad was good again in half of a window: where
    load, and not age, makes it bad, another rejuvenation is of no use.
    """

    kind = "objectives"
    options_table = ObjectivesOptions

    def __init__(self, options: ObjectivesOptions, subject: Subject = Subject()) -> None:  # noqa: B008 - frozen
        super().__init__(options, subject)
        self._watched = [_Watched(signal, options.window) for signal in _signals(options).values()]
        self._armed = {watched.signal.indicator: True for watched in self._watched}

    @property
    def indicators(self) -> Sequence[str]:
        return [watched.signal.indicator for watched in self._watched]

    def missing(self, read: Collection[str]) -> str | None:
        unread = [name for name in self.indicators if name not in read]
        if not unread or (self.options.need == "any" and len(unread) < len(self._watched)):
            return None
        return (
            f"Nothing reads {' and '.join(unread)}: the policy does not fire. Signals that begin with client_ need a "
            "load that the campaign sends, slo_attainment needs [load] objectives, and those that begin with engine_ "
            "need an engine that exports them."
        )

    def renewed(self, subject: Subject) -> Self:
        new = type(self)(self.options, subject)
        new._armed = dict.fromkeys(new._armed, False)
        return new

    def observe(self, age: float, values: Mapping[str, float]) -> None:
        if age < self.options.warmup:
            return
        for watched in self._watched:
            value = values.get(watched.signal.indicator)
            if value is not None:
                watched.see(age, value)

    def decide(self, now: Moment) -> Decision | None:
        for watched in self._watched:
            if watched.is_good(now.age):
                self._armed[watched.signal.indicator] = True
        bad = [one for one in self._watched if self._armed[one.signal.indicator] and one.is_bad(now.age)]
        if len(bad) < (1 if self.options.need == "any" else len(self._watched)):
            return None
        numbers: dict[str, float] = {"window_seconds": self.options.window}
        said = []
        for one in bad:
            name, level = one.signal.indicator, one.signal.level
            numbers |= {name: one.last, f"{name}_bad_{'below' if one.signal.downwards else 'above'}": level}
            side = "below" if one.signal.downwards else "above"
            said.append(f"{name} is {written(name, one.last)}, {side} {written(name, level)}")
        return Decision(f"For {self.options.window:g} s {' and '.join(said)}.", numbers)
