"""Say how often to restart a server, from a result directory: the age that costs least, and why.

  aging rejuvenate results/real-runtimes --limit 8GiB --cost-restart 1 --cost-crash 20
  aging rejuvenate DIR --deployment vllm --indicator process_fds --limit 1024 --plot curve.svg

Costs are in any one unit: money, lost requests, minutes. Without them a restart costs the requests that wait for it and
a crash those that it loses, as measured. Without --limit the limits in the results count. Each policy is replayed on
the recorded series, and compared with the best restart known in hindsight. Nothing in DIR is changed.

exit codes: 0 advice for each, also that no restart pays · 2 bad input, or no limit or cost is known
            3 of at least one the data cannot tell, or the age is extrapolated far (more than ten times what was seen)
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from aging.cli.arguments import limit
from aging.cli.console import console
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode, Mistake, MistakesError
from aging.core.parts import CAMPAIGN


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory, complete or still running")
    parser.add_argument(
        "--limit",
        type=limit,
        metavar="SIZE",
        help="where a server fails: 8GiB, or a number in the unit of the indicator; default: the limits in the results",
    )
    parser.add_argument("--cost-restart", type=_cost, metavar="NUMBER", help="cost of a planned restart, in any unit")
    parser.add_argument("--cost-crash", type=_cost, metavar="NUMBER", help="cost of a crash, in the same unit")
    parser.add_argument(
        "--deployment", action="append", default=[], metavar="NAME", help="only this one; repeatable; default: all"
    )
    parser.add_argument(
        "--indicator",
        metavar="NAME",
        help="what meets the limit; default: process memory, or what meets its limit first",
    )
    parser.add_argument("--no-replay", action="store_true", help="do not replay the policies")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the cost curves (.png, .svg, .pdf)")


def run(options: argparse.Namespace) -> ExitCode:
    _check(options)
    CAMPAIGN.require("aging rejuvenate")
    one_thread()
    from aging.app.rejuvenate import rejuvenate
    from aging.findings.rejuvenation.advice import Question
    from aging.report.rejuvenation_advice import document, show, write_plot
    from aging.stats.renewal.optimum import Costs

    costs = None if options.cost_restart is None else Costs(options.cost_restart, options.cost_crash)
    asked = Question(options.limit, options.indicator, costs, tuple(options.deployment), replay=not options.no_replay)
    found = rejuvenate(options.directory, asked)
    if options.json:
        print(json.dumps(document(found), indent=1, allow_nan=False))
    else:
        show(found, console())
    if options.plot is not None:
        write_plot(found, options.plot)
    decided = all(one.answer in ("every", "never") for one in found)
    return ExitCode.DONE if decided else ExitCode.INCONCLUSIVE


def _check(options: argparse.Namespace) -> None:
    """Every mistake in how the options are combined, before anything is read."""
    mistakes = []
    given = {"--cost-restart": options.cost_restart, "--cost-crash": options.cost_crash}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        mistakes.append(Mistake(missing[0], "missing; both costs are needed in one unit, or none of them"))
    if options.plot is not None and options.plot.suffix.lower() not in (".png", ".svg", ".pdf"):
        mistakes.append(Mistake("--plot", f"{options.plot} is no picture; end its name with .png, .svg or .pdf"))
    elif options.plot is not None and not options.plot.absolute().parent.is_dir():
        mistakes.append(Mistake("--plot", f"{options.plot} cannot be written: its folder does not exist"))
    if mistakes:
        raise MistakesError("aging rejuvenate", mistakes)


def _cost(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is no cost; give a number above 0, like 20")
    return value
