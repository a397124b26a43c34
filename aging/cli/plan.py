"""Print the plan of a campaign: each run with its round, slot, levels and seed; the total time and disk space.

Of a study: each cell with its levels, the hosts needed, and the total of host-hours and disk space.

Starts nothing and needs no runtime installed. --json prints the same as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aging.cli.console import console
from aging.core.errors import ExitCode

if TYPE_CHECKING:
    from aging.campaign.schema import Campaign
    from aging.campaign.timetable import Timetable
    from aging.runner.disk_estimate import DiskNeed
    from aging.stats.note import Note


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file or study file")
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.app.plan_notes import plan_notes
    from aging.campaign.load import load_campaign
    from aging.campaign.timetable import timetable
    from aging.load.schedule.input_files import read_inputs
    from aging.runner.catalogue import Catalogue
    from aging.runner.disk_estimate import disk_need
    from aging.study.load import is_study

    if is_study(options.file):
        from aging.cli.study_plan import plan_study

        return plan_study(options)
    catalogue = Catalogue.discovered()
    overrides = {"duration": options.duration, "scale": options.scale}
    campaign = read_inputs(load_campaign(options.file, catalogue.kinds(), **overrides), str(options.file)).campaign
    plan, need, notes = timetable(campaign), disk_need(campaign, catalogue.samplers), plan_notes(campaign)
    if options.json:
        print(json.dumps(_as_json(campaign, plan, need, notes)))
    else:
        _show(campaign, plan, need)
        for note in notes:
            console().print(f"note: {note}", soft_wrap=True)
    return ExitCode.DONE


def _as_json(campaign: Campaign, plan: Timetable, need: DiskNeed, notes: Sequence[Note]) -> dict[str, Any]:
    return {
        "campaign": campaign.name,
        "runs": [asdict(one) for one in plan.runs],
        "run_seconds": campaign.duration,
        "load_seconds": plan.load,
        "pause_seconds": plan.pauses,
        "at_most_more_seconds": plan.at_most_more,
        "disk_bytes": asdict(need) | {"total": need.total},
        "notes": [{"code": note.code, "message": note} for note in notes],
    }


def _show(campaign: Campaign, plan: Timetable, need: DiskNeed) -> None:
    from rich.table import Table

    from aging.core.format import byte_size, readable_duration

    out = console()
    treated = any(run.levels for run in plan.runs)
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("round", "begins", "slot", "deployment", "replica", "seed", *(("levels",) if treated else ())):
        grid.add_column(
            column, no_wrap=column != "levels", justify="right" if column in ("round", "begins") else "left"
        )
    for run in plan.runs:
        cells = (str(run.round), readable_duration(run.begins), run.slot, run.deployment, str(run.replica))
        grid.add_row(*cells, str(run.seed), *((_levels(run.levels),) if treated else ()))
    out.print(grid)
    what = "of observation" if campaign.load is None else "of load"
    total = f"{readable_duration(plan.load)} {what} in {max(run.round for run in plan.runs)} rounds"
    pauses = f" and {readable_duration(plan.pauses)} of cooldown" if plan.pauses else ""
    more = f"; starting and settling add at most {readable_duration(plan.at_most_more)}"
    out.print(f"duration: {total}{pauses}{more}", soft_wrap=True)
    again = (
        f"retries of broken runs: at most {campaign.retries} per run, after the last round" if campaign.retries else ""
    )
    if again:
        out.print(again, soft_wrap=True)
    logs = f", logs up to {byte_size(need.logs)}"
    kept = byte_size(sum(need.sealed.values()))
    out.print(
        f"disk: about {kept} of results, {byte_size(need.open_hour)} more for the hour being written{logs}",
        soft_wrap=True,
    )


def _levels(levels: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} = {level}" for path, level in levels.items())
