"""From a campaign file to a result directory that is ready to run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.calibration_file import require_calibration
from aging.campaign.load import CampaignText, parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import writing
from aging.core.format import folder_name
from aging.core.records import HARNESS
from aging.deployments.base import DeploymentBase
from aging.load.schedule.input_files import Input, read_inputs
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest, write_manifest
from aging.runner.preflight import check, notes, placed
from aging.runner.stop import reap
from aging.store.layout import Layout
from aging.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PreparedCampaign:
    """A campaign that could start now."""

    campaign: Campaign
    deployments: Sequence[DeploymentBase[Any]]
    catalogue: Catalogue
    files: Sequence[Input]


def prepare_campaign(
    written: CampaignText, results: Path, overrides: Mapping[str, Any], console: Console
) -> PreparedCampaign:
    catalogue = Catalogue.discovered()
    inputs = read_inputs(parse_campaign(written.text, catalogue.kinds(), written.source, **overrides), written.source)
    for told in reap():
        console.print(told, highlight=False, soft_wrap=True)
    check(inputs.campaign, catalogue, results, source=written.source)
    require_calibration(inputs.campaign, written.source)
    return PreparedCampaign(inputs.campaign, placed(inputs.campaign, catalogue), catalogue, inputs.files)


def make_result_directory(planned: PreparedCampaign, written: CampaignText, results: Path, console: Console) -> Layout:
    """The result directory of a campaign that is about to start; what is worth a note before it does is told."""
    content = manifest(planned.campaign, planned.deployments, planned.files)
    layout = prepare(planned.campaign, content, written.text, results)
    for file in planned.files:
        console.print(f"{file.where}: {file.told}", highlight=False, markup=False, soft_wrap=True)
    for note in notes(planned.campaign, planned.deployments):
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    return layout


def prepare(campaign: Campaign, content: Manifest, text: str, results: Path) -> Layout:
    """Make the result directory with the campaign file's text verbatim and the manifest's content."""
    with writing(results / campaign.name):
        layout = Layout(_new_folder(results / campaign.name, time.time()))
        layout.run(HARNESS).mkdir(parents=True)
        layout.campaign.write_bytes(text.encode("utf-8"))
        write_manifest(content, layout.manifest)
    return layout


def _new_folder(parent: Path, wall: float) -> Path:
    """A folder that this call has made, also where another campaign starts in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    for part in count(1):
        folder = parent / (folder_name(wall) if part == 1 else f"{folder_name(wall)}-{part}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("there are endless names")
