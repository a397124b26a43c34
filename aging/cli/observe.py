"""Watch a running process and report whether it ages: no campaign file, no load.

The process and its descendants are sampled once a second. It is never signaled, and no
request is sent to it. Ctrl-C ends the watch and analyzes the samples so far (exit 130).

  aging observe --pid 4711 --for 2h
  aging observe --name 'vllm serve' --metrics http://127.0.0.1:8000/metrics
  aging observe --container tgi --for 30m --fail --json
  aging observe --cgroup /system.slice/ollama.service --limit 64GiB --horizon 30d

A process that is restarted is followed into its next life, except by --pid. One that ends and
does not return within 10 minutes ends the watch: what was seen until then is judged (exit 3).

With --fail, exit 1 if it ages, 0 if it does not, 3 if that is undecided, for cron and CI:

  --fail                                            any indicator ages
  --fail 'process_anon_swap_bytes:per_hour > 1e6'   as in `aging check`; repeatable

Growth counts from the earliest start that the age of the process and its level allow. If
the process was idle until now, use --load-start now; if its load began three hours ago, 3h.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import label, load_start, minimum_duration, outlook_arguments, pattern, pid, url
from aging.cli.console import console
from aging.core.errors import ExitCode

_LEAST_SECONDS = 15
"""A verdict needs 12 samples, one a second."""

_AGING = "aging"
"""The condition of --fail without one."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aging.check.conditions import Condition
    from aging.deployments.origins.attached import Whereabouts


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pid", type=pid, metavar="PID", help="a process and its descendants")
    what.add_argument(
        "--name",
        type=pattern,
        metavar="PATTERN",
        help="the process whose command line or name matches a regular expression",
    )
    what.add_argument("--container", metavar="NAME", help="a docker or podman container")
    what.add_argument("--cgroup", metavar="PATH", help="every process of a control group")
    parser.add_argument("--label", type=label, metavar="TEXT", help="what to call it, in the report and the folder")
    parser.add_argument("--metrics", type=url, metavar="URL", help="Prometheus metrics of the process, sampled too")
    parser.add_argument(
        "--for",
        dest="duration",
        type=minimum_duration(_LEAST_SECONDS),
        default="2h",
        metavar="TIME",
        help="how long; default: 2h",
    )
    parser.add_argument(
        "--load-start",
        type=load_start,
        default="process",
        metavar="WHEN",
        help="when the load started: with the process (default), now, or so long ago (3h)",
    )
    outlook_arguments(parser)
    parser.add_argument(
        "--fail",
        nargs="?",
        action="append",
        const=_AGING,
        default=[],
        metavar="CONDITION",
        help="exit 1 if it ages, 3 if undecided; or if 'INDICATOR:per_hour > NUMBER'; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON; progress goes to standard error")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.observe import doubts, observation
    from aging.app.run import run_campaign
    from aging.cli.observed import conclude
    from aging.findings.asked import Asked

    conditions = _conditions(options)
    out = console(error=options.json)
    asked = Asked(options.limit, options.horizon)
    where = _whereabouts(options)
    campaign_text = observation(where, options.duration, options.metrics, options.load_start, asked, options.label)
    if where.by in ("pid", "process"):  # what a container publishes is on other ports
        for doubt in doubts(where.observed(), options.metrics, options.load_start):
            out.print(f"note: {doubt}", soft_wrap=True)
    ran = run_campaign(replace(campaign_text, judged_by=options.fail), options.results, {}, out)
    return conclude(ran, conditions, as_json=options.json)


def _conditions(options: argparse.Namespace) -> Sequence[Condition | None]:
    """The conditions of --fail; None is "it ages". Raises MistakesError before anything is observed."""
    if not options.fail:
        return ()
    from aging.check.observation import conditions_of

    conditions = conditions_of(options.fail)
    if options.metrics is None:  # with them there are indicators under names of the engine's own
        from aging.check.conditions import check_names
        from aging.core.metrics import indicators

        check_names([one for one in conditions if one is not None], indicators(()), "observe")
    return conditions


def _whereabouts(options: argparse.Namespace) -> Whereabouts:
    from aging.deployments.origins.attached import Whereabouts

    o = options
    return Whereabouts.given(pid=o.pid, process=o.name, container=o.container, cgroup=o.cgroup)
