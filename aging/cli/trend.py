"""Test an existing time series for aging: a log, a table, a tool's output, or a Prometheus query.

  aging trend memory.csv --resample 60s --warmup auto
  aging trend memory.csv --column rss_bytes --limit 64GiB --horizon 30d
  xzcat memory.log.xz | aging trend - --every 60s
  aging trend pidstat.csv --time Time --column RSS --per PID --plot rss.png
  aging trend --prometheus http://127.0.0.1:9090 --query 'process_resident_memory_bytes' --range 12h

Times are seconds since the epoch or since the start, or ISO 8601. By default load is assumed
to start at the first sample; set --load-start if it did not, because whether growth is sustained
is judged against the time since the load started.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import limit, positive_duration, warmup
from aging.cli.console import console
from aging.cli.prometheus_arguments import prometheus_arguments, server
from aging.cli.table_arguments import choice, table_arguments
from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode, Mistake, MistakesError
from aging.core.format import readable_duration
from aging.core.parts import REPORT

if TYPE_CHECKING:
    from aging.tables.series import TableReading

_RANGE = 6 * 3600.0
_FEWEST = 12
_IMAGES = frozenset((".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps", ".svgz"))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a log, a table or a tool's output; - is standard input"
    )
    table_arguments(parser)
    parser.add_argument(
        "--resample", type=positive_duration, metavar="TIME", help="median of every interval of this width, like 60s"
    )
    parser.add_argument("--warmup", type=warmup, metavar="TIME", help="left out after the start of load; or auto")
    parser.add_argument(
        "--limit",
        type=limit,
        metavar="SIZE",
        help="where the series must not arrive: 64GiB for bytes, or a number in its own unit",
    )
    parser.add_argument(
        "--ratio",
        nargs=2,
        metavar=("A", "B"),
        help="judge column A divided by column B; of two counters: what A rises by while B rises by one",
    )
    parser.add_argument(
        "--worse",
        choices=("up", "down"),
        help="which way the series get worse; default: by name (throughput, free memory, hit ratios: down)",
    )
    parser.add_argument(
        "--falls",
        choices=("restarts", "collector"),
        help="what falls to the level of the start come from, where no column shows it; default: restarts from 3 h on",
    )
    parser.add_argument(
        "--horizon", type=positive_duration, metavar="TIME", help="how long it is to run on; default: 30d"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the series with their slopes")
    prometheus_arguments(parser, "read from a Prometheus server instead of a file")
    parser.add_argument("--query", metavar="PROMQL", help="query to read from it")
    parser.add_argument("--range", type=positive_duration, metavar="TIME", help="how far back; default: 6h")
    parser.add_argument(
        "--step", type=positive_duration, metavar="TIME", help="time between samples; default: by the range"
    )


def run(options: argparse.Namespace) -> ExitCode:
    _check(options)
    one_thread()
    import aging.stats.trend_tests
    from aging.core.plugins import discover
    from aging.findings.asked import AskedOfSeries
    from aging.findings.table_analysis import analyze_table
    from aging.stats.trend_tests.base import TrendTest

    reading = _read(options)
    if options.horizon is not None and options.limit is None and all(one.limit is None for one in reading.series):
        raise AgingError("--horizon: without a limit there is no outlook; add --limit, like --limit 64GiB")
    _check_spans(options, reading)
    tests = discover(aging.stats.trend_tests, TrendTest)
    asked = AskedOfSeries(options.worse, options.limit, options.horizon, falls=options.falls)
    analyzed = analyze_table(reading.series, tests, options.resample, options.warmup, asked)
    if options.json:
        from aging.findings.table_json import document

        print(json.dumps(document(reading, analyzed), indent=1, allow_nan=False))
    else:
        from aging.report.table_text import show

        show(reading, analyzed, console(), limit_given=options.limit is not None)
    if options.plot is not None:
        from aging.report.table_plot import write_plot

        write_plot(analyzed, options.plot)
    undecided = all(one.verdict == "inconclusive" for one in analyzed)
    return ExitCode.INCONCLUSIVE if undecided else ExitCode.DONE


def _check(options: argparse.Namespace) -> None:
    """Every mistake in how the options are combined, before anything is read."""
    if options.plot is not None:
        REPORT.require("--plot")
    mistakes = []
    if options.prometheus is not None and (options.file is not None or options.query is None):
        mistakes.append(Mistake("--prometheus", "needs --query and no FILE"))
    if options.prometheus is None:
        if options.file is None:
            mistakes.append(Mistake("FILE", "give a FILE, or --prometheus URL with --query"))
        mistakes += [
            Mistake(f"--{name}", "is for --prometheus; a FILE has its own times (--resample takes medians of them)")
            for name in ("query", "range", "step", "http-config", "header")
            if getattr(options, name.replace("-", "_"))
        ]
    if options.ratio is not None and (options.column or options.prometheus is not None):
        mistakes.append(Mistake("--ratio", "is for the columns of a FILE, and needs no --column"))
    if options.plot is not None and (wrong := _unwritable(options.plot)):
        mistakes.append(Mistake("--plot", f"{options.plot} cannot be written: {wrong}"))
    if mistakes:
        raise MistakesError("aging trend", mistakes)


def _check_spans(options: argparse.Namespace, reading: TableReading) -> None:
    """The times given as options beside those of what was read. Raises MistakesError."""
    timed = [one for one in reading.series if one.axis.count is None]
    if not timed:
        return
    subject, mistakes = str(options.file or options.prometheus), []
    if options.load_start is not None and not any(one.t.size for one in timed):
        what = f"{options.load_start} is after the last sample ({reading.extent}); give a time within or before them"
        raise MistakesError(subject, [Mistake("--load-start", what)])
    ends = max((float(one.t[-1]) for one in timed if one.t.size), default=0.0)
    longest = max((float(one.t[-1] - one.t[0]) for one in timed if one.t.size), default=0.0)
    if isinstance(options.warmup, float) and 0 < ends <= options.warmup:
        what = f"{readable_duration(options.warmup)} leave nothing of {readable_duration(ends)} of load; give less"
        mistakes.append(Mistake("--warmup", what))
    if options.resample is not None and 0 < longest < options.resample * _FEWEST:
        width, most = readable_duration(options.resample), readable_duration(longest / _FEWEST)
        what = f"{width} are too wide: {readable_duration(longest)} were recorded, and {_FEWEST} intervals are needed"
        mistakes.append(Mistake("--resample", f"{what}; give at most {most}"))
    if mistakes:
        raise MistakesError(subject, mistakes)


def _unwritable(path: Path) -> str | None:
    if path.suffix and path.suffix.lower() not in _IMAGES:
        return f"{path.suffix} is no kind of image; end it with .png, .svg or .pdf"
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return None if os.access(path if path.exists() else path.parent, os.W_OK) else "no permission"


def _read(options: argparse.Namespace) -> TableReading:
    from aging.findings.table_ratios import only_ratio, with_means
    from aging.findings.table_successors import in_succession
    from aging.tables.reader import read

    if options.prometheus is not None:
        from aging.tables.prometheus_query import read_query

        with server(options) as prometheus:
            reading = read_query(prometheus, options.query, options.range or _RANGE, options.step, options.load_start)
        return replace(reading, series=tuple(with_means(in_succession(reading.series))))
    chosen = choice(options)
    if options.ratio is None:
        reading = read(options.file, chosen)
        return replace(reading, series=tuple(with_means(in_succession(reading.series))))
    reading = read(options.file, replace(chosen, columns=options.ratio, columns_option="--ratio"))
    try:
        return replace(reading, series=tuple(only_ratio(in_succession(reading.series))))
    except ValueError as error:
        raise MistakesError(str(options.file), [Mistake("--ratio", str(error))]) from None
