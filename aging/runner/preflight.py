"""Before anything is started: can this host run this campaign, and is it fit to measure on?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.campaign.errors import suggestion
from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign, DeploymentOptions, LoadTable, ModelTable, SubjectOptions
from aging.core import malloc_probe
from aging.core.errors import Mistake, PreflightError, writing
from aging.core.metrics import indicators
from aging.core.ports import port_taken
from aging.deployments.base import DeploymentBase, ModelFormat
from aging.deployments.models.cache import model_cache
from aging.deployments.models.gguf import PRESETS, Preset, cached_gguf
from aging.deployments.models.huggingface import cached_folder
from aging.load.requests.bodies import left_out
from aging.load.schedule.classes import classes_of
from aging.runner.catalogue import Catalogue
from aging.stats.series.validation import LEAST_FOR_INTERVAL

_CACHED: Mapping[ModelFormat, Callable[[Preset, Path], Path]] = {"gguf": cached_gguf, "huggingface": cached_folder}

CLIENT_REQUESTS_PER_SECOND = 700
"""What one load process can send, streams of 16 tokens, at 70 % of a core: 1 ms a request (``docs/measurement.md``)."""

_LEAST_DISK_BYTES = 200 * 2**20
_COMFORTABLE_DISK_BYTES = 5 * 2**30
_COMFORTABLE_OPEN_FILES = 4096


def resolve_model(table: ModelTable | None, model_format: ModelFormat, base: Path = Path()) -> str | None:
    """What a deployment that reads ``model_format`` is to serve; a preset is made on first use.

    A relative path begins at ``base``.
    """
    if table is None:
        return None
    if table.preset is not None:
        with writing(model_cache()):
            return str(_CACHED[model_format](PRESETS[table.preset], model_cache()))
    return str((base / table.path).resolve()) if table.path is not None else table.hub


def placed(campaign: Campaign, catalogue: Catalogue, base: Path = Path()) -> Sequence[DeploymentBase[Any]]:
    """The campaign's deployments, each with the model that it serves. Relative paths of the file begin at ``base``."""
    kinds = [(options, catalogue.deployments[options.kind]) for options in campaign.deployment]
    return [kind(options, resolve_model(campaign.model, kind.model_format, base), base) for options, kind in kinds]


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is different where a campaign goes on: relative paths begin at ``base``, and only ``starting`` is started.

    ``ours`` are the processes that it has left: they are ended before, or are re-adopted, and in nobody's way.
    """

    base: Path
    starting: Collection[str]
    ours: Collection[int]


def check(
    campaign: Campaign, catalogue: Catalogue, results: Path, source: str, resumed: Resumption | None = None
) -> None:
    """Raise :class:`PreflightError` with everything that keeps this host from running ``campaign`` now.

    Of one that is ``resumed``, only what is still to be started counts.
    """
    folder, ours = (Path(), frozenset[int]()) if resumed is None else (resumed.base, resumed.ours)
    starting = [one for one in campaign.deployment if resumed is None or one.name in resumed.starting]
    mistakes = [*_results_mistakes(results), *_model_mistakes(campaign, starting, catalogue, folder)]
    told: set[tuple[str, str]] = set()
    for options in starting:
        treatment = campaign.treatments.get(options.name)
        base = options.name if treatment is None else treatment.base
        for key, what in _deployment_mistakes(catalogue.deployments[options.kind](options, None, folder), ours):
            if (base, what) not in told:  # all points of a designed experiment would say the same
                mistakes.append(Mistake(f"deployment[{base}].{key}", what))
            told.add((base, what))
    if mistakes:
        raise PreflightError(source, mistakes)


def notes(campaign: Campaign, deployments: Sequence[DeploymentBase[Any]]) -> list[str]:
    """What a reader must know of this campaign before it runs, a sentence each."""
    loads = {run.options.name: run.load for together in rounds(campaign) for run in together}
    told = [*_too_short(campaign), *_never_read(campaign), *_left_out(loads, deployments)]
    for options in campaign.deployment:
        load = loads[options.name]
        if load is None:
            continue
        rate = sum(each.arrivals.mean_rate() for each in classes_of(load, options.rate))
        if rate > CLIENT_REQUESTS_PER_SECOND:
            told.append(
                f"{options.name}: {rate:,.0f} requests per second are more than a load process is known to send "
                f"({CLIENT_REQUESTS_PER_SECOND:,}); if it cannot, they are sent late, and the findings say so. "
                "Lower the rate, or --scale"
            )
    return told


def _too_short(campaign: Campaign) -> Iterator[str]:
    window, grid = campaign.duration - (campaign.warmup or 0.0), campaign.analysis.grid
    if window < LEAST_FOR_INTERVAL * grid:
        yield (
            f"after the warm-up {window:g} s are left: {int(window / grid)} points of the analysis' grid of {grid:g} "
            f"s; under {LEAST_FOR_INTERVAL} nothing is found. Let it run for longer, or set analysis.grid"
        )


def _never_read(campaign: Campaign) -> Iterator[str]:
    """An indicator that a rejuvenation waits for and that no finding knows: misspelt, or an engine's own."""
    waited_for = getattr(campaign.rejuvenation, "indicator", None)
    if waited_for is not None and waited_for not in (known := indicators()):
        yield f"rejuvenation.indicator: {waited_for!r} is none of those analysed; {suggestion(waited_for, known)}"


def _left_out(loads: Mapping[str, LoadTable | None], deployments: Sequence[DeploymentBase[Any]]) -> Iterator[str]:
    for deployment in deployments:
        endpoint, load = deployment.origin().endpoint, loads[deployment.options.name]
        missing = () if endpoint is None or load is None else left_out(endpoint, _wanted(load))
        if missing:
            what = "does not take it" if len(missing) == 1 else "does not take them"
            yield f"{deployment.options.name}: requests do not ask for {', '.join(missing)}: its server {what}"


def _wanted(load: LoadTable) -> set[str]:
    wanted = {
        name for each in classes_of(load) for name in type(each.options).model_fields if getattr(each.options, name)
    }
    return wanted | {"priority" for each in classes_of(load) if each.priority}


def _deployment_mistakes(deployment: DeploymentBase[Any], ours: Collection[int]) -> Iterator[tuple[str, str]]:
    """The key that each is about, and what is wrong."""
    if missing := deployment.missing():
        yield deployment.essential_key, missing
    options = deployment.options
    if isinstance(options, DeploymentOptions) and options.allocator_probe and (unmade := malloc_probe.missing()):
        yield "allocator_probe", unmade
    if deployment.port is not None and (taken := port_taken(deployment.port, ours)):
        yield "port", taken


def _results_mistakes(results: Path) -> Iterator[Mistake]:
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
    if free < _LEAST_DISK_BYTES:
        yield Mistake(
            where, f"only {free / 2**20:.0f} MiB are free; at least {_LEAST_DISK_BYTES / 2**20:.0f} are needed"
        )


def _model_mistakes(
    campaign: Campaign, starting: Sequence[SubjectOptions], catalogue: Catalogue, base: Path
) -> Iterator[Mistake]:
    table = campaign.model
    if not starting:
        return
    if table is not None and table.path is not None and not (base / table.path).exists():
        yield Mistake("model.path", f"there is no {table.path!r}; give an existing file or folder, or a `preset`")
    if table is None:
        for options in starting:
            if catalogue.deployments[options.kind].needs_model:
                yield Mistake(
                    "model", f"is missing, and {options.name} ({options.kind}) serves one; add a [model] table"
                )
                return
