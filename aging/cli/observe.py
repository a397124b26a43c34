"""Watch a process that runs already and say whether it ages: no campaign file, no load of ours.

The process and all it has started are sampled once a second; it is never signalled and no
request is sent to it. Ctrl-C ends the watch, and what was seen by then is analysed (exit 130).

  aging observe --pid 4711 --for 2h
  aging observe --name 'vllm serve' --metrics http://127.0.0.1:8000/metrics
  aging observe --container tgi
  aging observe --cgroup /system.slice/ollama.service

Whether growth goes on or levels off is judged against the whole age of the process; where
it was idle until now, say so with --load-start now.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.console import console
from aging.cli.run import told
from aging.core.errors import ExitCode
from aging.core.quantities import parse_duration

_LEAST_SECONDS = 15
"""A verdict takes twelve samples, one a second."""

if TYPE_CHECKING:
    from aging.deployments.origins.attached import Whereabouts


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pid", type=_pid, metavar="PID", help="a process and its descendants")
    what.add_argument(
        "--name",
        type=_pattern,
        metavar="PATTERN",
        help="the process whose command line matches a regular expression",
    )
    what.add_argument("--container", metavar="NAME", help="a docker or podman container")
    what.add_argument("--cgroup", metavar="PATH", help="every process of a control group")
    parser.add_argument("--metrics", type=_url, metavar="URL", help="its Prometheus metrics, sampled too")
    parser.add_argument("--for", dest="duration", type=_duration, default="2h", metavar="TIME", help="default: 2h")
    parser.add_argument(
        "--load-start",
        choices=("process", "now"),
        default="process",
        help="when it began to be used: with the process (default), or now",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.observe import observation
    from aging.app.run import run_campaign

    out = console()
    written = observation(_whereabouts(options), options.duration, options.metrics, options.load_start)
    return told(run_campaign(written, options.results, {}, out), out)


def _whereabouts(options: argparse.Namespace) -> Whereabouts:
    from aging.deployments.origins.attached import Whereabouts

    o = options
    return Whereabouts.given(pid=o.pid, process=o.name, container=o.container, cgroup=o.cgroup)


def _pid(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a process id; give a positive whole number")
    return int(text)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
    if not text:
        raise argparse.ArgumentTypeError("an empty pattern matches everything; give a part of the command line")
    return text


def _url(text: str) -> str:
    if not re.match(r"https?://[^/]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like http://127.0.0.1:8000/metrics")
    return text


def _duration(text: str) -> str:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds < _LEAST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is too short to tell anything; give at least {_LEAST_SECONDS}s")
    return text
