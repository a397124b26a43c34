"""Checks before a campaign starts: can this host run it?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.campaign.plan import rounds
from aging.campaign.rejuvenation import key_of, rejuvenated
from aging.campaign.schema import Campaign, DeploymentOptions, ModelTable, SubjectOptions
from aging.core import malloc_probe
from aging.core.errors import Mistake, PreflightError, writing
from aging.core.metric_table import METRICS
from aging.core.ports import port_taken
from aging.deployments.base import DeploymentBase, ModelFormat
from aging.deployments.models.cache import model_cache
from aging.deployments.models.presets import PRESETS, Preset
from aging.runner.catalogue import Catalogue
from aging.stats.series.lengths import LEAST_FOR_INTERVAL

_MIN_DISK_BYTES = 200 * 2**20


def resolve_model(table: ModelTable | None, model_format: ModelFormat, base: Path = Path()) -> str | None:
    """The model of a deployment that reads ``model_format``; a preset is generated on first use.

    A relative path starts at ``base``.
    """
    if table is None:
        return None
    if table.preset is not None:
        with writing(model_cache()):
            return str(_cached(model_format)(PRESETS[table.preset], model_cache()))
    return str((base / table.path).resolve()) if table.path is not None else table.hub


def _cached(model_format: ModelFormat) -> Callable[[Preset, Path], Path]:
    """What makes a model of a format; numpy is imported where one is made."""
    from aging.deployments.models.gguf import cached_gguf  # noqa: PLC0415
    from aging.deployments.models.huggingface import cached_folder  # noqa: PLC0415

    return cached_gguf if model_format == "gguf" else cached_folder


def resolve_deployments(campaign: Campaign, catalogue: Catalogue, base: Path = Path()) -> Sequence[DeploymentBase[Any]]:
    """The campaign's deployments, each with its model. Relative paths of the file start at ``base``."""
    kinds = [(options, catalogue.deployments[options.kind]) for options in campaign.deployment]
    return [kind(options, resolve_model(campaign.model, kind.model_format, base), base) for options, kind in kinds]


@dataclass(frozen=True, slots=True)
class Resumption:
    """A campaign that is resumed: relative paths start at ``base``, and only the deployments ``starting`` are started.

    ``leftover`` are the pids of its own processes, which are ended first or re-adopted: their ports are not in use.
    """

    base: Path
    starting: Collection[str]
    leftover: Collection[int]


def check(
    campaign: Campaign, catalogue: Catalogue, results: Path, source: str, resumed: Resumption | None = None
) -> None:
    """Raise :class:`PreflightError` with everything that prevents this host from running ``campaign`` now.

    If it is ``resumed``, only the deployments that are still to be started are checked.
    """
    folder, leftover = (Path(), frozenset[int]()) if resumed is None else (resumed.base, resumed.leftover)
    starting = [one for one in campaign.deployment if resumed is None or one.name in resumed.starting]
    mistakes = [
        *results_mistakes(results),
        *_model_mistakes(campaign, starting, catalogue, folder),
        *_unsampled(campaign, catalogue),
        *_missing_hooks(campaign, folder),
    ]
    reported: set[tuple[str, str]] = set()
    for options in starting:
        treatment = campaign.treatments.get(options.name)
        base = options.name if treatment is None else treatment.base
        for key, what in _deployment_mistakes(catalogue.deployments[options.kind](options, None, folder), leftover):
            if (base, what) not in reported:  # once for all points of a designed experiment
                mistakes.append(Mistake(f"deployment[{base}].{key}", what))
            reported.add((base, what))
    if mistakes:
        raise PreflightError(source, mistakes)


def notes(campaign: Campaign, deployments: Sequence[DeploymentBase[Any]]) -> list[str]:
    """Notes for the user before the campaign runs, one sentence each."""
    loads = {run.options.name: run.load for planned_round in rounds(campaign) for run in planned_round}
    found = [*_too_short(campaign), *_idle_tables(campaign)]
    if any(load is not None for load in loads.values()):
        from aging.runner.load_notes import load_notes  # noqa: PLC0415 - numpy, where a load is sent

        found += load_notes(campaign, deployments, {name: load for name, load in loads.items() if load is not None})
    return found


