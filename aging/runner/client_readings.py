"""What the clients of a deployment see, as a reading for its policy; the records have it too, so it is not stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from aging.load.heartbeat import Beat

ATTAINMENT = "client_slo_attainment_ratio"
TTFT_P99 = "client_ttft_p99_seconds"
WAITING = "client_requests_waiting"
FAILED = "client_failed_ratio"

CLIENT_INDICATORS = (ATTAINMENT, TTFT_P99, WAITING, FAILED)
"""Indicators that a policy may use in a campaign that sends the load."""


_PULSES = 60
"""A second each: a ratio over one second of a slow load would be 0 or 1."""


class Clients:
    """Makes the indicators of the pulses of a load, ratios over the last minute."""

    def __init__(self) -> None:
        self._beats: deque[Beat] = deque(maxlen=_PULSES)

    def see(self, beat: Beat) -> Mapping[str, float]:
        """The indicators after one more pulse; a ratio is left out while there is nothing that it is of."""
        self._beats.append(beat)
        values = {WAITING: float(beat.waiting)}
        if judged := sum(one.judged for one in self._beats):
            values[ATTAINMENT] = sum(one.attained for one in self._beats) / judged
        failed = sum(one.failed for one in self._beats)
        if recorded := failed + sum(one.answered for one in self._beats):
            values[FAILED] = failed / recorded
        if beat.ttft_p99 is not None:
            values[TTFT_P99] = beat.ttft_p99
        return values
