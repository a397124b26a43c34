"""Check this host: is it ready to measure on? Cores, memory, swap, cgroup, ulimit, disk, clock, NVML, runtimes.

With a campaign file, also whether that campaign could start now (ports, model, runtimes).
Exit 0 when nothing stands in the way, 2 otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from aging.cli.console import console
from aging.core.errors import ExitCode

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="campaign file")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.calibration_file import require_calibration
    from aging.campaign.load import load_campaign
    from aging.load.schedule.input_files import read_inputs
    from aging.runner.catalogue import Catalogue
    from aging.runner.preflight import check, notes, resolve_deployments

    out = console()
    code = show_checks(options.results, out)
    if options.file is not None:
        catalogue = Catalogue.discovered()
        campaign = read_inputs(load_campaign(options.file, catalogue.kinds()), str(options.file)).campaign
        check(campaign, catalogue, options.results, source=str(options.file))
        require_calibration(campaign, str(options.file))
        deployments = resolve_deployments(campaign, catalogue)
        for note in notes(campaign, deployments):
            out.print(f"note: {note}", soft_wrap=True)
        if chosen := [one.options.name for one in deployments if one.chooses_port]:
            out.print(f"ports: a free port is chosen at start for {', '.join(chosen)}", soft_wrap=True)
        out.print(f"{options.file}: could start now")
    return code


def show_checks(results: Path, out: Console) -> ExitCode:
    """Print whether this host is ready to be measured on, with results in this folder; BAD_INPUT when it is not."""
    from aging.runner.catalogue import Catalogue
    from aging.runner.host_checks import host_checks

    checks = host_checks(results, Catalogue.discovered())
    for one in checks:
        out.print(Text.assemble((f"{one.status:<5}", _STYLES[one.status]), f"{one.name:<20} {one.message}"))
    return ExitCode.BAD_INPUT if any(one.status == "fail" for one in checks) else ExitCode.DONE
