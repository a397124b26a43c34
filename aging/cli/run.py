"""Run a campaign: start its deployments, load and sample them, print the findings and the report's path.

Ctrl-C once drains, seals and stops (exit 130, analysable); twice stops at once. With --detach it runs in a process of
its own that survives a logout; `status`, `stop` and `resume` take the directory that is printed.
Exits 0 when the campaign completed, whatever it found; `check` is the gate.

With --smoke every deployment runs for a minute only (or for the TIME given) under the campaign's own load, after
the host was checked: was it ready, did it answer, without errors, were its indicators read, did the client keep up?
Exit 0 when all passed, 3 when one did not. What it leaves is in a folder of its own (NAME.smoke) and is no result.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode
from aging.core.quantities import parse_duration

_LEAST_SMOKE_SECONDS = 5

if TYPE_CHECKING:
    from rich.console import Console

    from aging.app.run import CampaignRun
    from aging.runner.campaign import Outcome


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file")
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument(
        "--smoke", nargs="?", const="1m", type=_duration, metavar="TIME", help="try every deployment; default: 1m"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument("--detach", action="store_true", help="run it in the background; print directory and pid")


def run(options: argparse.Namespace) -> ExitCode:
    if options.smoke is not None and options.duration is not None:
        raise AgingError("--duration: a smoke run has its own length; write --smoke TIME")
    if options.smoke is not None and options.detach:
        raise AgingError("--detach: a smoke run is short, and its verdict is printed; leave this out")
    return _campaign(options) if options.smoke is None else _smoke(options)


def _smoke(options: argparse.Namespace) -> ExitCode:
    from aging.app.smoke import run_smoke
    from aging.campaign.load import read_campaign
    from aging.cli.doctor import show_checks
    from aging.report.terminal import show_smoke
    from aging.runner.campaign import Outcome

    out = console()
    written = read_campaign(options.file)
    if show_checks(options.results, out) is not ExitCode.DONE:
        return ExitCode.BAD_INPUT
    smoked = run_smoke(written, options.results, {"scale": options.scale}, options.smoke, out)
    show_smoke(smoked.verdicts, out)
    if smoked.outcome is Outcome.INTERRUPTED:
        return ExitCode.INTERRUPTED
    passed = all(verdict.passed for verdict in smoked.verdicts) and smoked.outcome is Outcome.COMPLETED
    return ExitCode.DONE if passed else ExitCode.INCONCLUSIVE


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds < _LEAST_SMOKE_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is too short to see anything; give at least {_LEAST_SMOKE_SECONDS}s")
    return seconds


def _campaign(options: argparse.Namespace) -> ExitCode:
    from aging.app.detach import detach_campaign
    from aging.app.run import run_campaign
    from aging.campaign.load import read_campaign

    out = console()
    overrides = {"duration": options.duration, "scale": options.scale}
    written = read_campaign(options.file)
    if options.detach:
        detached = detach_campaign(written, options.results, overrides, out)
        out.print(f"results: {detached.layout.root}", soft_wrap=True)
        out.print(f"runner:  {detached.pid}, its output in {detached.layout.runner_log}", soft_wrap=True)
        return ExitCode.DONE
    return told(run_campaign(written, options.results, overrides, out), out)


def told(ran: CampaignRun, out: Console) -> ExitCode:
    """Print what a campaign found and where that is written; its exit code."""
    from aging.report.terminal import show

    show(ran.findings, out)
    out.print(f"findings: {ran.layout.findings}", soft_wrap=True)
    out.print(f"report:   {ran.layout.report}", soft_wrap=True)
    code = exit_code(ran.outcome)
    if code is ExitCode.INCONCLUSIVE and ran.decided is not None:
        out.print(f"halted:   {ran.decided}; then: aging resume {ran.layout.root}", soft_wrap=True)
    elif code is ExitCode.INTERRUPTED:
        out.print(f"to go on: aging resume {ran.layout.root} (its schedule goes on meanwhile, unsent)", soft_wrap=True)
    return code


def exit_code(outcome: Outcome) -> ExitCode:
    """A campaign in which nothing could be measured is inconclusive, not done."""
    from aging.runner.campaign import Outcome

    match outcome:
        case Outcome.COMPLETED | Outcome.DECIDED:
            return ExitCode.DONE
        case Outcome.INTERRUPTED:
            return ExitCode.INTERRUPTED
        case Outcome.FAILED | Outcome.HALTED:
            return ExitCode.INCONCLUSIVE
