"""What the clients of a deployment see, as a reading for its policy; the records have it too, so it is not stored."""

from __future__ import annotations

from collections.abc import Mapping

from aging.load.heartbeat import Beat

ATTAINMENT = "client_slo_attainment_ratio"
TTFT_P99 = "client_ttft_p99_seconds"
WAITING = "client_requests_waiting"
FAILED = "client_failed_ratio"

CLIENT_INDICATORS = (ATTAINMENT, TTFT_P99, WAITING, FAILED)
"""Indicators that a policy may use in a campaign that sends the load."""


def client_values(beat: Beat) -> Mapping[str, float]:
    """The indicators of one pulse; ratios are of the requests that were recorded since the pulse before, if any."""
    values = {WAITING: float(beat.waiting)}
    if beat.judged:
        values[ATTAINMENT] = beat.attained / beat.judged
    if recorded := beat.answered + beat.failed:
        values[FAILED] = beat.failed / recorded
    if beat.ttft_p99 is not None:
        values[TTFT_P99] = beat.ttft_p99
    return values
