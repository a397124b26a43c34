"""What ``aging trend`` prints: what was read, a sentence on every series that gets worse, a table, and remarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aging.core import format
from aging.findings.table_analysis import Rate, TableAnalysis
from aging.report import outlook
from aging.report.outlook import HOW_TO_LIMIT
from aging.report.terminal import STYLES
from aging.tables.series import TableReading
from aging.tables.series_unit import unit_of_level, unit_of_series

_HOUR, _PER_COUNT = 3600.0, 1000.0
_DAY, _TWO_DAYS, _MINUTE = 86_400.0, 172_800.0, 60.0
_COLUMNS = ("series", "n", "verdict", "shape", "rate", "95 % interval", "p", "least detectable")
_TOLD = ("exhausted", "aging", "capped", "declining")
_ORDER = (*_TOLD, "step", "inconclusive", "bounded", "cyclic", "stable")
_MOST_ROWS = 30
_FAR = 876_000.0
_MOST_NAMED, _WIDEST = 3, 16


def show(
    reading: TableReading, analyzed: Sequence[TableAnalysis], console: Console, *, limit_given: bool = False
) -> None:
    """Print the whole answer; ``limit_given``: a limit was asked for, which need not hold of every series."""
    for line in _reading_lines(reading):
        console.print(Text(line), soft_wrap=True)
    shown = worst_first(analyzed)[:_MOST_ROWS] if len(analyzed) > _MOST_ROWS else analyzed
    for verdict in _TOLD:
        for one in shown:
            if one.verdict == verdict:
                style = STYLES.get(verdict, "")
                console.print(Text.assemble((f"{one.name}: ", "bold"), (sentence(one), style)), soft_wrap=True)
    for one in shown:
        if one.restarts and one.verdict not in _TOLD:
            console.print(Text(f"{one.name}: {format.sentence(_restarts(one))}"), soft_wrap=True)
        if one.outlook is not None:
            console.print(Text(f"{one.name}: {outlook.sentence(_unit(one), one.outlook)}"), soft_wrap=True)
    console.print(_table(shown))
    if len(shown) < len(analyzed):
        console.print(Text(_others(worst_first(analyzed)[_MOST_ROWS:])), soft_wrap=True)
    for line in _notes(shown):
        console.print(Text(line), soft_wrap=True)
    open_end = (one.verdict == "aging" and one.limit is None and one.worse == "up" for one in analyzed)
    if not limit_given and any(open_end):
        console.print(HOW_TO_LIMIT, soft_wrap=True)


def worst_first(analyzed: Sequence[TableAnalysis]) -> list[TableAnalysis]:
    """By their verdicts, those that get worse before those that are not decided and those that are stable."""
    return sorted(analyzed, key=lambda one: _ORDER.index(one.verdict))


def sentence(one: TableAnalysis) -> str:
    """The verdict of a series as a sentence with its numbers."""
    parts = [_growth(one)]
    faster = one.acceleration
    if faster is not None:
        rate = _size(one, Rate(faster.rate, faster.low, faster.high))
        parts.append(f"its growth accelerates: by {rate} at the end")
    if one.end is not None:
        parts.append(_standstill(one))
    elif one.outlook is None and one.left is not None and one.limit is not None:
        parts.append(_left(one))
    if one.restarts:
        parts.append(_restarts(one))
    return format.sentence("; ".join(part for part in parts if part))


def _reading_lines(reading: TableReading) -> Iterator[str]:
    if reading.extent:
        yield f"{reading.extent} ({reading.format})" if reading.format else reading.extent
    for note in reading.notes:
        yield str(note)
    for one in reading.left_out[:_MOST_ROWS]:
        example = f" (such as {one.example!r})" if one.example else ""
        yield f"not judged: {one.column}{example}: {one.reason}"
    if (more := len(reading.left_out) - _MOST_ROWS) > 0:
        yield f"not judged: {more:,} more columns; --json has all."


def _others(analyzed: Sequence[TableAnalysis]) -> str:
    counts = Counter(one.verdict for one in analyzed)
    listed = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
    return f"… and {len(analyzed):,} more: {listed}; --json has all, --column and --per choose."


def _notes(analyzed: Sequence[TableAnalysis]) -> Iterator[str]:
    """The remarks, each once with the series that it is on."""
    names: dict[str, list[str]] = {}
    for one in analyzed:
        for note in one.notes:
            names.setdefault(str(note), []).append(one.name)
    for text, on in names.items():
        yield f"{', '.join(on) if len(on) <= _MOST_NAMED else f'{len(on)} series'}: {text}"


def _growth(one: TableAnalysis) -> str:
    rate = one.rate
    if rate is None:
        return one.verdict
    verb = "falls" if rate.rate < 0 else "grows"
    how = f"{verb} by {_size(one, rate)}"
    if one.verdict in ("exhausted", "capped"):
        how = f"{'fell' if rate.rate < 0 else 'grew'} by {_size(one, rate)} until then"
    per = one.per_request
    request = "" if per is None or one.verdict != "aging" else f", {_written(one, per.rate, 1.0, 'request')}"
    within = " within generations" if one.restarts else ""
    return f"{one.verdict}: {how}{within}{request}"


def _size(one: TableAnalysis, rate: Rate) -> str:
    times, per = _per(one)
    limits = sorted((abs(rate.low), abs(rate.high))) if rate.low * rate.high > 0 else (rate.low, rate.high)
    low, high = (limit * times for limit in limits)
    number, pair = (
        text.removeprefix("+").replace(" +", " ")
        for text in format.bounded(_unit(one), abs(rate.rate) * times, (low, high), per)
    )
    return f"{number} [{pair}]" if pair != format.NONE else number


def _left(one: TableAnalysis) -> str:
    left, limit = one.left, one.limit
    if left is None or limit is None or not np.isfinite(left.seconds):
        return ""
    at = _level(one, limit) if limit else "0"
    verb = "gone in" if limit == 0 and one.worse == "down" else f"reaches {at} in"
    if left.seconds == 0:
        return f"has reached {at}"
    how = "at this rate" if one.acceleration is None else "if it goes on so"
    later = _span(one, left.latest) if np.isfinite(left.latest) else "never"
    return f"{verb} {_span(one, left.seconds)} [{_span(one, left.earliest)}, {later}] {how}"


def _standstill(one: TableAnalysis) -> str:
    end = one.end
    if end is None:
        return ""
    level = -end.stands.level if one.worse == "down" else end.stands.level
    extreme = "minimum" if one.worse == "down" else "maximum"
    stands = f"stands at its {extreme} {_level(one, level)} since {_when(one, end.stands.since)}"
    if one.verdict == "exhausted" and one.limit is not None:
        return f"{stands}: its limit is {_level(one, one.limit) if one.limit else '0'}"
    return f"{stands}; if that is a limit, it is exhausted; if it is the size of a cache, the cache is full"


def _restarts(one: TableAnalysis) -> str:
    restarts = one.restarts
    before = [each.before for each in restarts]
    unit = unit_of_level(one.series)
    levels = format.interval(unit, (min(before), max(before)), "").replace("+", "")
    if min(before) == max(before) or len(restarts) == 1:
        levels = format.level(unit, before[0])
    begins = [each.start for each in one.generations]
    every = f", one every {_span(one, float(np.median(np.diff(begins))))}" if len(restarts) > 1 else ""
    word = "restart" if len(restarts) == 1 else "restarts"
    what = "" if one.series.counter else f", at {levels} before {'each' if len(restarts) > 1 else 'it'}"
    when = f" ({_when(one, restarts[0].at)})" if len(restarts) == 1 else ""
    return f"{len(restarts)} {word}{when}{every}{what}"


def _when(one: TableAnalysis, at: float) -> str:
    if one.series.axis.count is not None:
        return f"{one.series.axis.count} {at:,.0f}"
    if one.series.start is None:
        return f"{_span(one, at)} after the start"
    moment: datetime = format.utc(one.series.start + at)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _span(one: TableAnalysis, length: float) -> str:
    """A length of the axis in words: ``38 h``, ``30 min``, ``1,200 req``."""
    if one.series.axis.count is not None:
        return f"{length:,.0f} {one.series.axis.count}"
    if length / _HOUR > _FAR:
        return "over a century"
    for size, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min"), (1.0, "s")):
        if length >= (_TWO_DAYS if size == _DAY else size) or size == 1:
            return f"{length / size:.3g} {name}" if length / size < 1000 else f"{length / size:,.0f} {name}"
    return ""


def _table(analyzed: Sequence[TableAnalysis]) -> Table:
    grid = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        grid.add_column(column, no_wrap=column != "series", overflow="fold", header_style="dim")
    for one in analyzed:
        trend, rate = one.trend, one.rate
        times, per = _per(one)
        per = per if len(per) <= _WIDEST else per.partition(" ")[0]
        unit = _unit(one)
        least = None if trend is None else trend.minimum_detectable
        slope, limits = (format.NONE, format.NONE)
        if rate is not None:
            slope, limits = format.bounded(unit, rate.rate * times, (rate.low * times, rate.high * times), per)
        grid.add_row(
            one.name,
            str(one.t.size),
            Text(one.verdict, style=STYLES.get(one.verdict, "")),
            format.NONE if trend is None else trend.shape,
            slope,
            limits,
            format.NONE if trend is None else format.probability(trend.p),
            format.NONE if least is None else format.size(unit, least * times, per),
        )
    return grid


def _level(one: TableAnalysis, value: float) -> str:
    unit = _unit(one)
    plain = not any(name for _, name in unit.scales) and abs(value) >= _PER_COUNT
    return f"{value:,.0f}{unit.suffix}" if plain else format.level(unit, value)


def _per(one: TableAnalysis) -> tuple[float, str]:
    count = one.series.axis.count
    return (_HOUR, "h") if count is None else (_PER_COUNT, f"1,000 {count}")


def _unit(one: TableAnalysis) -> format.Unit:
    return unit_of_series(one.series)


def _written(one: TableAnalysis, rate: float, times: float, per: str) -> str:
    return format.slope(_unit(one), rate * times, per)
