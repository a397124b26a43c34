"""How long a gate must run to decide its limits: from a pilot, or from results that are there."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from aging.app.check import gate_of
from aging.campaign.load import CampaignText
from aging.check.conditions import Condition
from aging.check.gate import Gate
from aging.check.request import GateRequest, gate_for
from aging.core.errors import InconclusiveError
from aging.core.units import parse_warmup

if TYPE_CHECKING:
    from aging.check.judged_series import JudgedRun

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_HOUR = 3600.0
_FINEST_GRID = 1.0
_SUFFIX = ".pilot"
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class PlannedLimit:
    """``seconds`` of load that decide a ``limit``, in the condition's unit, with a probability of 80 %.

    Of a server that does not grow (green) and of one that leaks twice the limit (red): the longer of both.
    """

    limit: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ConditionPlan:
    """One condition on one deployment: limits around the one asked for, and the least that the budget decides.

    ``reason`` says why there is no plan; then there are no ``limits``.
    """

    deployment: str
    condition: Condition
    limits: Sequence[PlannedLimit] = ()
    least: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GatePlan:
    """The plan of a gate, from ``pilot`` seconds of load."""

    gate: Gate
    pilot: float
    conditions: Sequence[ConditionPlan]


def plan_campaign(campaign_text: CampaignText, request: GateRequest, seconds: float, console: Console) -> GatePlan:
    """Run the campaign for a pilot of ``seconds`` after its warm-up, and plan from what it shows.

    Raises what a gate raises before it starts, and InconclusiveError if the pilot measured nothing.
    """
    from aging.app.run import run_campaign  # noqa: PLC0415 - what runs a campaign, where one is run

    gate = gate_of(campaign_text, request)
    ran = run_campaign(campaign_text, request.results, _pilot(campaign_text, seconds, request.scale), console)
    return _planned(ran.layout.root, gate)


def plan_directory(root: Path, request: GateRequest) -> GatePlan:
    """Plan from the results of a campaign. Raises ResultsError, MistakesError for a wrong request."""
    from aging.app.judged import known_of  # noqa: PLC0415 - pandas
    from aging.store.results import open_results  # noqa: PLC0415

    return _planned(root, gate_for(request, known_of(root, open_results(root))))


def _pilot(campaign_text: CampaignText, seconds: float, scale: float | None) -> dict[str, Any]:
    """The keys of the campaign that a pilot replaces: it measures once, and its results have a folder of their own."""
    raw = tomllib.loads(campaign_text.text)
    warmup = parse_warmup(raw.get("warmup", "0s")) or 0.0
    return {
        "name": f"{raw['name'][: _LONGEST_NAME - len(_SUFFIX)]}{_SUFFIX}",
        "duration": f"{warmup + seconds:.3f}s",
        "scale": scale,
        "replicas": 1,
        "retries": 0,
        "sanity": "0s",
        "orphan_grace": "0s",
    }


def _planned(root: Path, gate: Gate) -> GatePlan:
    from aging.check.faults import server_failures  # noqa: PLC0415 - pandas, after the pilot
    from aging.check.judged_series import judged_runs  # noqa: PLC0415
    from aging.store.results import open_results  # noqa: PLC0415

    results = open_results(root)
    for failure in server_failures(results, gate.names):
        log = "".join(f"\n  | {line}" for line in failure.log)
        raise InconclusiveError(f"{root}: {failure.deployment}: {failure.code}: {failure.reason}{log}")
    wanted = {one.indicator for one in gate.conditions}
    runs = {name: judged_runs(results, name, wanted, _FINEST_GRID, math.inf) for name in gate.names}
    measured = [run.seconds for of in runs.values() for run in of]
    if not measured:
        raise InconclusiveError(f"{root}: nothing was measured, so there is nothing to plan from")
    conditions = [_condition_plan(gate, runs, name, one) for name in gate.deployments for one in gate.conditions]
    return GatePlan(gate, max(measured), conditions)


def _condition_plan(
    gate: Gate, runs: Mapping[str, Sequence[JudgedRun]], name: str, condition: Condition
) -> ConditionPlan:
    from aging.check.paired import difference  # noqa: PLC0415 - pandas, after the pilot
    from aging.core.metrics import resolution  # noqa: PLC0415
    from aging.stats import SeriesError  # noqa: PLC0415
    from aging.stats.rate_test import least_limit, required_seconds  # noqa: PLC0415

    if condition.quantity == "growth_total":
        return ConditionPlan(name, condition, reason="growth in all is judged at the end of the budget, however long")
    if not runs[name] or not (runs[gate.pairs[name]] if name in gate.pairs else True):
        return ConditionPlan(name, condition, reason="it was not measured")
    series = runs[name][0].series[condition.indicator]
    if name in gate.pairs:
        series = difference(series, runs[gate.pairs[name]][0].series[condition.indicator], condition.quantity)
    per_request = condition.quantity == "per_request"
    part = 1.0 if per_request else _HOUR
    work = (series.t * 0.0 if series.w is None else series.w) if per_request else None
    asked = condition.limit / 100 * series.level if condition.percent else condition.limit
    share = len(gate.conditions) * len(gate.deployments)
    errors = {
        "alpha": gate.alpha / share,
        "beta": gate.beta,
        "resolution": resolution(condition.indicator, series.level),
    }
    first = gate.looks[0]  # nothing is judged before it
    try:
        limits = [
            PlannedLimit(limit, max(required_seconds(series.t, series.y, work, limit / part, **errors).seconds, first))
            for limit in (factor * asked for factor in _FACTORS)
        ]
        least = least_limit(series.t, series.y, work, gate.budget, **errors) * part
    except SeriesError as error:
        return ConditionPlan(name, condition, reason=str(error))
    return ConditionPlan(name, condition, limits, least)
