"""What the times of a table cover, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aging.tables.series import Axis, Floats

_UNITS = (("d", 86400.0, 3.0), ("h", 3600.0, 1.0), ("min", 60.0, 2.0), ("s", 1.0, 0.0))
"""Each from so many of it on."""


def extent_of(times: Sequence[Floats], axis: Axis) -> str:
    """``2,880 samples over 24 h, one every 30 s``; of several series that of the longest."""
    longest = max(times, key=lambda t: t.size)
    known = longest if bool(np.all(longest[1:] > longest[:-1])) else np.unique(longest[np.isfinite(longest)])
    count = f"{longest.size:,} sample{'s' if longest.size != 1 else ''}"
    if len(times) > 1:
        count = f"{len(times):,} series of up to {count}"
    if known.size < 2:
        return count
    span, step = float(known[-1] - known[0]), float(np.median(np.diff(known)))
    if axis.count is not None:
        return f"{count} over {span:,.6g} {axis.count}, one every {step:,.6g}"
    return f"{count} over {spoken(span)}, one every {spoken(step)}"


def spoken(seconds: float) -> str:
    """A duration with three digits: ``24 h``, ``90 s``, ``3.5 d``."""
    name, size = next((name, size) for name, size, least in _UNITS if seconds >= least * size)
    return f"{seconds / size:.3g} {name}" if seconds / size < 1000 else f"{seconds / size:,.0f} {name}"
