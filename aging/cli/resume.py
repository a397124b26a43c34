"""Go on with a campaign whose runner was killed, interrupted or halted: same schedule, at the right place.

Servers that still live are taken over and go on ageing; others begin a new generation. What was due while nobody
sent is not sent, and told. A campaign that has ended is refused, and so is one that is being run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console
from aging.cli.run import told
from aging.core.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.resume import resume_campaign

    out = console()
    return told(resume_campaign(options.directory, out), out)
