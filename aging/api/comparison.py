"""Result directories, or deployments of one, side by side: :func:`aging.compare`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import aging.stats.trend_tests
from aging.api.arguments import check_name, listed
from aging.api.results import Results
from aging.core.errors import InputError, MistakesError
from aging.core.metrics import PRIMARY
from aging.core.parts import REPORT
from aging.core.plain_text import one_line
from aging.core.plugins import discover
from aging.findings.comparison import build, types
from aging.findings.comparison.matching import Asked, opened
from aging.findings.comparison.types import ALLOWANCES, Allowance, Statistic
from aging.findings.settings import AS_CAMPAIGN
from aging.report.comparison import wording
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results as StoredResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Given = str | os.PathLike[str] | Results
"""A result directory: its path, or what :func:`aging.load_results` returned."""

_COLUMNS = ("baseline", "measurement", "deployment", "indicator", "statistic", "baseline_value", "baseline_low")
_MORE = ("baseline_high", "other_value", "other_low", "other_high", "difference", "low", "high", "relative", "p", "q")
_LAST = ("verdict", "worse", "smallest", "relevant", "baseline_growth", "other_growth", "family")


def compare(  # noqa: PLR0913 - each is an option of `aging compare`
    results: Given | Sequence[Given],
    *,
    baseline: Given | None = None,
    pair: Mapping[str, str] | None = None,
    deployments: Sequence[str] = (),
    allow: Sequence[Allowance] = (),
    fdr: float | None = None,
) -> Comparison:
    """Compare result directories as ``aging compare`` does; the first is the baseline, or ``baseline``.

    ``pair`` gives the name that a deployment of the baseline has in the others, by its own. ``deployments`` are the
    only ones compared; of one result directory the first of them is the baseline. ``allow`` names the classes of
    mismatches in spite of which to compare: ``"load"``, ``"duration"``, ``"grid"``, ``"host"``. ``fdr`` is the level
    of false-discovery control, by default that of the baseline's campaign.

    Raises InputError with everything that was given wrongly, or that makes the measurements incomparable.
    """
    asked = Asked(_names("deployments", deployments), dict(pair or {}), _allowed(allow), _level(fdr))
    given = [results] if isinstance(results, str | os.PathLike | Results) else list(results)
    paths = [_path("results", one) for one in given]
    first = None if baseline is None else _path("baseline", baseline)
    try:
        stored = opened(paths, first)
        kept = {one.stored.layout.root.resolve(): one.stored for one in given if isinstance(one, Results)}
        stored = [kept.get(one.layout.root.resolve(), one) for one in stored]
        return Comparison(build.compare(stored, discover(aging.stats.trend_tests, TrendTest), asked), tuple(stored))
    except MistakesError as error:
        raise InputError("; ".join(map(str, error.mistakes)).replace("--", "")) from None


@dataclass(frozen=True, repr=False)
class Comparison:
    """Differences from a baseline, with what they were computed from."""

    raw: types.Comparison
    """The whole of ``aging compare --json`` as dataclasses."""
    stored: tuple[StoredResults, ...]

    @property
    def headline(self) -> str:
        """The result in a sentence."""
        return f"{wording.headline(self.raw).text}."

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know: warnings first."""
        return tuple(one.text for one in sorted(self.raw.remarks, key=lambda one: not one.warning))

    def differences(self, *, shown: bool = False) -> pd.DataFrame:
        """One row a quantity and deployment, or only those whose difference was ``shown``.

        ``difference`` is ``other_value`` less ``baseline_value``, from ``low`` to ``high`` with 95 % confidence;
        ``q`` is ``p`` under the false-discovery control of all rows. ``smallest`` is what would have been shown with
        80 % probability.
        """
        rows = [self._row(one) for one in self.raw.differences if one.shown or not shown]
        return pd.DataFrame(rows, columns=[*_COLUMNS, *_MORE, *_LAST])

    def manifest_differences(self) -> pd.DataFrame:
        """The keys of the manifests that differ, one row each, with a column for each side."""
        sides = [one.label for one in self.raw.measurements]
        rows = [one.values for one in self.raw.what_differs]
        return pd.DataFrame(rows, index=pd.Index([one.key for one in self.raw.what_differs], name="key"), columns=sides)

    @property
    def plot(self) -> ComparisonPlots:
        """Its figures: ``plot.forest()`` and ``plot.memory()``."""
        REPORT.require("comparison.plot")
        return ComparisonPlots(self)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to ``path``; where it is."""
        REPORT.require("comparison.report")
        from aging.report.comparison.page import write_page  # noqa: PLC0415 - jinja2

        write_page(self.raw, self.stored, Path(path))
        return Path(path)

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        return tuple(one_line(one.text) for one in wording.sentences(self.raw))

    def _row(self, one: types.Difference) -> dict[str, Any]:
        match = self.raw.matches[one.match]
        row = asdict(one)
        sides = {
            f"{name}_{key}": value
            for name, side in (("baseline", one.baseline), ("other", one.other))
            for key, value in asdict(side).items()
        }
        return {
            **row,
            **sides,
            "difference": one.value,
            "baseline": match.baseline,
            "deployment": match.deployment,
            "measurement": self.raw.measurements[match.measurement].label,
        }

    def __repr__(self) -> str:
        against = listed(one.label for one in self.raw.measurements[1:])
        lines = "".join(f"\n  {line}" for line in self._lines)
        return f"<aging.Comparison of {against} with {self.raw.measurements[0].label}: {self.headline}{lines}>"

    def _repr_html_(self) -> str:
        from aging.report.comparison.fragment import fragment  # noqa: PLC0415 - jinja2

        return fragment(self.raw)


@dataclass(frozen=True)
class ComparisonPlots:
    """The figures of a comparison on matplotlib axes."""

    comparison: Comparison

    def forest(self, indicator: str = PRIMARY, statistic: Statistic = "per_hour", axes: Axes | None = None) -> Axes:
        """The difference of one quantity of every deployment, with its 95 % interval."""
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415 - matplotlib
        from aging.report.comparison.figures import difference_forest  # noqa: PLC0415

        found = self.comparison.raw
        check_name(
            indicator, dict.fromkeys(one.indicator for one in found.differences), f"no {indicator!r} was compared"
        )
        known = dict.fromkeys(one.statistic for one in found.differences if one.indicator == indicator)
        check_name(statistic, known, f"no {statistic!r} of {indicator} was compared")
        figure = difference_forest(found, indicator, statistic)
        assert figure is not None
        return figure_axes(figure, figure.title, axes)

    def memory(self, deployment: str | None = None, axes: Axes | None = None) -> Axes:
        """The memory of a deployment of the baseline and of all that were compared with it, on one axis of time.

        By default of the first one.
        """
        from aging.findings.series import Measured  # noqa: PLC0415
        from aging.report.charts.axes import figure_axes  # noqa: PLC0415 - matplotlib
        from aging.report.comparison.figures import memory_charts  # noqa: PLC0415

        found = self.comparison.raw
        names = list(dict.fromkeys(one.baseline for one in found.matches))
        if deployment is not None:
            check_name(deployment, names, f"{deployment!r} is no deployment of the baseline that was compared")
        name = names[0] if deployment is None else deployment
        chart = dict(memory_charts(found, [Measured(one) for one in self.comparison.stored])).get(name)
        if chart is None:
            raise InputError(f"{name} has no memory to draw: nothing was sampled")
        return figure_axes(chart, chart.title, axes)


def _path(name: str, given: Given) -> Path:
    if isinstance(given, Results):
        if given.settings != AS_CAMPAIGN:
            raise InputError(
                f"{name}: {given!r} has other settings than its campaign's; compare has those of the campaign"
            )
        return given.path
    if isinstance(given, str | os.PathLike) and str(given):
        return Path(given)
    raise InputError(f"{name}: {given!r} is no result directory; give a path, or what aging.load_results returned")


def _names(name: str, given: Sequence[str]) -> Sequence[str]:
    if isinstance(given, str):
        raise InputError(f"{name}: {given!r} is one name; give a list of names, like [{given!r}]")
    return list(given)


def _allowed(given: Sequence[Allowance]) -> Sequence[Allowance]:
    for one in _names("allow", given):
        check_name(one, ALLOWANCES, f"allow: {one!r} is no class of mismatches")
    return list(given)


def _level(fdr: float | None) -> float | None:
    if fdr is not None and (isinstance(fdr, bool) or not isinstance(fdr, int | float) or not 0 < fdr < 1):
        raise InputError(f"fdr: {fdr!r} is no level; give a number between 0 and 1, like 0.1")
    return fdr
