"""The curve of a calibration as one SVG file: answers against requests, and the wait for them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aging.findings.latencies import SINCE
from aging.findings.saturation import BASE, Ceiling, Step

_INCHES = 3.4
_SATURATED = "#c0392b"


def curve_plot(ceilings: Sequence[Ceiling]) -> str:
    """An SVG document with a row per deployment: achieved rate, and p50 and p99 of the time to the first token."""
    drawn = Figure(figsize=(2.6 * _INCHES, _INCHES * max(len(ceilings), 1)), layout="constrained")
    grid = drawn.subplots(max(len(ceilings), 1), 2, squeeze=False)
    for (answers, waits), ceiling in zip(grid, ceilings, strict=False):
        steps = sorted(ceiling.steps, key=lambda step: step.offered)
        _answers(answers, ceiling, steps)
        _waits(waits, ceiling, steps)
    written = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "calibration"}):
        drawn.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _answers(axes: Axes, ceiling: Ceiling, steps: Sequence[Step]) -> None:
    most = max((step.offered for step in steps), default=1.0)
    axes.plot([0, most], [0, most], color="0.8", linewidth=1, label="all answered")
    axes.plot([step.offered for step in steps], [step.achieved for step in steps], color="0.3", linewidth=1)
    for saturated, color in ((False, "0.3"), (True, _SATURATED)):
        those = [step for step in steps if bool(step.saturated) == saturated]
        label = "saturated" if saturated else "held"
        axes.plot([step.offered for step in those], [step.achieved for step in those], "o", color=color, label=label)
    if ceiling.rate is not None:
        axes.axvline(ceiling.rate, color="0.6", linewidth=1, dashes=(3, 2))
    axes.set(title=ceiling.deployment, xlabel="requests per second", ylabel="answers per second")
    axes.legend(frameon=False, fontsize=8)


def _waits(axes: Axes, ceiling: Ceiling, steps: Sequence[Step]) -> None:
    timed = [step for step in steps if step.ttft_p50 is not None or step.e2e_p50 is not None]
    for name, of in (
        ("p50", [step.ttft_p50 for step in timed]),
        ("p99", [step.ttft_p99 for step in timed]),
    ):
        known = [(step.offered, seconds) for step, seconds in zip(timed, of, strict=True) if seconds]
        if known:
            label = f"time to first token {SINCE[BASE]}, {name}"
            axes.plot(*zip(*known, strict=True), marker="o", linewidth=1, label=label)
    if axes.has_data():
        axes.set_yscale("log")
        axes.legend(frameon=False, fontsize=8)
    axes.set(title=ceiling.deployment, xlabel="requests per second", ylabel="seconds")
