"""Continue a campaign whose runner was killed, interrupted or halted, at the right place of its schedule.

Servers that are still running are re-adopted and keep their age; others start a new generation. Requests that were
due while the runner was down are skipped and reported. A campaign that has ended, or that is running, is refused.
An observation is judged by the --fail that it began with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console, show_run
from aging.core.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.resume import resume_campaign
    from aging.store.gate import read_gate
    from aging.store.layout import Layout

    out = console()
    given = read_gate(Layout(options.directory))
    if given is None:
        return show_run(resume_campaign(options.directory, out), out)
    from aging.check.observation import conditions_of
    from aging.cli.observed import conclude

    conditions = conditions_of(given)
    return conclude(resume_campaign(options.directory, out), conditions, as_json=False)
