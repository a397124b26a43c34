"""A series of a caller's own, judged: :func:`aging.trend`."""

from __future__ import annotations

from typing import Any, overload

import pandas as pd

from aging.api.arguments import Span, limit_of, seconds_of
from aging.api.judged import judged_again
from aging.api.trend_result import TrendResult
from aging.core.errors import InputError
from aging.findings.asked import AskedOfSeries, Falls
from aging.findings.direction import Worse
from aging.findings.pandas_series import series_of_arrays, series_of_pandas
from aging.findings.table_analysis import analyze_series


@overload
def trend(
    series: pd.Series,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult: ...
@overload
def trend(
    t: Any,
    y: Any,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult: ...
def trend(  # noqa: PLR0913 - each is an option of `aging trend`
    first: Any,
    y: Any = None,
    /,
    *,
    load_start: Any = None,
    resample: Span | None = None,
    warmup: Span | None = None,
    limit: float | str | None = None,
    horizon: Span | None = None,
    worse: Worse | None = None,
    falls: Falls | None = None,
) -> TrendResult:
    """Judge one series: ``aging.trend(series)`` or ``aging.trend(t, y)``.

    The index of a pandas Series, or ``t``, are its times: dates, of any time zone (without one: UTC), timedeltas, or
    numbers, which are seconds since load began; larger than 1e8, seconds (or ms, µs, ns) since the epoch. Of dates the
    first is taken for the start of load unless ``load_start`` says otherwise: whether growth goes on is judged
    against the time since then, and a note says how much the verdict owes to it.

    ``resample`` (``"60s"``, or seconds) takes medians on a grid; ``warmup`` (``"30s"``, seconds, or ``"auto"``) is left
    out at the start. A series whose name ends with ``_total`` is a counter and analyzed as its rate per second, as
    by ``aging trend``. ``limit``, a number in the unit of the series or a size like ``"64GiB"``, adds the outlook:
    whether the series reaches it within ``horizon`` (default ``"30d"``). Growth is what ages, and a fall of what its
    name calls throughput, free memory, a hit ratio and so on; ``worse`` (``"up"``, ``"down"``) says it for any other.
    ``falls`` says what falls to the level of the start come from (``"restarts"``, ``"collector"``); by default those
    at least 3 h apart are restarts.

    A series of :meth:`Results.series <aging.Results.series>` that is unchanged is judged as in the findings, with the
    work that was counted beside it; with any option, or changed, as any other series.

    Raises an AgingError that is a ValueError for what cannot be judged: too few values (12 are needed), none that is
    finite, times that are not in order, an index that is no time.

    >>> import aging
    >>> seconds = range(0, 7200, 60)
    >>> found = aging.trend(seconds, [2**30 + 1024 * second for second in seconds], limit="64GiB")
    >>> found.verdict, round(found.current_per_hour / 2**20, 2)  # MiB an hour
    ('aging', 3.52)
    >>> found.outlook.answer  # within the horizon of 30 days
    'safe'
    """
    options = (load_start, resample, warmup, limit, horizon, worse, falls)
    if y is None and all(option is None for option in options) and (again := judged_again(first)) is not None:
        return again
    series = series_of_pandas(first, load_start) if y is None else series_of_arrays(first, y, load_start)
    grid = seconds_of("resample", resample)
    start = "auto" if isinstance(warmup, str) and warmup == "auto" else seconds_of("warmup", warmup)
    if worse not in (None, "up", "down"):
        raise InputError(f'worse: {worse!r} is no direction; give "up" or "down"')
    if falls not in (None, "restarts", "collector"):
        raise InputError(f'falls: {falls!r} is unknown; give "restarts" or "collector"')
    if limit is None and horizon is not None:
        raise InputError('horizon: without a limit there is no outlook; add one, like limit="64GiB"')
    asked = AskedOfSeries(
        worse, None if limit is None else limit_of(limit), seconds_of("horizon", horizon), falls=falls
    )
    analysis = analyze_series(series, {}, grid, start, asked)
    if analysis.trend is None:
        raise InputError(f"{series.column}: {'; '.join(analysis.result.notes)}")
    return TrendResult(analysis)
