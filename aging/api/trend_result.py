"""What one series says: the result of :func:`aging.trend`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from aging.core import format
from aging.core.errors import require
from aging.core.parts import REPORT
from aging.findings.table_analysis import TableAnalysis
from aging.findings.types import Outlook
from aging.report import wording
from aging.report.outlook import sentence
from aging.stats.growth.axis import CLOCK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HOUR = 3600.0


@dataclass(frozen=True, repr=False)
class TrendResult:
    """What one series says: its verdict, and how fast it grows, in its own unit per hour."""

    analysis: TableAnalysis

    @property
    def _trend(self) -> Any:
        return self.analysis.trend

    @property
    def name(self) -> str:
        """The series' name."""
        return self.analysis.name

    @property
    def verdict(self) -> str:
        """``aging``, ``bounded``, ``stable`` and so on: docs/methods.md says what each means."""
        return self.analysis.verdict

    @property
    def shape(self) -> str:
        """The form of its course, such as ``linear``."""
        return str(self._trend.shape)

    @property
    def direction(self) -> str:
        """``increasing``, ``decreasing`` or ``none``."""
        return str(self._trend.direction)

    @property
    def p(self) -> float:
        """The two-sided p of "no trend" by the primary test."""
        return float(self._trend.p)

    @property
    def n(self) -> int:
        """How many values were judged."""
        return int(self._trend.n)

    @property
    def n_effective(self) -> float:
        """How many independent values they are worth."""
        return float(self._trend.n_effective)

    @property
    def slope_per_hour(self) -> float:
        """Sen's slope."""
        return float(self._trend.slope) * _HOUR

    @property
    def ci_per_hour(self) -> tuple[float, float]:
        """Its 95 % interval, autocorrelation allowed for."""
        return float(self._trend.low) * _HOUR, float(self._trend.high) * _HOUR

    @property
    def current_per_hour(self) -> float:
        """The rate after the warm-up; where that is not known, the slope."""
        return self._current[0]

    @property
    def current_ci_per_hour(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return self._current[1:]

    @property
    def growth_axis(self) -> str:
        """What the growth follows: ``seconds``, or a count of work such as ``requests``."""
        return str(self._trend.axis)

    @property
    def outlook(self) -> Outlook | None:
        """Whether the limit is reached within the horizon, and when; None without a limit."""
        return self.analysis.outlook

    @property
    def _current(self) -> tuple[float, float, float]:
        rate = require(self.analysis.rate, "the rate of a series with a trend")
        return rate.rate * _HOUR, rate.low * _HOUR, rate.high * _HOUR

    @property
    def minimum_detectable_per_hour(self) -> float | None:
        """The smallest growth that would have been found with 80 % probability; None where that is not known."""
        least = self._trend.minimum_detectable
        return None if least is None else float(least) * _HOUR

    @property
    def exponent(self) -> tuple[float, float, float] | None:
        """The power of growth with its interval (1: a constant leak); None where nothing grew."""
        found = self._trend.exponent
        return None if found is None else (found.b, found.low, found.high)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdict must know."""
        return self.analysis.notes

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the series with its slope, on ``axes`` or a new figure."""
        REPORT.require("plot")
        from aging.report.charts.axes import trend_axes  # noqa: PLC0415

        return trend_axes(self.analysis, axes)

    @property
    def _quantity(self) -> str:
        """A name whose ending says the unit: a limit that was given as a size says it as well."""
        sized = self.analysis.asked_in_bytes and not self.name.endswith("_bytes")
        return f"{self.name}_bytes" if sized else self.name

    def _lines(self) -> tuple[tuple[str, str], ...]:
        least = format.size(self.name, self.minimum_detectable_per_hour, "h")
        rate, ci = format.bounded(self.name, self.current_per_hour, self.current_ci_per_hour, "h")
        return (
            *(() if self.outlook is None else (("outlook", sentence(self._quantity, self.outlook)),)),
            ("current rate", rate),
            ("95 % interval", ci),
            *(() if self.growth_axis == CLOCK else (("growth follows", f"{self.growth_axis} rather than the clock"),)),
            ("p", format.probability(self.p)),
            ("values", f"{self.n}, worth {self.n_effective:.0f} independent ones"),
            ("least detectable", least),
        )

    def __repr__(self) -> str:
        rows = "".join(f"\n  {what}: {value}" for what, value in self._lines())
        return f"{self.name}: {self.verdict} ({self.shape}){rows}" + "".join(f"\n  note: {one}" for one in self.notes)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(what)}</th><td>{escape(value)}</td></tr>" for what, value in self._lines())
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        head = f"<b>{escape(self.name)}: {escape(self.verdict)}</b> ({escape(self.shape)})"
        meaning = escape(wording.MEANING.get(self.verdict, ""))
        return f"<p>{head}<br>{meaning}</p><table>{rows}</table>" + (f"<ul>{notes}</ul>" if notes else "")
