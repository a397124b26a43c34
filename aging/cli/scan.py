"""Find which services of a Prometheus server age: memory, descriptors, threads, queues, latency.

  aging scan --prometheus http://127.0.0.1:9090
  aging scan --prometheus https://prometheus.example --http-config http.yml --match '{namespace="llm"}' --range 14d
  aging scan --prometheus http://127.0.0.1:9090 --html scan.html --json > scan.json

Every series of a known metric is judged (aging/findings/fleet/catalogue.toml; --catalogue FILE adds
to it), all of them under one false-discovery control. Restarts split a series. The scan only reads.

exit codes: 0 none ages · 1 at least one ages · 2 bad input, or the server does not answer
            3 nothing could be judged
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from aging.cli.arguments import discovery_rate, positive_duration
from aging.cli.console import console
from aging.cli.prometheus_arguments import prometheus_arguments, server
from aging.core import format
from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode, StorageError, writing
from aging.core.parts import REPORT

if TYPE_CHECKING:
    from aging.app.scan import Progress
    from aging.findings.fleet.types import Scan

_FEWEST_STEPS = 12
_RANGE = 14 * 86_400.0
_HORIZON = 30 * 86_400.0


def arguments(parser: argparse.ArgumentParser) -> None:
    prometheus_arguments(parser, "the server to scan", required=True)
    parser.add_argument(
        "--match",
        action="append",
        default=[],
        metavar="SELECTOR",
        help="""only series of this selector, like '{namespace="llm"}'; repeatable; default: all""",
    )
    parser.add_argument(
        "--range", type=positive_duration, default=_RANGE, metavar="TIME", help="how far back; default: 14d"
    )
    parser.add_argument(
        "--step", type=positive_duration, metavar="TIME", help="time between samples; default: by the range (14d: 5m)"
    )
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="more metrics, in the form of catalogue.toml")
    parser.add_argument(
        "--fdr",
        type=discovery_rate,
        default=0.05,
        metavar="SHARE",
        help="level of false-discovery control; default: 0.05",
    )
    parser.add_argument(
        "--horizon", type=positive_duration, default=_HORIZON, metavar="TIME", help="how far ahead; default: 30d"
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="keep answers here; an interrupted scan goes on")
    parser.add_argument("--all", action="store_true", help="print every series, not only those that age")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with a plot of every series")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    from aging.app.scan import Question, scan
    from aging.findings.fleet.catalogue import catalogue
    from aging.findings.fleet.judge import Judging
    from aging.findings.fleet.questions import Selector

    _checked(options)
    known = catalogue(options.catalogue)
    selectors = [Selector.of(text) for text in options.match]
    question = Question(selectors, options.range, options.step, Judging(options.fdr, options.horizon))
    with server(options) as prometheus, _progress() as progress:
        found = scan(prometheus, question, known, options.results, progress)
    _show(found, options)
    return exit_code(found)


def exit_code(found: Scan) -> ExitCode:
    """GATE_FAILED if any ages, INCONCLUSIVE if no series has a verdict."""
    if found.aging:
        return ExitCode.GATE_FAILED
    decided = any(one.verdict != "inconclusive" for one in found.findings)
    return ExitCode.DONE if decided else ExitCode.INCONCLUSIVE


def _show(found: Scan, options: argparse.Namespace) -> None:
    from aging.findings.fleet.scan_json import to_json

    text = json.dumps(to_json(found), indent=1, allow_nan=False)
    if options.json:
        print(text)
    else:
        from aging.report.fleet_text import show

        show(found, console(), every=options.all)
    if options.results is not None:
        with writing(options.results):
            (options.results / "findings.json").write_text(text + "\n", encoding="utf-8")
    if options.html is not None:
        from aging.report.html.fleet_page import write_page

        write_page(found, options.html)


def _checked(options: argparse.Namespace) -> None:
    """Raise what would fail only after the scan, or make it worthless."""
    if options.step is not None and options.step > options.range / _FEWEST_STEPS:
        given, most = (format.readable_duration(one) for one in (options.step, options.range / _FEWEST_STEPS))
        raise AgingError(
            f"--step {given}: the range of {format.readable_duration(options.range)} then has too few values; "
            f"give at most {most}, or leave --step out"
        )
    if options.html is not None:
        REPORT.require("--html")
        try:
            with writing(options.html), TemporaryFile(dir=options.html.parent):
                pass
        except StorageError as error:
            raise AgingError(f"--html {error}") from None
        if options.html.is_dir():
            raise AgingError(f"--html {options.html}: is a directory; give a file, as in {options.html / 'scan.html'}")


@contextmanager
def _progress() -> Iterator[Progress]:
    """A line on the terminal that is rewritten; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _all: None
        return

    def shown(what: str, done: int, all_: int) -> None:
        counted = f" {done:,} of {all_:,}" if all_ else ""
        sys.stderr.write(f"\r\x1b[K{what}{counted}")
        sys.stderr.flush()

    try:
        yield shown
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
