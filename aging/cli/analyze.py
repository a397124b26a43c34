"""Rebuild findings.json and report.html of a result directory, also if the runner was killed.

The outlook says whether the servers can run for 30 days more, or for [analysis] horizon, within the memory of the host
or [analysis] memory_limit. --horizon and --limit ask for another time and another limit:

  aging analyze results/real-runtimes --horizon 7d --limit 64GiB
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.arguments import outlook_arguments
from aging.cli.console import console
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode
from aging.core.parts import REPORT


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")
    outlook_arguments(parser)


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    from aging.app.analyze import derive
    from aging.findings.asked import Asked
    from aging.report.terminal import show
    from aging.store.layout import Layout

    out = console()
    findings = derive(options.directory, Asked(options.limit, options.horizon))
    show(findings, out)
    layout = Layout(options.directory)
    out.print(f"findings: {layout.findings}", soft_wrap=True)
    without = REPORT.missing()
    out.print(f"report:   {f'none: {REPORT.command}' if without else layout.report}", soft_wrap=True)
    if not findings.findings:
        out.print("No series could be analyzed: the directory has no readable samples of a load.", soft_wrap=True)
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE
