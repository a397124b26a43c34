"""The judged series of a gate as a picture: the course, the limit and the measured rate with its interval."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aging.check.wording import by_severity, limit_text, rate_text, word
from aging.core.errors import AgingError, StorageError
from aging.core.format import unit_of
from aging.core.plain_text import one_line, shortened
from aging.findings.gate import ConditionResult, GateResult

_MOST = 20
"""Series in one picture: what failed is drawn first."""

_COLORS = {"failed": "tab:red", "inconclusive": "tab:orange", "passed": "tab:green"}


def write_gate_plot(gate: GateResult, path: Path) -> None:
    """Draw every judged series below the other, as SVG or PNG by the suffix of ``path``.

    A gate without a series has a picture that says so. Raises AgingError for another suffix, StorageError where the
    file cannot be written.
    """
    shown = [one for one in by_severity(gate) if one.points][:_MOST]
    figure = Figure(figsize=(8, 2.8 * max(len(shown), 1)), layout="constrained")
    panels = figure.subplots(max(len(shown), 1), 1, squeeze=False)[:, 0]
    for axes, one in zip(panels, shown, strict=False):
        _draw(axes, gate, one)
    if not shown:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, f"{word(gate.outcome)}: no series was measured", ha="center", va="center")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # of names in any script
            figure.savefig(path, dpi=120)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from None
    except ValueError as error:
        raise AgingError(f"{path}: cannot be drawn: {error}") from None


def _draw(axes: Axes, gate: GateResult, one: ConditionResult) -> None:
    minutes, values = [t for t, _ in one.points], [y for _, y in one.points]
    factor, name = unit_of(one.indicator).scale(max(map(abs, values)))
    axes.plot(minutes, [y / factor for y in values], linewidth=1.0, color="0.2", label="measured")
    judged = [(t, y / factor) for t, y in one.points if t >= one.since_minutes]
    if judged:
        _slopes(axes, one, judged, factor)
    for look in gate.look_minutes:
        axes.axvline(look, color="0.75", linewidth=0.8, linestyle=":")
    axes.axvspan(minutes[0], max(one.since_minutes, minutes[0]), color="0.93", label="warm-up")
    title = f"{one.deployment}: {word(one.outcome)}: {one.condition}"
    axes.set_title(_literal(shortened(title, 100)), loc="left", fontsize=9, color=_COLORS[one.outcome])
    axes.set_ylabel(name)
    axes.set_xlabel("minutes of load")
    axes.legend(fontsize=7, loc="upper left")


def _slopes(axes: Axes, one: ConditionResult, judged: Sequence[tuple[float, float]], factor: float) -> None:
    """The limit and the rate from the first judged point on; a limit of growth in all is a level above it."""
    (start, base), end = judged[0], judged[-1][0]
    if one.quantity == "growth_total":
        axes.axhline(base + one.limit / factor, color="tab:red", linestyle="--", linewidth=1.0, label=_label(one))
        return
    if one.work_per_minute is None:
        return
    reach = (end - start) * one.work_per_minute / factor
    axes.plot([start, end], [base, base + one.limit * reach], "--", color="tab:red", linewidth=1.0, label=_label(one))
    if one.interval is not None:
        low, high = ([base, base + slope * reach] for slope in one.interval)
        axes.fill_between([start, end], low, high, color="tab:blue", alpha=0.2, linewidth=0)
    if one.estimate is not None:
        rate = _literal(rate_text(one))
        axes.plot([start, end], [base, base + one.estimate * reach], color="tab:blue", linewidth=1.0, label=rate)


def _label(one: ConditionResult) -> str:
    return _literal(f"limit {limit_text(one)}")


def _literal(text: str) -> str:
    """Without matplotlib's mathematics: a ``$`` of a label is a ``$``."""
    return one_line(text).replace("$", r"\$")
