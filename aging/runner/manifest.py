"""Writes the manifest: what was measured, with which versions, on which host."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aging
from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign, LoadTable
from aging.core.checkout import Checkout as FoundCheckout
from aging.core.checkout import checkout_of
from aging.core.endpoint import Endpoint
from aging.core.errors import writing
from aging.core.machine import installed_packages, machine
from aging.deployments.base import DeploymentBase
from aging.sampling.nvml_library import why_missing
from aging.store.manifest import (
    Analysis,
    CampaignSettings,
    Checkout,
    Host,
    KnownAgeing,
    Load,
    Manifest,
    ManifestDeployment,
    Treatment,
)
from aging.store.manifest_file import SCHEMA

if TYPE_CHECKING:
    from aging.load.schedule.input_files import Input


def manifest(campaign: Campaign, deployments: Sequence[DeploymentBase[Any]], files: Sequence[Input]) -> Manifest:
    """The manifest of a campaign that is about to start; ``files`` are the inputs of its load."""
    made = circumstances(campaign, [_deployment(deployment, campaign) for deployment in deployments], files)
    found = {
        "schedule_hashes": schedule_hashes(campaign),
        "git": _checkout(checkout_of(Path(aging.__file__))),
        "packages": installed_packages(),
    }
    return made.model_copy(update=found)


def circumstances(campaign: Campaign, deployments: Sequence[ManifestDeployment], files: Sequence[Input]) -> Manifest:
    """The manifest as far as it is known without a look at the load's requests, at git and at installed packages."""
    return Manifest(
        schema=SCHEMA,
        aging_version=version("llm-aging"),
        command_line=sys.argv,
        python=platform.python_version(),
        campaign=_settings(campaign),
        experiment=_experiment(campaign),
        seed=campaign.seed,
        schedule_hashes={},
        load_files=[file.manifest_entry() for file in files],
        deployments=deployments,
        host=Host.model_validate(machine()),
        devices=_devices(),
        packages={},
    )


def _devices() -> list[dict[str, Any]]:
    if why_missing() is not None:
        return []
    from aging.sampling.nvml.identity import devices  # noqa: PLC0415 - 3 MB, where there is a device

    return devices()


def _settings(campaign: Campaign) -> CampaignSettings:
    """The campaign with all defaults filled in."""
    analysis = campaign.analysis
    return CampaignSettings(
        name=campaign.name,
        description=campaign.description,
        seed=campaign.seed,
        replicas=campaign.replicas,
        duration_seconds=campaign.duration,
        warmup_seconds=campaign.warmup,
        cooldown_seconds=campaign.cooldown,
        orphan_grace_seconds=campaign.orphan_grace,
        order=campaign.order,
        settle_seconds=campaign.settle,
        retries=campaign.retries,
        sanity_seconds=campaign.sanity,
        scale=campaign.scale,
        load=_load(campaign.load),
        sampling_seconds=dict(campaign.sampling),
        analysis=Analysis(
            grid_seconds=analysis.grid,
            q=analysis.q,
            test=analysis.test,
            horizon_seconds=analysis.horizon,
            memory_limit_bytes=analysis.memory_limit,
        ),
        validity=campaign.validity.model_dump(mode="json"),
        rejuvenation=[table.model_dump(mode="json") for table in campaign.rejuvenation],
    )


def schedule_hashes(campaign: Campaign) -> dict[str, str]:
    """The hash of the load of every run, by ``deployment/rNN``; equal for equal load. No load, no hash."""
    known: dict[tuple[str, float | None, int], str] = {}
    hashes = {}
    for planned_round in rounds(campaign):
        for run in planned_round:
            if run.load is None:
                continue
            key = (json.dumps(resolved_load(run.load)), run.options.rate, run.seed)
            if key not in known:
                from aging.load.schedule.classes import classes_of  # noqa: PLC0415 - numpy, where a load is sent
                from aging.load.schedule.schedule import schedule_hash  # noqa: PLC0415

                known[key] = schedule_hash(classes_of(run.load, run.options.rate), run.seed, campaign.duration)
            hashes[f"{run.options.name}/r{run.replica:02d}"] = known[key]
    return hashes


def write_manifest(content: Manifest, path: Path) -> None:
    """Write ``manifest.json``, whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(json.dumps(content.as_json(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


def _experiment(campaign: Campaign) -> dict[str, Any] | None:
    if not campaign.factors:
        return None
    return {"factors": {path: list(levels) for path, levels in campaign.factors.items()}} | campaign.design.model_dump(
        mode="json"
    )


def _treatment(campaign: Campaign, name: str) -> Treatment | None:
    """The treatment that a designed experiment gave a deployment."""
    treatment = campaign.treatments.get(name)
    if treatment is None:
        return None
    return Treatment(
        base=treatment.base,
        point=treatment.point,
        centre=treatment.centre,
        levels=dict(treatment.levels),
        load=_load(treatment.load),
    )


def resolved_load(load: LoadTable | None) -> dict[str, Any] | None:
    """A load with its defaults filled in."""
    return None if load is None else load.model_dump(mode="json", by_alias=True)


def _load(load: LoadTable | None) -> Load | None:
    return None if load is None else Load.model_validate(resolved_load(load))


def _deployment(deployment: DeploymentBase[Any], campaign: Campaign) -> ManifestDeployment:
    origin, known, served = deployment.origin(), deployment.known_aging(), deployment.provenance()
    ages = known and KnownAgeing(indicator=known.indicator, per_request=known.per_request, per_hour=known.per_hour)
    return ManifestDeployment(
        name=deployment.options.name,
        kind=deployment.kind,
        **origin.described(),
        model=deployment.model,
        endpoint=origin.endpoint and _address(origin.endpoint, campaign.load),
        options=deployment.options.model_dump(mode="json"),
        treatment=_treatment(campaign, deployment.options.name),
        known_ageing=ages,
        git=_checkout(served.checkout),
        python=served.python,
        packages=dict(served.packages),
    )


def _checkout(found: FoundCheckout | None) -> Checkout | None:
    if found is None:
        return None
    return Checkout(folder=str(found.folder), commit=found.commit, changed=found.changed)


def _address(endpoint: Endpoint, load: LoadTable | None) -> str:
    """Where requests are sent: plain ones have their own paths."""
    return endpoint.base_url if load is not None and load.plain else endpoint.base_url + endpoint.path
