"""Run a campaign: start its deployments, load and sample them, print the findings and the report's path.

Ctrl-C once drains, seals and stops (exit 130, analysable); twice stops at once. With --detach it runs in a process of
its own that survives a logout; `status`, `stop` and `resume` take the directory that is printed.
Exits 0 when the campaign completed, whatever it found; `check` is the gate.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.errors import ExitCode
from aging.terminal import console

if TYPE_CHECKING:
    from rich.console import Console

    from aging.campaigning import Ran
    from aging.runner import Outcome


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file")
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument("--detach", action="store_true", help="run it in the background; print directory and pid")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.campaign import read_campaign  # noqa: PLC0415
    from aging.campaigning import detach_campaign, run_campaign  # noqa: PLC0415 - pandas: `--help` need not wait

    out = console()
    overrides = {"duration": options.duration, "scale": options.scale}
    written = read_campaign(options.file)
    if options.detach:
        detached = detach_campaign(written, options.results, overrides, out)
        out.print(f"results: {detached.layout.root}", soft_wrap=True)
        out.print(f"runner:  {detached.pid}, its output in {detached.layout.runner_log}", soft_wrap=True)
        return ExitCode.DONE
    return told(run_campaign(written, options.results, overrides, out), out)


def told(ran: Ran, out: Console) -> ExitCode:
    """Print what a campaign found and where that is written; its exit code."""
    from aging.summary import show  # noqa: PLC0415

    show(ran.findings, out)
    out.print(f"findings: {ran.layout.findings}", soft_wrap=True)
    out.print(f"report:   {ran.layout.report}", soft_wrap=True)
    if (code := exit_code(ran.outcome)) is ExitCode.INCONCLUSIVE and ran.decided is not None:
        out.print(f"halted:   {ran.decided}; then: aging resume {ran.layout.root}", soft_wrap=True)
    return code


def exit_code(outcome: Outcome) -> ExitCode:
    """A campaign in which nothing could be measured is inconclusive, not done."""
    from aging.runner import Outcome  # noqa: PLC0415

    match outcome:
        case Outcome.COMPLETED | Outcome.DECIDED:
            return ExitCode.DONE
        case Outcome.INTERRUPTED:
            return ExitCode.INTERRUPTED
        case Outcome.FAILED | Outcome.HALTED:
            return ExitCode.INCONCLUSIVE
