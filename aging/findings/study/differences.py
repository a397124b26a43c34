"""Variants side by side: what changing one level changes in the rates, with hosts paired where both ran on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aging.findings.study.estimates import Group, observations
from aging.findings.study.types import VariantDifference
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


def differences(cells: Sequence[Cell], groups: Sequence[Group]) -> list[VariantDifference]:
    """Every level of every key against the first of its key, all other levels equal, in every indicator.

    The q are those of one hierarchical control: pairs of variants first, then their indicators.
    """
    pairs = list(_pairs(cells))
    found = {
        number: [one for group in groups if (one := _compared(pair, group)) is not None]
        for number, pair in enumerate(pairs)
    }
    families = {str(number): [one.p for one in ones] for number, ones in found.items() if ones}
    if not families:
        return []
    adjusted = hierarchical_fdr(families)
    return [
        replace(one, q=None if math.isnan(q) else float(q))
        for number, ones in found.items()
        if ones
        for one, q in zip(ones, adjusted[str(number)], strict=True)
    ]


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


def _compared(pair: _Pair, group: Group) -> VariantDifference | None:
    """None where one of both has no rate with noise."""
    first, second = (
        observations([one for one in group.of(variant) if one.voting])
        for variant in (pair.baseline.variant, pair.other.variant)
    )
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
    apart = _over_hosts(second).value - _over_hosts(first).value
    return VariantDifference(
        key=pair.key,
        baseline_level=pair.baseline.levels[pair.key],
        other_level=pair.other.levels[pair.key],
        baseline=pair.baseline.variant,
        other=pair.other.variant,
        deployment=group.deployment,
        indicator=group.indicator,
        per_hour=apart if found is None else found.value,
        ci_per_hour=None if found is None else (_finite(found.low), _finite(found.high)),
        p=None if found is None else found.p,
        q=None,
        paired_hosts=paired,
        note_codes=tuple(notes),
    )


def _on(seen: Sequence[Observation], host: str) -> Uncertain:
    return _over_hosts([one for one in seen if one.host == host])


def _over_hosts(seen: Sequence[Observation]) -> Uncertain:
    mean = mean_over_hosts(seen)
    return Uncertain(mean.rate, mean.error, mean.error, mean.freedom)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
