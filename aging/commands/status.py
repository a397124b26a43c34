"""Show how a campaign stands, running or ended, from its result directory alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.errors import ExitCode
from aging.terminal import console


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.live import lines, show_lines, table  # noqa: PLC0415
    from aging.progress import Progress  # noqa: PLC0415
    from aging.store.results import open_results  # noqa: PLC0415

    results = open_results(options.directory)
    campaign = results.manifest["campaign"]
    with Progress(results.layout) as progress:
        snapshot = progress.snapshot()
    out = console()
    if out.is_terminal:
        out.print(table(campaign["name"], snapshot, campaign["duration_seconds"]))
    else:
        show_lines(out, lines(campaign["name"], snapshot, campaign["duration_seconds"]))
    return ExitCode.DONE
