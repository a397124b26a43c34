"""What was read of one generation, in bounded memory: means of equally long blocks, which are merged when many."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 512
"""Blocks of an indicator; twice as many are merged in pairs."""

_FIRST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Course:
    """The readings of one indicator, shape (n,): ``ages`` in seconds since the start of the generation, ``values``."""

    ages: list[float]
    values: list[float]


class Blocks:
    """Means of blocks of ``width`` seconds of one indicator."""

    def __init__(self, width: float = _FIRST_SECONDS) -> None:
        self.width = width
        self._ages, self._values = array("d"), array("d")
        self._block, self._count, self._age_sum, self._value_sum = -1, 0, 0.0, 0.0

    def add(self, age: float, value: float) -> None:
        """Take a reading; ages do not go back."""
        block = int(age // self.width)
        if block != self._block:
            self._close()
            self._block = block
        self._count += 1
        self._age_sum += age
        self._value_sum += value

    def course(self) -> Course:
        """The blocks so far, the present one included."""
        ages, values = self._ages.tolist(), self._values.tolist()
        if self._count:
            ages.append(self._age_sum / self._count)
            values.append(self._value_sum / self._count)
        return Course(ages, values)

    def _close(self) -> None:
        if self._count:
            self._ages.append(self._age_sum / self._count)
            self._values.append(self._value_sum / self._count)
        self._count, self._age_sum, self._value_sum = 0, 0.0, 0.0
        if len(self._ages) >= 2 * MOST:
            self._merge()

    def _merge(self) -> None:
        self.width *= 2
        ages, values = self._ages, self._values
        self._ages, self._values = array("d"), array("d")
        for age, value in zip(ages, values, strict=True):
            block = int(age // self.width)
            if self._ages and int(self._ages[-1] // self.width) == block:
                self._ages[-1], self._values[-1] = (self._ages[-1] + age) / 2, (self._values[-1] + value) / 2
            else:
                self._ages.append(age)
                self._values.append(value)

    @classmethod
    def of(cls, width: float, course: Course) -> Blocks:
        """Blocks that go on after those of ``course``."""
        blocks = cls(width)
        blocks._ages, blocks._values = array("d", course.ages), array("d", course.values)
        return blocks


class History:
    """The readings of one generation, by indicator."""

    def __init__(self, blocks: Mapping[str, Blocks] | None = None) -> None:
        self._blocks = dict(blocks or {})

    def add(self, age: float, values: Mapping[str, float]) -> None:
        """Take readings ``age`` seconds after the start of the generation."""
        for name, value in values.items():
            if math.isfinite(value):
                self._blocks.setdefault(name, Blocks()).add(age, value)

    def courses(self) -> Mapping[str, Course]:
        """What was read so far, by indicator."""
        return {name: blocks.course() for name, blocks in self._blocks.items()}

    def as_json(self) -> dict[str, Any]:
        """All of it, to be stored."""
        courses = self.courses()
        return {
            name: {"width": self._blocks[name].width, "ages": one.ages, "values": one.values}
            for name, one in courses.items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> History:
        """What :meth:`as_json` gave. Raises KeyError, TypeError, ValueError for anything else."""
        return cls(
            {
                str(name): Blocks.of(
                    float(one["width"]), Course([float(v) for v in one["ages"]], [float(v) for v in one["values"]])
                )
                for name, one in stored.items()
            }
        )
