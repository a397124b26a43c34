"""Check that this host is ready to measure on: cores, memory, swap, cgroup, ulimit, disk, clock, NVML, runtimes.

With a campaign file, also check that the campaign could start now (ports, model, runtimes).
Exit 0 when no check fails, 2 otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console, show_checks
from aging.core.errors import ExitCode
from aging.core.parts import CAMPAIGN


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
        CAMPAIGN.require(str(options.file))
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
