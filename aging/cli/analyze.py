"""Rebuild findings.json and report.html of a result directory, also if the runner was killed.

The outlook says whether the servers can run for 30 days more, or for [analysis] horizon, within the memory of the host
or [analysis] memory_limit. --horizon and --limit ask for another time and another limit:

  aging analyze results/real-runtimes --horizon 7d --limit 64GiB

--warmup, --grid, --test and --q ask how far the verdicts depend on the settings of the campaign file. With any of them
the findings are only printed: no file is written.

  aging analyze results/real-runtimes --warmup 10m --grid 30s
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import outlook_arguments
from aging.cli.console import console
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode
from aging.core.parts import REPORT

if TYPE_CHECKING:
    from aging.store.layout import Layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")
    outlook_arguments(parser)
    what_if = parser.add_argument_group("other settings than the campaign's (nothing is written)")
    what_if.add_argument("--warmup", metavar="TIME", help="start of the load that is left out, like 10m; or auto")
    what_if.add_argument("--grid", metavar="TIME", help="bin width of the time grid, like 30s")
    what_if.add_argument("--test", metavar="NAME", help="trend test that decides the verdicts, like hamed_rao")
    what_if.add_argument("--q", metavar="RATE", help="false-discovery rate, like 0.05")
    parser.add_argument("--json", action="store_true", help="print findings.json instead of tables")


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    from aging.app.analyze import derive, vary
    from aging.findings.asked import Asked
    from aging.findings.findings_file import findings_text
    from aging.report.terminal import show
    from aging.store.layout import Layout

    out, layout, asked = console(), Layout(options.directory), Asked(options.limit, options.horizon)
    given = {name: getattr(options, name) for name in ("warmup", "grid", "test", "q")}
    if any(value is not None for value in given.values()):
        settings, findings = vary(options.directory, asked, given)
        ends = [f"Nothing was written: these findings are of other settings than the campaign's ({settings})."]
    else:
        findings = derive(options.directory, asked)
        ends = [f"findings: {layout.findings}", _report(layout)]
    if options.json:
        print(findings_text(findings))
    else:
        show(findings, out)
        for line in ends:
            out.print(line, soft_wrap=True)
    if not findings.findings:
        print("No series could be analyzed: the directory has no readable samples of a load.", file=sys.stderr)
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE


def _report(layout: Layout) -> str:
    return f"report:   {layout.report if REPORT.installed else f'none; for one: {REPORT.command}'}"
