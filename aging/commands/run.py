"""Run a campaign: start its deployments, load and sample them, print the findings and the report's path.

Ctrl-C once drains, seals and stops (exit 130, analysable); twice stops at once.
Exits 0 when the campaign completed, whatever it found; `check` is the gate.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.errors import ExitCode
from aging.terminal import console

if TYPE_CHECKING:
    from aging.runner import Outcome


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file")
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.campaign import read_campaign  # noqa: PLC0415
    from aging.campaigning import run_campaign  # noqa: PLC0415 - pandas and matplotlib: `--help` need not wait
    from aging.summary import show  # noqa: PLC0415

    out = console()
    overrides = {"duration": options.duration, "scale": options.scale}
    ran = run_campaign(read_campaign(options.file), options.results, overrides, out)
    show(ran.findings, out)
    out.print(f"findings: {ran.layout.findings}", soft_wrap=True)
    out.print(f"report:   {ran.layout.report}", soft_wrap=True)
    return exit_code(ran.outcome)


def exit_code(outcome: Outcome) -> ExitCode:
    """A campaign in which nothing could be measured is inconclusive, not done."""
    from aging.runner import Outcome  # noqa: PLC0415

    match outcome:
        case Outcome.COMPLETED | Outcome.DECIDED:
            return ExitCode.DONE
        case Outcome.INTERRUPTED:
            return ExitCode.INTERRUPTED
        case Outcome.FAILED:
            return ExitCode.INCONCLUSIVE
