"""End a campaign from another terminal, as one Ctrl-C would: drain, seal, analyse. It can be resumed.

Of a campaign whose runner was killed, what is left is ended: just what is proven to be the campaign's.
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
