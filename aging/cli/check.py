"""Gate a change in CI: fail when a server leaks more than a limit, pass when it is shown to leak less.

FILE is a campaign file, run until the gate is decided or its budget of load is used. DIR is a result directory, which
is judged again with other limits; nothing in it is changed.

  aging check FILE --fail 'process_anon_swap_bytes:per_request > 256B' --budget 10m
  aging check FILE --fail 'growth_total > 500MiB' --fail 'client_ttft_seconds:per_hour > 5%'
  aging check results/mine/20261130T001500Z --fail 'process_anon_swap_bytes:per_request > 64B'
  aging check --command 'node app.js {port}' --request 'GET:/items/{number}' --fail 'growth_total > 50MiB'

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
import math
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli import ad_hoc_arguments
from aging.cli.console import console
from aging.core.errors import ExitCode

if TYPE_CHECKING:
    from aging.app.check import GateRequest, GateRun
    from aging.core.errors import Mistake


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", type=Path, metavar="FILE|DIR", help="campaign file, or result directory; or give --command"
    )
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
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    ad_hoc_arguments.arguments(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.check import run_gate
    from aging.campaign.load import read_campaign
    from aging.cli.gate import show_gate

    made = ad_hoc_arguments.campaign_text(options)
    if made is not None and options.print_campaign:
        print(made.text, end="")
        return ExitCode.DONE
    request = _request(options)
    if made is None and options.what.is_dir():
        return _judge_again(options.what, request)
    ran: GateRun = run_gate(made or read_campaign(options.what), request, console())
    show_gate(ran.result, console())
    console().print(f"report: {ran.layout.report}", soft_wrap=True)
    return ran.exit_code


def _judge_again(root: Path, request: GateRequest) -> ExitCode:
    from aging.core.blas_threads import one_thread

    one_thread()
    from aging.app.check import check_directory, exit_code_of
    from aging.cli.gate import show_gate

    result = check_directory(root, request)
    show_gate(result, console())
    return exit_code_of(result)


def _request(options: argparse.Namespace) -> GateRequest:
    """What is asked. Raises MistakesError with every number that cannot be read."""
    from aging.app.check import GateRequest
    from aging.check.conditions import conditions_and_mistakes
    from aging.core.errors import Mistake, MistakesError
    from aging.core.quantities import parse_duration

    mistakes: list[Mistake] = []
    numbers = {name: _number(f"--{name}", getattr(options, name), mistakes) for name in ("alpha", "beta")}
    budget = None
    if options.budget is not None:
        try:
            budget = parse_duration(options.budget)
        except ValueError as error:
            mistakes.append(Mistake("--budget", str(error)))
    if mistakes:
        raise MistakesError("check", [*conditions_and_mistakes(options.fail)[1], *mistakes])
    return GateRequest(
        conditions=options.fail,
        deployments=options.deployment,
        alpha=numbers["alpha"],
        beta=numbers["beta"],
        budget=budget,
        results=options.results,
        scale=options.scale,
    )


def _number(name: str, text: str, mistakes: list[Mistake]) -> float:
    from aging.core.errors import Mistake

    try:
        return float(text)
    except ValueError:
        mistakes.append(Mistake(name, f"{text!r} is no probability; give a number between 0 and 0.5, like 0.01"))
        return math.nan
