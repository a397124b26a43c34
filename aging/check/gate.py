"""What a gate judges, and when: the same in the process that measures, in a look, and when a result is judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from aging.check.conditions import Condition
from aging.check.stored_rate import StoredRate

FEWEST_SECONDS = 20.0
"""Of load after the warm-up, before which nothing is judged: 20 samples, one a second."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Conditions on deployments, with the probabilities of a false red and of a false green of the whole gate.

    ``looks`` are the seconds of load at which it is judged, the last the end of the budget. With ``early`` the campaign
    ends at the look that decides. A deployment in ``pairs`` is judged by its difference from its baseline.
    """

    conditions: Sequence[Condition]
    deployments: Sequence[str]
    alpha: float
    beta: float
    looks: Sequence[float]
    early: bool = True
    pairs: Mapping[str, str] = field(default_factory=dict)
    stored: Sequence[StoredRate] = ()
    """The rates of a stored baseline, which are subtracted."""
    baseline: str | None = None
    """What is compared with, in words."""

    @property
    def budget(self) -> float:
        """Seconds of load."""
        return self.looks[-1]

    @property
    def names(self) -> Sequence[str]:
        """Every deployment whose server must serve: the judged ones and their baselines."""
        return list(dict.fromkeys((*self.deployments, *self.pairs.values())))

    def look_at(self, seconds: float) -> int:
        """The last look, counted from 1, that so many seconds of load allow; the first where they allow none."""
        return max(sum(at <= seconds + _ROUNDING for at in self.looks), 1)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Gate:
        return TypeAdapter(cls).validate_python(content)


_ROUNDING = 0.5
"""A load that ended by half a second before a look has reached it."""
