"""The course of a series as a line of text."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], least_span: float = 0.0, width: int = 20) -> str:
    """``▁▂▃▅▇``: the course of a series between its extremes, or over ``least_span`` where they are closer."""
    if not values:
        return ""
    step = max(len(values) / width, 1.0)
    shown = [values[min(int(k * step), len(values) - 1)] for k in range(min(width, len(values)))]
    low, high = min(shown), max(shown)
    span = max(high - low, least_span) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in shown)
