"""The options of ``aging check`` that say what is compared with, and how long it must run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import minimum_duration
from aging.core.errors import AgingError, ExitCode
from aging.core.quantities import parse_duration

if TYPE_CHECKING:
    from rich.console import Console

    from aging.app.baselines.comparison import BaselineOptions
    from aging.app.check import GateRequest
    from aging.campaign.load import CampaignText
    from aging.check.stored_baseline import StoredBaseline

_SHORTEST_PILOT_SECONDS = 30
_PILOT = "2m"


def baseline_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("compare with a baseline", "the difference of both versions is judged")
    group.add_argument(
        "--baseline",
        metavar="WHAT",
        help="a git revision of this repository, or another campaign file: both run side by side; or a result "
        "directory, its findings.json or a file of --save-baseline: its rates are subtracted",
    )
    group.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="REQUIREMENT",
        help="another release of the server's package, like 'vllm==0.31', in an environment of its own; repeatable",
    )
    group.add_argument("--baseline-command", metavar="CMD", help="another command line of a `command` deployment")
    group.add_argument(
        "--baseline-setup", metavar="CMD", help="shell command that is run first in the revision, like 'npm ci'"
    )
    group.add_argument(
        "--save-baseline", type=Path, metavar="PATH", help="write the rates of this run into a small file to commit"
    )
    plan = parser.add_argument_group("how long must it run")
    plan.add_argument(
        "--plan", action="store_true", help="run a pilot, print which limit takes how many minutes, and judge nothing"
    )
    plan.add_argument(
        "--pilot",
        type=minimum_duration(_SHORTEST_PILOT_SECONDS),
        default=_PILOT,
        metavar="TIME",
        help=f"length of the pilot; default: {_PILOT}",
    )


def baseline_options(options: argparse.Namespace, request: GateRequest) -> BaselineOptions:
    """What is asked for; conditions that are none are left out, for the gate reports them with all other mistakes."""
    from aging.app.baselines.comparison import BaselineOptions
    from aging.check.conditions import conditions_and_mistakes

    conditions, _ = conditions_and_mistakes(request.conditions)
    return BaselineOptions(
        baseline=options.baseline,
        against=tuple(options.against),
        command=options.baseline_command,
        setup=options.baseline_setup,
        wanted=[(one.indicator, one.quantity) for one in conditions],
        alpha=request.alpha,
        beta=request.beta,
        scale=request.scale,
    )


def stored_for(root: Path, options: argparse.Namespace, request: GateRequest) -> StoredBaseline | None:
    """The stored baseline that a result directory is judged against; None without.

    Raises AgingError for a baseline that would have to run beside it.
    """
    from aging.app.baselines.stored import stored_for_directory

    if options.against or options.baseline_command or options.baseline_setup:
        raise AgingError(f"{root} has been measured: nothing can run beside it; --baseline takes a stored one")
    return None if options.baseline is None else stored_for_directory(root, baseline_options(options, request), request)


def save(options: argparse.Namespace, root: Path, request: GateRequest, outcome: str, out: Console) -> bool:
    """Write the file of --save-baseline, unless the measurement is not one to compare with; False if that failed."""
    if options.save_baseline is None:
        return True
    if outcome not in ("passed", "failed"):
        out.print(f"--save-baseline: {options.save_baseline} is not written: the result is {outcome}", soft_wrap=True)
        return True
    from aging.app.baselines.stored import save_directory

    try:
        save_directory(options.save_baseline, root, baseline_options(options, request), request)
    except AgingError as error:
        out.print(f"--save-baseline: {error}", soft_wrap=True, markup=False, highlight=False)
        return False
    out.print(f"baseline: {options.save_baseline}", soft_wrap=True)
    return True


def plan(
    options: argparse.Namespace, campaign_text: CampaignText | None, request: GateRequest, out: Console
) -> ExitCode:
    """Print how long a gate must run: from a pilot, or, without a campaign, from the results in ``options.what``."""
    from aging.app.baselines.comparison import compared
    from aging.app.gate_plan import plan_campaign, plan_directory
    from aging.cli.gate_plan import show_plan

    if campaign_text is None:
        show_plan(plan_directory(options.what, request), out)
        return ExitCode.DONE
    with compared(campaign_text, baseline_options(options, request), request, out) as both:
        show_plan(plan_campaign(both.campaign, request, parse_duration(options.pilot), out), out)
    return ExitCode.DONE
