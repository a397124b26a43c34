"""Variants side by side: what changing one level changes in the rates, with hosts paired where both ran on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from aging.findings.study.estimates import CURRENT, Group, Measured, Rated, mean_limits, observations, rated_cells
from aging.findings.study.types import RateDifference, RateName, VariantDifference
from aging.stats import hierarchical_fdr
from aging.stats.difference.uncertain import Uncertain, of_limits, pooled
from aging.stats.difference.welch import Difference, difference, itself
from aging.stats.host_effects import Observation, mean_over_hosts
from aging.study.cells import Cell

_FEWEST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class _Pair:
    key: str
    baseline: Cell
    other: Cell


@dataclass(frozen=True, slots=True)
class _Compared:
    """The difference in one rate, its limits where it has any, and on how many hosts both were measured."""

    value: float
    limits: tuple[float | None, float | None] | None
    p: float | None
    paired: int
    notes: tuple[str, ...]
    q: float | None = None


def differences(cells: Sequence[Cell], groups: Sequence[Group]) -> list[VariantDifference]:
    """Every level of every key against the first of its key, all other levels equal, in every indicator.

    The q are those of one hierarchical control a rate: pairs of variants first, then their indicators.
    """
    asked = [(pair, group) for pair in _pairs(cells) for group in groups]
    per_hour = _controlled(asked, None)
    others = {name: _controlled(asked, name) for name in get_args(RateName)}
    return [
        VariantDifference(
            key=pair.key,
            baseline_level=pair.baseline.levels[pair.key],
            other_level=pair.other.levels[pair.key],
            baseline=pair.baseline.variant,
            other=pair.other.variant,
            deployment=group.deployment,
            indicator=group.indicator,
            per_hour=found.value,
            ci_per_hour=found.limits,
            p=found.p,
            q=found.q,
            paired_hosts=found.paired,
            note_codes=found.notes,
            rates=[
                RateDifference(name, other.value, other.limits, other.p, other.q, other.paired, other.notes)
                for name, all_others in others.items()
                if (other := all_others[place]) is not None
            ],
        )
        for place, ((pair, group), found) in enumerate(zip(asked, per_hour, strict=True))
        if found is not None
    ]


def _controlled(asked: Sequence[tuple[_Pair, Group]], rate: RateName | None) -> list[_Compared | None]:
    """The differences in one rate with their q; None where one of both variants has no such rate with noise."""
    found = [_compared(pair, group, rate) for pair, group in asked]
    families: dict[str, list[int]] = {}
    for place, ((pair, _), one) in enumerate(zip(asked, found, strict=True)):
        if one is not None:
            families.setdefault(f"{pair.baseline.variant}\n{pair.other.variant}", []).append(place)
    p = {name: [one.p for place in places if (one := found[place]) is not None] for name, places in families.items()}
    adjusted = hierarchical_fdr(p) if p else {}
    for name, places in families.items():
        for place, q in zip(places, adjusted[name], strict=True):
            if (one := found[place]) is not None and not math.isnan(q):
                found[place] = replace(one, q=float(q))
    return found


def _pairs(cells: Sequence[Cell]) -> Iterator[_Pair]:
    variants = {cell.variant: cell for cell in reversed(cells)}
    ordered = [variants[name] for name in dict.fromkeys(cell.variant for cell in cells)]
    first: dict[str, Any] = {}
    for cell in ordered:
        for key, level in cell.levels.items():
            first.setdefault(key, level)
    for key, level in first.items():
        for other in ordered:
            if key not in other.levels or other.levels[key] == level:
                continue
            wanted: Mapping[str, Any] = {**other.levels, key: level}
            baseline = next((one for one in ordered if dict(one.levels) == wanted), None)
            if baseline is not None:
                yield _Pair(key, baseline, other)


def _compared(pair: _Pair, group: Group, rate: RateName | None) -> _Compared | None:
    """None where one of both has no rate with noise."""
    cells = [
        rated_cells([one for one in group.of(variant) if one.voting], rate)
        for variant in (pair.baseline.variant, pair.other.variant)
    ]
    first, second = map(observations, cells)
    if not first or not second:
        return None
    mine, theirs = ({one.host for one in ones} for ones in (first, second))
    shared = sorted(mine & theirs)
    partly = bool(shared) and mine != theirs
    notes = ["hosts_partly_shared"] if partly else []
    found: Difference | None = None
    paired = len(shared) if not partly or len(shared) >= _FEWEST_PAIRS else 0
    if paired:
        own = [difference(_on(first, host), _on(second, host)) for host in shared]
        found = itself(pooled([of_limits(one.value, one.low, one.high, one.freedom) for one in own]))
        notes += ["one_host"] if paired == 1 else []
    elif min(len(mine), len(theirs)) == 1:
        notes.append("host_confounded")
    else:
        found = difference(_over_hosts(first), _over_hosts(second))
    if found is None:
        apart = _over_hosts(second).value - _over_hosts(first).value
        return _Compared(apart, None, None, paired, tuple(notes))
    if rate in CURRENT:
        compared = [[one for one in ones if not paired or one[0].estimate.host in shared] for ones in cells]
        found = _with_allowances(found, compared, rate)
    limits = _finite(found.low), _finite(found.high)
    return _Compared(found.value, limits, None if rate in CURRENT else found.p, paired, tuple(notes))


def _with_allowances(
    found: Difference, compared: Sequence[Sequence[tuple[Measured, Rated]]], rate: RateName | None
) -> Difference:
    """The limits no closer than those of both means, whose allowances for what is left of a warm-up may not cancel."""
    (low, high), (other_low, other_high) = (
        mean_limits(ones, mean_over_hosts(observations(ones)), rate) for ones in compared
    )
    return replace(found, low=min(found.low, other_low - high), high=max(found.high, other_high - low))


def _on(seen: Sequence[Observation], host: str) -> Uncertain:
    return _over_hosts([one for one in seen if one.host == host])


def _over_hosts(seen: Sequence[Observation]) -> Uncertain:
    mean = mean_over_hosts(seen)
    return Uncertain(mean.rate, mean.error, mean.error, mean.freedom)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
