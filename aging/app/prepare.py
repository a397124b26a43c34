"""From a campaign file to a result directory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from aging.app.calibration_file import require_calibration
from aging.campaign.load import CampaignText, parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import writing
from aging.core.format import folder_name
from aging.core.parts import CAMPAIGN, REPORT
from aging.core.records import HARNESS
from aging.deployments.base import DeploymentBase
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest, write_manifest
from aging.runner.preflight import check, notes, resolve_deployments
from aging.runner.stop import reap
from aging.store.layout import Layout
from aging.store.manifest import Manifest

if TYPE_CHECKING:
    from aging.load.schedule.input_files import Input


@dataclass(frozen=True, slots=True)
class PreparedCampaign:
    """A campaign that passed its checks, with its plug-ins and input files."""

    campaign: Campaign
    deployments: Sequence[DeploymentBase[Any]]
    catalogue: Catalogue
    files: Sequence[Input]

    def manifest(self) -> Manifest:
        """Its manifest."""
        return manifest(self.campaign, self.deployments, self.files)


def prepare_campaign(
    campaign_text: CampaignText, results: Path, overrides: Mapping[str, Any], console: Console
) -> PreparedCampaign:
    """Read and check a campaign.

    Processes that killed runners left are ended first, and printed, unless the campaign only watches.

    Raises CampaignError, or PreflightError if the campaign cannot start now.
    """
    catalogue = Catalogue.discovered()
    source = campaign_text.source
    campaign, files = _with_inputs(parse_campaign(campaign_text.text, catalogue.kinds(), source, **overrides), source)
    require_parts(campaign, source, console)
    if not _only_watches(campaign):
        for message in reap():
            console.print(message, highlight=False, soft_wrap=True)
    check(campaign, catalogue, results, source=source)
    require_calibration(campaign, source)
    return PreparedCampaign(campaign, resolve_deployments(campaign, catalogue), catalogue, files)


def require_parts(campaign: Campaign, source: str, console: Console) -> None:
    """Raise MissingPartError for what a campaign would lack only at its end; print what an observation goes without."""
    if not _only_watches(campaign):
        CAMPAIGN.require(source)
    elif missing := REPORT.missing():
        text = f"note: no report.html without {' and '.join(missing)}: {REPORT.command}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _only_watches(campaign: Campaign) -> bool:
    return campaign.load is None and not any(options.owned for options in campaign.deployment)


def _with_inputs(campaign: Campaign, source: str) -> tuple[Campaign, Sequence[Input]]:
    """The campaign with what is read from the files of its load. Raises CampaignError."""
    if campaign.load is None:
        return campaign, ()
    from aging.load.schedule.input_files import read_inputs  # noqa: PLC0415 - numpy, where a load is sent

    inputs = read_inputs(campaign, source)
    return inputs.campaign, inputs.files


def print_notes(prepared: PreparedCampaign, console: Console) -> None:
    """Print the input files of a campaign and what to know before it starts."""
    for file in prepared.files:
        console.print(f"{file.where}: {file.summary}", highlight=False, markup=False, soft_wrap=True)
    for note in notes(prepared.campaign, prepared.deployments):
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def make_result_directory(
    campaign: Campaign, content: Manifest, text: str, results: Path, directory: Path | None = None
) -> Layout:
    """Make a result directory with the campaign file's text verbatim and this content of the manifest.

    It is a new one below ``results``, or this ``directory``, which must not exist.
    """
    file = text.encode("utf-8")
    content = content.model_copy(update={"campaign_sha256": sha256(file).hexdigest()})
    with writing(directory or results / campaign.name):
        if directory is None:
            directory = new_folder(results / campaign.name, time.time())
        else:
            directory.mkdir()
        layout = Layout(directory)
        layout.run(HARNESS).mkdir(parents=True)
        layout.campaign.write_bytes(file)
        write_manifest(content, layout.manifest)
        if campaign.load is not None:
            from aging.app.bodies import keep_bodies  # noqa: PLC0415 - numpy, where a load is sent

            keep_bodies(campaign, layout)
    return layout


def new_folder(parent: Path, wall: float) -> Path:
    """A new folder, also if another campaign starts in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    for part in count(1):
        folder = parent / (folder_name(wall) if part == 1 else f"{folder_name(wall)}-{part}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("unreachable: count() does not end")
