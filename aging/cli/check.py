"""Gate a change in CI: fail when a server leaks more than a limit, pass when it is shown to leak less.

FILE is a campaign file, run until the gate is decided or its budget of load is used. DIR is a result directory, which
is judged again with other limits; nothing in it is changed.

  aging check FILE --fail 'process_anon_swap_bytes:per_request > 256B' --budget 10m
  aging check FILE --fail 'growth_total > 500MiB' --fail 'client_ttft_seconds:per_hour > 5%'
  aging check --command 'node app.js {port}' --request 'GET:/items/{number}' --fail 'growth_total > 50MiB'
  aging check results/mine/20261130T001500Z --fail 'process_anon_swap_bytes:per_request > 64B'

Without a FILE, --command starts any HTTP server, and --request says what it gets: METHOD:PATH, the file of a body
after @, and the expected statuses after = (default: 200 to 299), like POST:/v1/x@body.json or GET:/items/{number}=404.
A space before = keeps it apart from a query: 'GET:/q?limit=100 =404'. {port} is a free port; {number} and {random}
differ from request to request. A server that cannot follow --rate gets as many requests as it answers. For a server
that runs already there is aging observe.

A condition is INDICATOR:QUANTITY > LIMIT. Quantities are per_request and per_hour (the present rate, after the warm-up)
and growth_total (all growth of the run). Limits take units: 256B, 1KiB, 5ms, or a percentage of the level: 5%.

Exit 1: the lower bound of a rate is above its limit. Exit 0: the upper bound of every rate is below its limit. Exit 3:
neither, or the measurement is in doubt. Exit 4: a server did not start, died or answered only errors; the tail of its
log is printed. A failed condition wins over a failed server, and that over doubt.

The gate is judged early and often, and ends as soon as it is decided, or as soon as the rest of the budget will not
decide it. With all looks together, a server at its limit fails with a probability of at most --alpha, and one at twice
the limit passes with at most --beta. Controls (deployments with a configured leak) are judged only if named; one whose
leak is not seen makes the gate inconclusive.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.ad_hoc_arguments import arguments as ad_hoc_arguments
from aging.cli.ad_hoc_arguments import campaign_text as made_campaign
from aging.cli.baseline_arguments import baseline_arguments, baseline_options, plan, save, stored_for
from aging.cli.console import console
from aging.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aging.app.check import GateRequest, GateRun
    from aging.campaign.load import CampaignText
    from aging.check.report_kinds import WantedReport
    from aging.check.reports.base import GateContext
    from aging.core.errors import Mistake
    from aging.findings.gate import GateResult

_SENSIBLE = 0.01
"""In place of a probability that cannot be read, which is reported, so that it is not reported twice."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", type=Path, metavar="FILE|DIR", help="campaign file, or result directory")
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="CONDITION",
        help="'INDICATOR:per_request|per_hour|growth_total > LIMIT'; repeatable",
    )
    parser.add_argument(
        "--budget",
        "--duration",
        metavar="TIME",
        help="longest load, like 10m; default: the duration in the file",
    )
    parser.add_argument("--alpha", default="0.01", metavar="P", help="probability of a false red; default: 0.01")
    parser.add_argument("--beta", default="0.05", metavar="P", help="probability of a false green; default: 0.05")
    parser.add_argument(
        "--deployment",
        action="append",
        default=[],
        metavar="NAME",
        help="judge only this deployment; repeatable; default: all except controls",
    )
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="KIND=PATH",
        help="write the result as junit, markdown, json or github; repeatable",
    )
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    ad_hoc_arguments(parser)
    baseline_arguments(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.baselines.comparison import compared
    from aging.app.check import run_gate
    from aging.check.reports.base import GateContext

    if options.print_campaign and (text := made_campaign(options)) is not None:
        print(text.text, end="")
        return ExitCode.DONE
    campaign_text, request, reports = _asked(options)
    if campaign_text is None:
        if options.plan:
            return plan(options, None, request, console())
        return _judge_again(options, request, reports)
    if options.plan:
        return plan(options, campaign_text, request, console())
    with compared(campaign_text, baseline_options(options, request), request, console()) as both:
        compares = replace(request, stored=both.stored, compared_with=both.what)
        ran: GateRun = run_gate(both.campaign, compares, console())
    context = GateContext(ran.campaign, options.what, ran.layout.root)
    written = _conclude(ran.result, context, reports)
    console().print(f"report: {ran.layout.report}", soft_wrap=True)
    saved = save(options, ran.layout.root, request, ran.result.outcome, console())
    return _exit_code(ran.exit_code, written and saved)


def _judge_again(options: argparse.Namespace, request: GateRequest, reports: Sequence[WantedReport]) -> ExitCode:
    from aging.core.blas_threads import one_thread

    one_thread()
    from aging.app.check import check_directory
    from aging.check.reports.base import GateContext
    from aging.check.wording import exit_code
    from aging.store.results import open_results

    root, stored = options.what, stored_for(options.what, options, request)
    judged = replace(request, stored=stored, compared_with=None if stored is None else stored.what)
    result = check_directory(root, judged)
    written = _conclude(result, GateContext(open_results(root).name, None, root), reports)
    saved = save(options, root, request, result.outcome, console())
    return _exit_code(exit_code(result), written and saved)


def _conclude(gate: GateResult, context: GateContext, reports: Sequence[WantedReport]) -> bool:
    """Print the result and write its reports; whether all are written."""
    from aging.check.report_kinds import write_reports
    from aging.cli.gate import show_gate

    out = console()
    show_gate(gate, out)
    unwritten = write_reports(reports, gate, context, print)
    for line in unwritten:
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    return not unwritten


def _exit_code(code: ExitCode, complete: bool) -> ExitCode:
    """A gate that passed and whose files are missing has not passed; any other result stands."""
    if complete or code is not ExitCode.DONE:
        return code
    console().print(f"The gate passed, but a file was not written: exit {ExitCode.INCONCLUSIVE:d}.", soft_wrap=True)
    return ExitCode.INCONCLUSIVE


def _asked(options: argparse.Namespace) -> tuple[CampaignText | None, GateRequest, Sequence[WantedReport]]:
    """The campaign of the file or of ``--command``, None for a result directory; what is asked, and its reports.

    Raises MistakesError with every mistake of the options and of the campaign, before anything is read, made or run.
    """
    from aging.app.check import GateRequest, gate_of
    from aging.campaign.load import read_campaign
    from aging.check.conditions import without_rates
    from aging.check.report_kinds import parse_reports
    from aging.check.request import mistakes_without_campaign
    from aging.core.errors import CampaignError, Mistake, MistakesError
    from aging.core.output_path import path_problem

    mistakes: list[Mistake] = []
    numbers = {name: _number(f"--{name}", getattr(options, name), mistakes) for name in ("alpha", "beta")}
    text, budget, reports, subject = None, None, [], "check"
    if options.budget is not None:
        budget = _budget(options.budget, mistakes)
    mistakes += _empty(options)
    try:
        text = made_campaign(options)
        if text is None and not options.what.is_dir():
            text = read_campaign(options.what)
    except CampaignError as error:
        mistakes += [Mistake(str(options.what), one.what, one.code) for one in error.mistakes]
    except MistakesError as error:
        mistakes += error.mistakes
    try:
        reports = parse_reports(options.report)
    except MistakesError as error:
        mistakes += [Mistake("--report", str(one)) for one in error.mistakes]
    if options.save_baseline is not None:
        problem = path_problem(options.save_baseline) or without_rates(options.fail)
        mistakes += [] if problem is None else [Mistake("--save-baseline", problem)]
    request = GateRequest(
        conditions=options.fail,
        deployments=options.deployment,
        alpha=numbers["alpha"],
        beta=numbers["beta"],
        budget=budget,
        results=options.results,
        scale=options.scale,
    )
    if text is not None:
        try:
            gate_of(text, request)
        except MistakesError as error:
            subject = error.subject
            mistakes = [*error.mistakes, *mistakes]
    elif mistakes:
        mistakes = [*mistakes_without_campaign(request), *mistakes]
    if mistakes:
        raise MistakesError(subject, list(dict.fromkeys(mistakes)))
    return text, request, reports


def _empty(options: argparse.Namespace) -> list[Mistake]:
    """Options whose value is empty, as from a variable that is not set: to ignore one would judge something else."""
    from aging.core.errors import Mistake

    names = ("baseline", "against", "baseline_command", "baseline_setup")
    what = "is empty; leave it out, or give a value (is a variable not set?)"
    given = {f"--{name.replace('_', '-')}": getattr(options, name) for name in names}
    return [
        Mistake(name, what)
        for name, value in given.items()
        if value is not None and any(not one.strip() for one in ([value] if isinstance(value, str) else value))
    ]


def _budget(text: str, mistakes: list[Mistake]) -> float | None:
    from aging.core.errors import Mistake
    from aging.core.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        mistakes.append(Mistake("--budget", str(error)))
        return None


def _number(name: str, text: str, mistakes: list[Mistake]) -> float:
    from aging.core.errors import Mistake

    try:
        return float(text)
    except ValueError:
        mistakes.append(Mistake(name, f"{text!r} is no probability; give a number between 0 and 0.5, like 0.01"))
        return _SENSIBLE
