"""Show the status of a campaign or a study from its directory; without one, of all of them below --results.

--json prints the same as JSON; --watch refreshes every second until the campaign has ended, or Ctrl-C.

--cluster lists what studies hold of a Ray cluster: host, since when, whether a process runs the study, and whether the
runner of the cell is alive. It finds the hosts of studies whose folder or process is gone.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode
from aging.study.layout import StudyLayout

_REFRESH_SECONDS = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, nargs="?", metavar="DIR", help="result directory, of a campaign or of a study"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="list the reservations of a Ray cluster instead: auto, or HOST:PORT"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON instead of a table")
    how.add_argument("--watch", action="store_true", help="refresh every second until it has ended")


def run(options: argparse.Namespace) -> ExitCode:
    if options.cluster is not None:
        return _cluster(options)
    if options.directory is not None:
        return _study(options) if StudyLayout(options.directory).exists else _one(options)
    if options.watch:
        raise AgingError("--watch needs the directory of one campaign or study")
    return _all(options)


def _cluster(options: argparse.Namespace) -> ExitCode:
    if options.directory is not None:
        raise AgingError("--cluster: lists what all studies hold of a cluster; leave DIR out")
    if options.watch:
        raise AgingError("--watch needs the directory of one campaign or study")
    from aging.app.study_reservations import reservations
    from aging.report.study.reservations import reservation_lines, reservations_json

    found = reservations(options.cluster)
    if options.json:
        print(json.dumps(reservations_json(found), indent=1))
        return ExitCode.DONE
    out = console()
    for line in reservation_lines(found, options.cluster, time.time()):
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    return ExitCode.DONE


def _all(options: argparse.Namespace) -> ExitCode:
    from aging.report.campaign_list import campaigns_below
    from aging.report.study.folder import studies_below

    campaigns, studies = campaigns_below(options.results), studies_below(options.results)
    if options.json:
        print(json.dumps([*(one.as_json() for one in campaigns), *(one.as_json() for one in studies)], indent=1))
        return ExitCode.DONE
    out = console()
    if not campaigns and not studies:
        out.print(f"{options.results}: no campaign found")
    for line in (*(one.line() for one in campaigns), *(one.line() for one in studies)):
        out.print(line, soft_wrap=True)
    return ExitCode.DONE


def _study(options: argparse.Namespace) -> ExitCode:
    from aging.report.live import show_lines
    from aging.report.study.folder import account_of
    from aging.report.study.terminal import as_json, lines, table
    from aging.study.plan_file import read_plan

    layout = StudyLayout(options.directory)
    plan = read_plan(layout)
    out = console()
    while True:
        account = account_of(layout, plan)
        if options.json:
            print(json.dumps(as_json(account), indent=1))
        elif out.is_terminal:
            if options.watch:
                out.clear()
            out.print(table(account))
        else:
            show_lines(out, lines(account))
        if not options.watch or account.state != "running":
            return ExitCode.DONE
        time.sleep(_REFRESH_SECONDS)


def _one(options: argparse.Namespace) -> ExitCode:
    from aging.report.campaign_list import CampaignStatus, progress_as_json
    from aging.report.live import lines, show_lines, table
    from aging.report.progress import Progress
    from aging.store.results import open_results

    results = open_results(options.directory)
    out = console()
    title = results.description
    with Progress(results.layout) as progress:
        while True:
            snapshot = progress.snapshot()
            if options.json:
                status = CampaignStatus.of(results.layout.root, snapshot.state)
                about = {"description": title, "observed": results.observed}
                print(json.dumps(status.as_json() | about | {"runs": progress_as_json(snapshot)}, indent=1))
            elif out.is_terminal:
                if options.watch:
                    out.clear()
                if title:
                    out.print(title, soft_wrap=True)
                out.print(table(results.name, snapshot))
            else:
                show_lines(out, [*([title] if title else []), *lines(results.name, snapshot)])
            if not options.watch or not snapshot.runner_alive:
                return ExitCode.DONE
            time.sleep(_REFRESH_SECONDS)
