"""Matplotlib figures as inline SVG with the colors and fonts of the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform


@dataclass(frozen=True, slots=True)
class Palette:
    """The colors of a plot, by what is drawn in them."""

    ink: str
    muted: str
    rule: str
    data: str
    fit: str
    bad: str
    shade: str
    mark: str


PAGE = Palette("#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707", "#080808")
"""Placeholders that matplotlib writes; the variables of the page with the same names replace them."""

SCREEN = Palette("#1b1f24", "#626a73", "#e2e4e7", "#33658a", "#c2571a", "#b3261e", "#eef0f2", "#7b5ea7")
"""The page's light colors, for plots outside of it."""

_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_POINTS_PER_INCH = 72.0  # one SVG user unit is one point
_ROUND = (1, 2, 2.5, 5, 10)
_ROUND_HOURS = (1, 2, 3, 6, 10)
_TIMES = (
    (86400.0, "days", _ROUND),
    (3600.0, "hours", _ROUND_HOURS),
    (60.0, "minutes", _ROUND),
    (1.0, "seconds", _ROUND),
)
_LEAST_UNITS = 2.5


def figure(width: float, height: float, left: float, right: float = 12, top: float = 30) -> tuple[Figure, Axes]:
    """A figure of ``width`` by ``height`` user units with one bare axes; the margins are user units too."""
    drawn = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
    bottom = 44.0
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    axes = drawn.add_axes(box)
    drawn.patch.set_visible(False)
    bare(axes, PAGE)
    return drawn, axes


def bare(axes: Axes, palette: Palette) -> None:
    """Leave of an axes its horizontal line, pale rules and labels."""
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.rule)
    axes.tick_params(colors=palette.muted, length=0, labelsize=11, pad=5)
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.set_axisbelow(True)


def time_axis(axes: Axes, last: float, since: str, palette: Palette) -> None:
    """Seconds since ``since`` on the horizontal axis, in the unit that suits ``last``."""
    factor, name, steps = next((unit for unit in _TIMES if last >= unit[0] * _LEAST_UNITS), _TIMES[-1])
    _scaled_ticks(axes.xaxis, factor, 6, steps)
    axes.set_xlim(0, max(last, 1e-9))
    axes.set_xlabel(f"{name} since {since}", color=palette.muted, fontsize=11, labelpad=9)


def value_axis(axes: Axes, unit: tuple[float, str], least: float, greatest: float, palette: Palette) -> None:
    """Values on the vertical axis from ``least`` to ``greatest``, in a ``unit``: its size and its name."""
    factor, name = unit
    axes.set_ylim(least, greatest)
    _scaled_ticks(axes.yaxis, factor, 5, _ROUND)
    axes.text(0, 1, name, transform=_above(axes), ha="right", va="bottom", color=palette.muted, fontsize=11)


def log_value_axis(axes: Axes, scales: Sequence[tuple[float, str]], least: float, greatest: float) -> None:
    """A logarithmic vertical axis; each tick is written with its own unit."""
    axes.set_ylim(least, greatest)

    def written(value: float, _: object) -> str:
        factor, name = next((scale for scale in scales if value >= scale[0] * (1 - 1e-9)), scales[-1])
        return f"{value / factor:.4g} {name}"

    decades = np.log10(greatest / least)
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0,) if decades > 2 else (1.0, 3.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.yaxis.set_minor_locator(NullLocator())


def markup(drawn: Figure, name: str, label: str) -> Markup:
    """The figure as an ``<svg>`` element; ``name`` makes its ids unique, ``label`` is for screen readers."""
    written = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "path.simplify": False}):
        drawn.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = written.getvalue()
    box = re.search(r'viewBox="([^"]*)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r' id="[A-Za-z.0-9]+_\d+"', "", body)
    body = re.sub(r' d="[^"]*"', lambda path: _LONG_NUMBER.sub(_rounded, path[0]), body)
    body = re.sub(r"\s*\n\s*", "\n", body).replace("xlink:href", "href")
    for variable, placeholder in asdict(PAGE).items():
        body = body.replace(placeholder, f"var(--{variable})")
    view = box[1] if box else "0 0 1 1"
    return Markup(f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">{body}</svg>')


def _rounded(number: re.Match[str]) -> str:
    """A hundredth of a user unit is less than any screen shows."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _above(axes: Axes) -> Transform:
    """Axes coordinates moved to where the vertical tick labels end, a little above the top."""
    return axes.transAxes + ScaledTranslation(-5 / 72, 12 / 72, axes.figure.dpi_scale_trans)


def _scaled_ticks(axis: Any, factor: float, ticks: int, steps: Sequence[float]) -> None:
    """Round numbers in the shown unit, with as many decimals as neighbors need to differ."""
    axis.set_major_locator(_ScaledLocator(factor, ticks, steps))
    axis.set_major_formatter(_ScaledFormatter(factor))


class _ScaledLocator(MaxNLocator):
    """Ticks that are round in units of ``factor``."""

    def __init__(self, factor: float, ticks: int, steps: Sequence[float]) -> None:
        super().__init__(nbins=ticks, steps=list(steps))
        self._factor = factor

    def tick_values(self, vmin: float, vmax: float) -> Any:
        return np.asarray(super().tick_values(vmin / self._factor, vmax / self._factor)) * self._factor


class _ScaledFormatter(Formatter):
    """Values in units of ``factor``, all of an axis with as many decimals as the one that needs most."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def __call__(self, x: float, pos: int | None = None) -> str:
        del pos
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        scaled = [value / self._factor for value in values]
        decimals = max((len(f"{one:.9f}".rstrip("0").partition(".")[2]) for one in scaled), default=0)
        return [f"{one:.{decimals}f}".replace("-", "−") for one in scaled]
