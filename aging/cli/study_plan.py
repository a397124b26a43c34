"""Prints the plan of a study: a line per cell, hosts, time and disk space."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode

if TYPE_CHECKING:
    from aging.app.study_figures import StudyFigures
    from aging.study.load import Study


def plan_study(options: argparse.Namespace) -> ExitCode:
    """Print what ``aging run`` of this study file would do."""
    from aging.app.study_figures import study_figures
    from aging.runner.catalogue import Catalogue
    from aging.study.load import load_study

    if options.duration is not None or options.scale is not None:
        raise AgingError(
            f"--duration and --scale are of a campaign, and {options.file} is a study file; change its campaign file, "
            "or give levels of the load in [matrix]"
        )
    catalogue = Catalogue.discovered()
    study = load_study(options.file, catalogue.kinds())
    figures = study_figures(study, catalogue.samplers)
    if options.json:
        print(json.dumps(_as_json(study, figures), default=str))
    else:
        _show(study, figures)
    return ExitCode.DONE


def valid_line(path: Path, study: Study) -> str:
    """What ``aging validate`` says of a valid study."""
    from aging.core.format import readable_duration
    from aging.study.cells import cells_of

    cells = cells_of(study)
    counts = f"{_count(len(study.variants), 'combination')} × {_count(study.file.replicates, 'replicate')}"
    hours = readable_duration(sum(cell.seconds for cell in cells))
    return f"{path}: valid study: {counts} = {_count(len(cells), 'cell')}, {hours} on hosts in all"


def _as_json(study: Study, figures: StudyFigures) -> dict[str, Any]:
    return {
        "study": study.file.name,
        "cells": [
            {
                "name": cell.name,
                "variant": cell.variant,
                "replicate": cell.replicate,
                "levels": dict(cell.levels),
                "seconds": cell.seconds,
                "disk_bytes": figures.disk[cell.name],
            }
            for cell in figures.cells
        ],
        "least_hosts": figures.least_hosts,
        "most_hosts": figures.most_hosts,
        "host_hours": figures.cell_seconds / 3600,
        "at_most_more_host_hours": figures.at_most_more / 3600,
        "seconds_on_most_hosts": figures.seconds_on(figures.most_hosts),
        "disk_bytes": figures.disk_bytes,
        "input_bytes": figures.input_bytes,
    }


def _show(study: Study, figures: StudyFigures) -> None:
    from rich.table import Table

    from aging.core.format import byte_size, readable_duration

    out = console()
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("cell", "duration", "disk", *(("levels",) if study.file.matrix else ())):
        right = column in ("duration", "disk")
        grid.add_column(column, no_wrap=column != "levels", justify="right" if right else "left")
    for cell in figures.cells:
        levels = ", ".join(f"{path} = {level}" for path, level in cell.levels.items())
        row = (cell.name, readable_duration(cell.seconds), byte_size(figures.disk[cell.name]))
        grid.add_row(*row, *((levels,) if study.file.matrix else ()))
    out.print(grid)
    cells = _count(len(figures.cells), "cell")
    least, most = figures.least_hosts, figures.most_hosts
    some = f"{most}" if least == most else f"{least} to {most}"
    why = ", each replicate of a combination on another one" if study.file.hosts.apart and least > 1 else ""
    out.print(f"hosts: {some} for {cells}{why}", soft_wrap=True)
    more = f"; starting and settling add at most {readable_duration(figures.at_most_more)}"
    seconds = figures.cell_seconds
    total = f"host-minutes: {seconds / 60:.3g}" if seconds < 3600 else f"host-hours: {seconds / 3600:,.1f}"
    out.print(f"{total}{more}", soft_wrap=True)
    for hosts in dict.fromkeys((least, most)):
        took = readable_duration(figures.seconds_on(hosts))
        out.print(f"duration on {_count(hosts, 'host')}: at least {took}, if none is lost", soft_wrap=True)
    inputs = f", and {byte_size(figures.input_bytes)} of input files on every host" if figures.input_bytes else ""
    largest = byte_size(max(figures.disk.values()))
    out.print(
        f"disk: up to {largest} per cell × {cells} = {byte_size(figures.disk_bytes)} of results{inputs}", soft_wrap=True
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
