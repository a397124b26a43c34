"""Compare result directories, or deployments of one: versions, settings, hosts, campaigns side by side.

  aging compare results/old/20261130T001500Z results/new/20261130T023000Z
  aging compare OLD NEW --pair llama-0.9=llama-1.0          deployments of different names
  aging compare results/six/20261121T001500Z --deployments llama-default,llama-nocache
  aging compare OLD NEW --html comparison.html --json > comparison.json

The first DIR is the baseline, or --baseline. For every indicator that both have: the growth of each per hour, request
and token, the difference with its 95 % interval, and whether it is one, under one false-discovery control over all
differences; then latency (median, 95th and 99th percentile), failures, throughput, and memory at the end and its peak.

Other versions and settings are the question, and are listed. What must be alike is checked: the load (schedule, seed,
arrivals, lengths), the duration, the grid of the analysis, the host and its devices. A mismatch refuses the comparison
(exit 2), unless --allow names its class; the result then has a warning.

exit codes: 0 compared · 1 with --fail: at least one difference for the worse was shown · 2 not comparable, or bad input
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import discovery_rate, output_file
from aging.cli.console import console
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode
from aging.core.parts import REPORT

if TYPE_CHECKING:
    from aging.findings.comparison.types import Comparison

_ALLOWANCES = ("load", "duration", "grid", "host")
_TABLES = ("markdown", "latex")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="result directory")
    parser.add_argument(
        "--deployments",
        type=_names,
        default=(),
        metavar="A,B",
        help="compare these alone; of one DIR the first is the baseline of the others",
    )
    parser.add_argument(
        "--pair",
        type=_pair,
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="the baseline's deployment OLD is called NEW in the others; repeatable",
    )
    parser.add_argument("--baseline", type=Path, metavar="DIR", help="the DIR to compare with; default: the first")
    parser.add_argument(
        "--allow",
        action="append",
        choices=_ALLOWANCES,
        default=[],
        metavar="CLASS",
        help=f"compare in spite of such mismatches: {', '.join(_ALLOWANCES)}; repeatable",
    )
    parser.add_argument("--across-hosts", action="store_true", help="the same as --allow host")
    parser.add_argument(
        "--fdr",
        type=discovery_rate,
        metavar="SHARE",
        help="level of false-discovery control; default: [analysis] q of the baseline",
    )
    parser.add_argument("--all", action="store_true", help="list every quantity, and every key that differs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--format", choices=_TABLES, help="print the tables as Markdown or LaTeX")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a page with figures")
    parser.add_argument("--fail", action="store_true", help="exit 1 if a difference for the worse was shown")


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    _checked(options)
    if options.html is not None:
        REPORT.require("--html")
    from aging.app.compare import compared
    from aging.findings.comparison.matching import Asked

    allowed = {*options.allow, *(("host",) if options.across_hosts else ())}
    asked = Asked(options.deployments, dict(options.pair), allowed, options.fdr)
    found, results = compared(options.directories, options.baseline, asked)
    if options.html is not None:
        from aging.report.comparison.page import write_page

        write_page(found, results, options.html)
    _print(found, options)
    failed = options.fail and any(one.worse for one in found.differences)
    return ExitCode.GATE_FAILED if failed else ExitCode.DONE


def _print(found: Comparison, options: argparse.Namespace) -> None:
    if options.json:
        from aging.app.compare import to_json

        print(to_json(found))
    elif options.format is not None:
        from aging.report.comparison.content import tables
        from aging.report.tables.latex import latex
        from aging.report.tables.markdown import markdown

        title = " and ".join(one.label for one in found.measurements)
        listed = tables(found, every=options.all)
        text = markdown(listed, title) if options.format == "markdown" else latex(listed, title, "compare")
        print(text, end="")
    else:
        from aging.report.comparison.terminal import show

        show(found, console(), every=options.all)


def _checked(options: argparse.Namespace) -> None:
    """Raise MistakesError for options that exclude each other, or a pair whose first name is there twice."""
    from aging.core.errors import Mistake, MistakeCode, MistakesError

    mistakes = []
    if options.json and options.format is not None:
        mistakes.append(Mistake("--format", "--json prints no tables; give one of both", MistakeCode.CONFLICT))
    first = [old for old, _ in options.pair]
    mistakes += [
        Mistake("--pair", f"{old} is paired {first.count(old)} times; give one pair", MistakeCode.DUPLICATE_NAME)
        for old in dict.fromkeys(first)
        if first.count(old) > 1
    ]
    if mistakes:
        raise MistakesError("compare", mistakes)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty name; give names with commas, like old,new")
    return names


def _pair(text: str) -> tuple[str, str]:
    old, _, new = (part.strip() for part in text.partition("="))
    if not (old and new):
        raise argparse.ArgumentTypeError(f"{text!r} is no pair; give OLD=NEW, like llama-0.9=llama-1.0")
    return old, new