def _too_short(campaign: Campaign) -> Iterator[str]:
    window, grid = campaign.duration - (campaign.warmup or 0.0), campaign.analysis.grid
    if window < LEAST_FOR_INTERVAL * grid:
        yield (
            f"duration: {window:g} s after the warm-up are {int(window / grid)} points of analysis.grid = {grid:g} s; "
            f"a finding needs at least {LEAST_FOR_INTERVAL}. Increase duration, or reduce analysis.grid."
        )


def _idle_tables(campaign: Campaign) -> Iterator[str]:
    """Rejuvenation tables that do nothing: no deployment has them, or no generation gets as old as they wait."""
    used = {table.label for table in rejuvenated(campaign).values()}
    for table in campaign.rejuvenation:
        if table.label not in used:
            yield (
                f"rejuvenation: the table {table.label!r} applies to no deployment; name deployments in it, or choose "
                "it with a deployment's `rejuvenation` key."
            )
        elif table.shortest_life is not None and table.shortest_life >= campaign.duration:
            yield (
                f"rejuvenation.every: {table.shortest_life:g} s are not shorter than the duration of "
                f"{campaign.duration:g} s; a server that started with the campaign is not rejuvenated."
            )


def _unsampled(campaign: Campaign, catalogue: Catalogue) -> Iterator[Mistake]:
    """Indicators of rejuvenation policies that this host cannot sample."""
    sources = {metric.name: metric.source for metric in METRICS}
    used = {table.label for table in rejuvenated(campaign).values()}
    for table in (table for table in campaign.rejuvenation if table.label in used):
        for key, name in table.reads.items():
            sampler = catalogue.samplers.get(sources.get(name, ""))
            if sampler is not None and (why := sampler.unavailable()) is not None:
                what = f"{name} cannot be sampled on this host: {why}; choose another indicator, or policy"
                yield Mistake(key_of(table, key, alone=len(campaign.rejuvenation) == 1), what)


def _missing_hooks(campaign: Campaign, base: Path) -> Iterator[Mistake]:
    """Commands of `action = "external"` that this host does not have; a relative path starts at ``base``."""
    for table in {table.label: table for table in rejuvenated(campaign).values() if table.command}.values():
        program = table.command[0]
        if shutil.which(base / program if "/" in program else program) is None:
            what = f"there is no program {program!r} to run; write the path of one, or install it"
            yield Mistake(key_of(table, "command", alone=len(campaign.rejuvenation) == 1), what)


def _deployment_mistakes(deployment: DeploymentBase[Any], leftover: Collection[int]) -> Iterator[tuple[str, str]]:
    """The key of each mistake, and its message."""
    if missing := deployment.missing():
        yield deployment.essential_key, missing
    options = deployment.options
    if isinstance(options, DeploymentOptions) and options.allocator_probe and (problem := malloc_probe.missing()):
        yield "allocator_probe", problem
    if deployment.port is not None and (problem := port_taken(deployment.port, leftover)):
        yield "port", problem


def results_mistakes(results: Path) -> Iterator[Mistake]:
    """What prevents results from being written below this folder."""
    where = f"results directory {results}"
    existing = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    if not existing.is_dir():
        yield Mistake(where, f"{existing} is not a directory")
        return
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        yield Mistake(where, f"cannot be written to: {error.strerror}")
        return
    free = shutil.disk_usage(existing).free
    if free < _MIN_DISK_BYTES:
        yield Mistake(
            where, f"only {free / 2**20:.0f} MiB are free; at least {_MIN_DISK_BYTES / 2**20:.0f} MiB are needed"
        )


def _model_mistakes(
    campaign: Campaign, starting: Sequence[SubjectOptions], catalogue: Catalogue, base: Path
) -> Iterator[Mistake]:
    table = campaign.model
    if not starting:
        return
    if table is not None and table.path is not None and not (base / table.path).exists():
        yield Mistake("model.path", f"{table.path!r} does not exist; give an existing file or folder, or a `preset`")
    if table is None:
        for options in starting:
            if catalogue.deployments[options.kind].needs_model:
                yield Mistake("model", f"missing, and {options.name} ({options.kind}) needs it; add a [model] table")
                return
