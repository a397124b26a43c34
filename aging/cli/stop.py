"""Stop a campaign from another terminal, as one Ctrl-C would: drain, seal, analyze. It can be resumed.

If the runner was killed, stops the processes it left behind (only processes proven to belong to the campaign).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console
from aging.core.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.runner.stop import stop
    from aging.store.results import open_results

    out = console()
    for line in stop(options.directory, open_results(options.directory).layout):
        out.print(line, soft_wrap=True)
    return ExitCode.DONE
