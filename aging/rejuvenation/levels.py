"""The limit of an indicator as a policy knows it: the user's, else the one that the kernel or the device sets."""

from __future__ import annotations

from collections.abc import Mapping

from aging.core.kernel_limits import WHOLE, least_room
from aging.core.levels import Level
from aging.core.metrics import full_scale, is_share
from aging.rejuvenation.base import Subject


class Ceiling:
    """The limit that shares refer to. It follows what is read: a control group's limit may change under a server.

    In order: ``subject.limits``; of a gauge that is a share of a whole, all of it (1, or 100 once it was above 1); what
    the device or the control group reports as the limit; the limit of the kernel with the least room.
    """

    def __init__(self, indicator: str, subject: Subject) -> None:
        self.indicator = indicator
        self._given = subject.limits.get(indicator)
        self._gauge = indicator.startswith("engine_") and is_share(indicator)
        self._most = 0.0
        self._level: float | None = None
        self._waiting: Mapping[str, float] | None = None
        self._read: float | None = None

    def see(self, values: Mapping[str, float]) -> None:
        """Note the readings of a limit and of the indicator."""
        level = values.get(self.indicator)
        if level is not None:
            self._level, self._most = level, max(self._most, level)
        if self._given is not None or self._gauge:
            return
        whole = values.get(WHOLE.get(self.indicator, ""))
        if whole is not None:
            self._read = whole
        row = values if least_room(self.indicator, values) is not None else self._waiting
        if row is None or (least := least_room(self.indicator, row)) is None:
            return
        if self._level is None:
            self._waiting = dict(row)  # a limit that was read before the first level
        else:
            self._read, self._waiting = least.reach(row, self._level), None

    @property
    def limit(self) -> float | None:
        """The limit, in the unit of the indicator; None while none is known."""
        if self._given is not None:
            return self._given
        return full_scale(self.indicator, self._most) if self._gauge else self._read

    def value(self, level: Level) -> float | None:
        """A level in the unit of the indicator; None of a share without a known limit."""
        return level.of(self.limit)

    def missing(self, *levels: Level) -> str | None:
        """That a share has no limit to refer to, and what to write instead; None where each level is known."""
        shares = [level for level in levels if level.share]
        if not shares or self.limit is not None:
            return None
        return (
            f"No limit of {self.indicator} is known, so that {shares[0]} of it is not known either: the policy does "
            f"not fire. Write the level in its unit{_size(self.indicator)}."
        )


def _size(indicator: str) -> str:
    return ', like "2GiB"' if indicator.endswith("_bytes") else ""


_UNITS = ("bytes", "seconds", "ratio")


def numbered(indicator: str, **numbers: float) -> dict[str, float]:
    """The ``numbers`` of an indicator by name with its unit: ``limit_bytes``, ``rate_bytes_per_hour``."""
    unit = next((f"_{unit}" for unit in _UNITS if indicator.endswith(f"_{unit}")), "")
    named = {}
    for name, number in numbers.items():
        head, per, tail = name.partition("_per_")
        named[f"{head}{unit}{per}{tail}"] = number
    return named
