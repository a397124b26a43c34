"""Check campaign and study files without running anything; print every mistake with its key.

Prints what would run. Exit 0 when all files are valid, 2 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aging.core.errors import CampaignError, ExitCode
from aging.core.format import readable_duration


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="campaign files and study files")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.campaign.load import load_campaign
    from aging.campaign.plan import planned_seconds, rounds
    from aging.cli.study_plan import valid_line
    from aging.load.schedule.input_files import read_inputs
    from aging.runner.catalogue import Catalogue
    from aging.study.load import is_study, load_study

    kinds = Catalogue.discovered().complete().kinds()
    code = ExitCode.DONE
    for file in options.files:
        try:
            if is_study(file):
                print(valid_line(file, load_study(file, kinds)))
                continue
            inputs = read_inputs(load_campaign(file, kinds), str(file))
        except CampaignError as error:
            print(f"aging: {error}", file=sys.stderr)
            code = ExitCode.BAD_INPUT
        else:
            campaign = inputs.campaign
            runs = sum(len(planned_round) for planned_round in rounds(campaign))
            what = "of observation" if campaign.load is None else "of load"
            counts = f"{_count(len(campaign.deployment), 'deployment')}, {_count(runs, 'run')}"
            print(f"{file}: valid: {counts}, {readable_duration(planned_seconds(campaign))} {what}")
            for one in inputs.files:
                print(f"  {one.where}: {one.summary}")
    return code


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
