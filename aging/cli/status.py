"""Show the status of a campaign from its result directory; without one, of all campaigns below --results.

--json prints the same as JSON; --watch refreshes every second until the campaign has ended, or Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode

_REFRESH_SECONDS = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, nargs="?", metavar="DIR", help="result directory")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON instead of a table")
    how.add_argument("--watch", action="store_true", help="refresh every second until the campaign has ended")


def run(options: argparse.Namespace) -> ExitCode:
    if options.directory is not None:
        return _one(options)
    if options.watch:
        raise AgingError("--watch needs the directory of one campaign")
    return _all(options)


def _all(options: argparse.Namespace) -> ExitCode:
    from aging.report.campaign_list import campaigns_below

    found = campaigns_below(options.results)
    if options.json:
        print(json.dumps([one.as_json() for one in found], indent=1))
        return ExitCode.DONE
    out = console()
    if not found:
        out.print(f"{options.results}: no campaign found")
    for one in found:
        out.print(one.line(), soft_wrap=True)
    return ExitCode.DONE


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
