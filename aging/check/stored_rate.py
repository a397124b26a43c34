"""The present rate of a stored baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aging.findings.gate import Quantity

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class StoredRate:
    """The present rate of one indicator of a baseline, per request or per hour (``quantity``), in its unit.

    ``low`` is missed with probability ``alpha``, ``high`` with ``beta``; ``high`` is no less than what would have been
    seen.
    """

    deployment: str
    indicator: str
    quantity: Quantity
    rate: float
    low: float
    high: float
    alpha: float
    beta: float

    def of(self, deployment: str, indicator: str, quantity: Quantity) -> bool:
        """Whether it is the rate of this."""
        return (self.deployment, self.indicator, self.quantity) == (deployment, indicator, quantity)

    @property
    def on_axis(self) -> StoredRate:
        """The same per request, or per second."""
        part = 1.0 if self.quantity == "per_request" else _HOUR
        return replace(self, rate=self.rate / part, low=self.low / part, high=self.high / part)
