"""Test an existing time series for aging: a CSV or Parquet file, or a Prometheus query.

  aging trend memory.csv --resample 60s --warmup auto
  aging trend memory.csv --column rss_bytes --limit 64GiB --horizon 30d
  aging trend pidstat.csv --time Time --column RSS --per PID --plot rss.png
  aging trend --prometheus http://127.0.0.1:9090 --query 'process_resident_memory_bytes' --range 12h

Times are seconds since the epoch or since the start, or ISO 8601. By default load is assumed
to start at the first sample; set --load-start if it did not, because whether growth is sustained
is judged against the time since the load started.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import duration, limit, positive_duration, warmup
from aging.cli.console import console
from aging.cli.prometheus_arguments import prometheus_arguments
from aging.cli.table_arguments import choice, table_arguments
from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode

if TYPE_CHECKING:
    from aging.findings.table_analysis import TableAnalysis
    from aging.tables.series import TableSeries


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="CSV or Parquet")
    table_arguments(parser)
    parser.add_argument(
        "--resample", type=duration, metavar="TIME", help="median of every interval of this width, like 60s"
    )
    parser.add_argument("--warmup", type=warmup, metavar="TIME", help="left out after the start of load; or auto")
    parser.add_argument(
        "--limit",
        type=limit,
        metavar="SIZE",
        help="where the series must not arrive: 64GiB for bytes, or a number in its own unit",
    )
    parser.add_argument(
        "--horizon", type=positive_duration, metavar="TIME", help="how long it is to run on; default: 30d"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the series with their slopes")
    prometheus_arguments(parser, "read from a Prometheus server instead of a file")
    parser.add_argument("--query", metavar="PROMQL", help="query to read from it")
    parser.add_argument("--range", type=duration, default=6 * 3600.0, metavar="TIME", help="how far back; default: 6h")
    parser.add_argument(
        "--step",
        type=positive_duration,
        metavar="TIME",
        help="time between samples; default: that of the samples, of at most 10,000",
    )


def run(options: argparse.Namespace) -> ExitCode:
    if options.horizon is not None and options.limit is None:
        raise AgingError("--horizon: without a limit there is no outlook; add --limit, like --limit 64GiB")
    one_thread()
    import aging.stats.trend_tests
    from aging.core.plugins import discover
    from aging.findings.asked import USUAL_HORIZON
    from aging.findings.table_analysis import analyze_series
    from aging.report.outlook import HOW_TO_LIMIT
    from aging.stats.trend_tests.base import TrendTest

    tests = discover(aging.stats.trend_tests, TrendTest)
    analysed = [analyze_series(one, tests, options.resample, options.warmup) for one in _read(options)]
    if options.limit is not None:
        analysed = [one.with_outlook(options.limit, options.horizon or USUAL_HORIZON) for one in analysed]
    if options.json:
        print(json.dumps({"schema": 1, "series": [one.to_json() for one in analysed]}, indent=1, allow_nan=False))
    else:
        _show(analysed)
        if options.limit is None:
            console().print(HOW_TO_LIMIT, soft_wrap=True)
    if options.plot is not None:
        _plot(analysed, options.plot)
    return ExitCode.DONE if any(one.trend is not None for one in analysed) else ExitCode.INCONCLUSIVE


def _read(options: argparse.Namespace) -> Sequence[TableSeries]:
    from aging.tables.reader import read

    if options.prometheus is not None:
        from aging.cli.prometheus_arguments import server
        from aging.tables.prometheus_query import read_query

        if options.file is not None or options.query is None:
            raise AgingError("--prometheus needs --query and no FILE")
        with server(options) as prometheus:
            return read_query(prometheus, options.query, options.range, options.step, options.load_start).series
    if options.file is None:
        raise AgingError("give a FILE, or --prometheus URL with --query")
    return read(options.file, choice(options)).series


def _show(analysed: Sequence[TableAnalysis]) -> None:
    from rich.table import Table

    from aging.report.outlook import sentence

    out = console()
    for one in analysed:
        if one.outlook is not None:
            out.print(f"{one.column}: {sentence(one.quantity, one.outlook)}", soft_wrap=True)
    grid = Table(box=None, pad_edge=False)
    for column in (
        "series",
        "n",
        "verdict",
        "shape",
        "rate per hour",
        "95 % interval",
        "p",
        "least detectable per hour",
    ):
        grid.add_column(column, no_wrap=True, header_style="dim")
    for one in analysed:
        summary = one.to_json()
        rate = one.current
        grid.add_row(
            *(
                one.column,
                str(summary["n"]),
                summary["verdict"],
                summary["shape"] or "–",
                _number(None if rate is None else rate[0]),
            ),
            "–" if rate is None else f"{_number(rate[1])} … {_number(rate[2])}",
            *("–" if summary["p"] is None else f"{summary['p']:.2g}", _number(summary["minimum_detectable_per_hour"])),
        )
    out.print(grid)
    for one in analysed:
        for note in one.notes:
            out.print(f"{one.column}: {note}", markup=False, soft_wrap=True)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}"


def _plot(analysed: Sequence[TableAnalysis], path: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6 * len(analysed)), layout="constrained")
    for axes, one in zip(figure.subplots(len(analysed), 1, squeeze=False)[:, 0], analysed, strict=True):
        hours = one.t / 3600
        axes.plot(hours, one.y, linewidth=0.8)
        if one.trend is not None:
            middle, level = np.median(one.t), np.median(one.y)
            axes.plot(hours, level + one.trend.slope * (one.t - middle), "--", linewidth=1.2)
        verdict = "inconclusive" if one.trend is None else one.trend.verdict
        axes.set_title(f"{one.column}: {verdict}", loc="left", fontsize=10)
    axes.set_xlabel("hours since the start of load")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise AgingError(f"{path}: cannot be written: {error}") from None
