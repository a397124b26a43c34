"""Gate a change: run a short campaign and fail when a leak is above a limit.

A condition names an indicator, its rate per hour or per request, and the limit:

  aging check FILE --fail 'process_anon_swap_bytes:per_request > 256'

The gate fails (exit 1) when a deployment's verdict is `aging` and its rate is above the
limit. It passes (exit 0) when the whole interval of every deployment's rate is below the
limit. Otherwise it is inconclusive (exit 3): too short, too noisy, or a broken run.
Controls (deployments with a configured leak) are judged only if named; a control with
the wrong verdict makes the gate inconclusive.

With --looks N the gate is evaluated N times at equal intervals while the campaign runs;
the campaign ends as soon as the gate has failed. All looks together have the error rate
of one (O'Brien-Fleming spending). A campaign is never ended early to pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import looks
from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode

if TYPE_CHECKING:
    from aging.check.conditions import Condition


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file")
    parser.add_argument(
        "--fail", action="append", required=True, metavar="CONDITION", help="'INDICATOR:per_hour|per_request > NUMBER'"
    )
    parser.add_argument(
        "--deployment",
        action="append",
        default=[],
        metavar="NAME",
        help="judge only this deployment; repeatable; default: all except controls",
    )
    parser.add_argument(
        "--looks",
        type=looks,
        default=1,
        metavar="N",
        help="evaluate N times while it runs (1 to 100); default: only at the end",
    )
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.run import run_campaign
    from aging.campaign.load import read_campaign
    from aging.check.conditions import Outcome as GateOutcome
    from aging.check.conditions import judge, overall, parse_conditions
    from aging.check.early_stop import Gate, failed_looks
    from aging.runner.campaign import Outcome
    from aging.store.journal import read_journal

    conditions = parse_conditions(options.fail)
    gate = Gate(
        conditions, _deployments_to_judge(options.file, conditions, options.deployment, options.looks), options.looks
    )
    out = console()
    overrides = {"duration": options.duration, "scale": options.scale}
    campaign_run = run_campaign(read_campaign(options.file), options.results, overrides, out, gate)
    if campaign_run.decided:
        out.print(f"ended early at {campaign_run.decided}", markup=False, soft_wrap=True)
    # A failure at an early look is final; otherwise the end is the last look.
    last = gate.level(gate.looks, failed_looks(read_journal(campaign_run.layout.journal)))
    judgements = judge(campaign_run.findings, conditions, gate.deployments, 1.0 if campaign_run.decided else last)
    for judgement in judgements:
        out.print(f"{judgement.outcome.value}: {judgement.message}", markup=False, soft_wrap=True)
    out.print(f"report: {campaign_run.layout.report}", soft_wrap=True)
    if campaign_run.outcome is Outcome.INTERRUPTED:
        return ExitCode.INTERRUPTED
    match overall(judgements):
        case GateOutcome.FAILED:
            return ExitCode.GATE_FAILED
        case GateOutcome.PASSED:
            return ExitCode.DONE
        case GateOutcome.INCONCLUSIVE:
            return ExitCode.INCONCLUSIVE


def _deployments_to_judge(file: Path, conditions: Sequence[Condition], named: Sequence[str], looks: int) -> list[str]:
    """The deployments to judge. Raises AgingError for unknown names, or if none is left, before hours of load."""
    from aging.campaign.load import load_campaign
    from aging.campaign.plan import rounds
    from aging.check.conditions import check_names
    from aging.core.metrics import indicators
    from aging.runner.catalogue import Catalogue

    catalogue = Catalogue.discovered()
    campaign = load_campaign(file, catalogue.kinds())
    plugins = [catalogue.deployments[options.kind](options, None) for options in campaign.deployment]
    if looks > 1 and len(rounds(campaign)) > 1:
        raise AgingError(f"--looks {looks}: {file} has several rounds; looks need all runs in one round")
    classes = [] if campaign.load is None else [one.name for one in campaign.load.classes]
    check_names(conditions, named, [one.options.name for one in plugins], indicators(classes))
    judged = list(named) or [one.options.name for one in plugins if one.known_aging() is None]
    if not judged:
        names = " ".join(f"--deployment {one.options.name}" for one in plugins)
        raise AgingError(f"{file}: every deployment is a control, and controls are not judged; name them: {names}")
    return judged
