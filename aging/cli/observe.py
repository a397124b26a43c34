"""Watch a running process and report whether it ages: no campaign file, no load.

The process and its descendants are sampled once a second. It is never signaled, and no
request is sent to it. Ctrl-C ends the watch and analyzes the samples so far (exit 130).

  aging observe --pid 4711 --for 2h
  aging observe --name 'vllm serve' --metrics http://127.0.0.1:8000/metrics
  aging observe --container tgi
  aging observe --cgroup /system.slice/ollama.service --limit 64GiB --horizon 30d

Growth counts from the earliest start that the age of the process and its level allow. If
the process was idle until now, use --load-start now; if its load began three hours ago, 3h.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import load_start, minimum_duration, outlook_arguments, pattern, pid, url
from aging.cli.console import console, show_run
from aging.core.errors import ExitCode

_LEAST_SECONDS = 15
"""A verdict needs 12 samples, one a second."""

if TYPE_CHECKING:
    from aging.deployments.origins.attached import Whereabouts


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pid", type=pid, metavar="PID", help="a process and its descendants")
    what.add_argument(
        "--name",
        type=pattern,
        metavar="PATTERN",
        help="the process whose command line matches a regular expression",
    )
    what.add_argument("--container", metavar="NAME", help="a docker or podman container")
    what.add_argument("--cgroup", metavar="PATH", help="every process of a control group")
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
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.observe import observation
    from aging.app.run import run_campaign
    from aging.findings.asked import Asked

    out = console()
    asked = Asked(options.limit, options.horizon)
    where = _whereabouts(options)
    campaign_text = observation(where, options.duration, options.metrics, options.load_start, asked)
    return show_run(run_campaign(campaign_text, options.results, {}, out), out)


def _whereabouts(options: argparse.Namespace) -> Whereabouts:
    from aging.deployments.origins.attached import Whereabouts

    o = options
    return Whereabouts.given(pid=o.pid, process=o.name, container=o.container, cgroup=o.cgroup)
