"""From result directories to a comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from aging.core.errors import Mistake
from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.findings.comparison.growth import growth, only_on_one_side
from aging.findings.comparison.host_load import APART, waiting_shares
from aging.findings.comparison.levels import levels
from aging.findings.comparison.matching import AS_GIVEN, Asked, facing, refused, sources, unmatched
from aging.findings.comparison.mismatches import Mismatch, mismatches, refusal, what_differs
from aging.findings.comparison.quantity import Quantity
from aging.findings.comparison.served import served
from aging.findings.comparison.side import Facing, Source
from aging.findings.comparison.types import (
    RATES,
    SCHEMA,
    Comparison,
    Difference,
    DifferenceVerdict,
    Estimated,
    Match,
    Measurement,
    Remark,
)
from aging.stats import hierarchical_fdr, minimum_detectable
from aging.stats.difference.uncertain import Uncertain
from aging.stats.trend_tests.base import TrendTest
from aging.store.results import Results

_SHORTENED = 0.05
_MOST_NAMES = 6


def compare(results: Sequence[Results], tests: Mapping[str, TrendTest], asked: Asked = AS_GIVEN) -> Comparison:
    """Compare result directories with the first of them, or deployments of one directory with the first named.

    ``tests`` are the trend tests of the findings, by kind. The campaigns are independent, so the variances of two
    estimates add up, with Satterthwaite's degrees of freedom; deployments that ran side by side are paired. All
    differences are under one false-discovery control: families (memory and processes, requests, the engine's metrics,
    of each match) first, then the members of those that are selected (Benjamini and Bogomolov 2014).

    Raises MistakesError with everything that was asked for wrongly, or that makes the measurements incomparable.
    """
    found = sources(results, tests)
    faced = facing(found, asked)
    allowed = _checked(faced, asked)
    level = asked.fdr if asked.fdr is not None else found[0].results.manifest.campaign.analysis.q
    quantities = {place: [*growth(one), *served(one), *levels(one)] for place, one in enumerate(faced)}
    _require_common(faced, quantities)
    matches = [_match(one) for one in faced]
    return Comparison(
        schema=SCHEMA,
        fdr=level,
        measurements=_measurements(found, faced),
        matches=matches,
        what_differs=what_differs(found, faced),
        differences=judged(faced, quantities, level),
        remarks=[*_remarks(found, faced, matches, quantities), *_allowed(allowed)],
    )


def _checked(faced: Sequence[Facing], asked: Asked) -> list[tuple[Facing, list[Mismatch]]]:
    """Raise what is not allowed; return what is."""
    mistakes: list[Mistake] = []
    found = [(one, mismatches(one)) for one in faced]
    for one in faced:
        for side in dict.fromkeys((one.baseline, one.other)):
            if not side.windows:
                reasons = " ".join(reason for run in side.broken for reason in run.reasons)
                why = f"every run is broken: {reasons}" if side.broken else "its load has not begun."
                what = f"{why} Nothing of it can be compared."
                mistakes.append(Mistake(f"{side.source.label}: {side.name}", what))
    mistakes += refusal([(one, [each for each in keys if each.kind not in asked.allowed]) for one, keys in found])
    if mistakes:
        raise refused(mistakes)
    return [(one, [each for each in keys if each.kind in asked.allowed]) for one, keys in found]


def _require_common(faced: Sequence[Facing], quantities: Mapping[int, Sequence[Quantity]]) -> None:
    mistakes = [
        Mistake(
            f"{one.other.source.label}: {one.other.name}",
            f"has no indicator in common with {one.baseline.name} of {one.baseline.source.label} for which both have "
            "the 12 cells of the grid that a rate needs; measure longer, or with the same samplers",
        )
        for place, one in enumerate(faced)
        if not quantities[place]
    ]
    if mistakes:
        raise refused(mistakes)


def _measurements(found: Sequence[Source], faced: Sequence[Facing]) -> list[Measurement]:
    if len(found) > 1:
        return [one.measurement() for one in found]
    return [found[0].measurement(side.name) for side in (faced[0].baseline, *(one.other for one in faced))]


def _match(faced: Facing) -> Match:
    begin, end = faced.span
    runs = len(faced.baseline.windows), len(faced.other.windows)
    return Match(faced.baseline.name, faced.other.name, faced.place, begin, end, runs, faced.paired)


def judged(faced: Sequence[Facing], quantities: Mapping[int, Sequence[Quantity]], level: float) -> list[Difference]:
    """The quantities of every match, by its place, with verdicts under one control of false discoveries."""
    every = [(place, one) for place, group in quantities.items() for one in group]
    families: dict[str, list[int]] = {}
    for index, (place, one) in enumerate(every):
        families.setdefault(f"{place}/{one.family}", []).append(index)
    p = [None if one.difference is None else one.difference.p for _, one in every]
    adjusted: list[float | None] = [None] * len(every)
    for name, values in hierarchical_fdr({key: [p[i] for i in at] for key, at in families.items()}).items():
        for index, value in zip(families[name], values, strict=True):
            adjusted[index] = float(value) if math.isfinite(value) else None
    return [_difference(faced[at], at, one, q, level) for (at, one), q in zip(every, adjusted, strict=True)]


def _difference(faced: Facing, place: int, one: Quantity, q: float | None, level: float) -> Difference:
    found = one.difference
    value = one.other.value - one.baseline.value if found is None else found.value
    verdict: DifferenceVerdict = "not judged" if found is None else "no difference shown"
    if q is not None and q <= level and abs(value) >= one.relevant:
        more, less = ("faster", "slower") if one.statistic in RATES else ("higher", "lower")
        verdict = more if value > 0 else less  # type: ignore[assignment]
    shown = verdict not in ("not judged", "no difference shown")
    margin = None if found is None else max(found.high - found.value, found.value - found.low)
    smallest = None if margin is None or not math.isfinite(margin) else max(minimum_detectable(margin), one.relevant)
    return Difference(
        match=place,
        family=one.family,
        indicator=one.indicator,
        statistic=one.statistic,
        baseline=_estimated(one.baseline, _growth(faced.baseline.source, faced.baseline.name, one)),
        other=_estimated(one.other, _growth(faced.other.source, faced.other.name, one)),
        value=value,
        low=None if found is None else _finite(found.low),
        high=None if found is None else _finite(found.high),
        relative=value / abs(one.baseline.value) if one.baseline.value else None,
        p=None if found is None else found.p,
        q=q,
        verdict=verdict,
        worse=bool((value > 0) == one.more_is_worse) if shown else None,
        smallest=smallest,
        relevant=one.relevant,
    )


def _growth(source: Source, name: str, one: Quantity) -> str | None:
    return source.verdicts.get((name, one.indicator)) if one.statistic in RATES else None


def _estimated(one: Uncertain, growth_verdict: str | None) -> Estimated:
    low, high = one.limits()
    return Estimated(one.value, _finite(low), _finite(high), growth_verdict)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _remarks(
    found: Sequence[Source],
    faced: Sequence[Facing],
    matches: Sequence[Match],
    quantities: Mapping[int, Sequence[Quantity]],
) -> Iterator[Remark]:
    for source in found:
        if source.running:
            text = f"{source.label} has no recorded end: it is compared as far as it was sampled."
            yield Remark("running", text, warning=True)
    yield from _problems(found, faced)
    for side in dict.fromkeys(side for one in faced for side in (one.baseline, one.other)):
        for run in side.broken:
            text = f"{side.source.label}: replica {run.replica} of {side.name} is broken and left out: "
            yield Remark("run_broken", text + " ".join(run.reasons), warning=True)
    for one, match in zip(faced, matches, strict=True):
        longest = max(
            window.load_end - window.load_start - window.warmup
            for side in (one.baseline, one.other)
            for window in side.windows.values()
        )
        seconds = match.end_seconds - match.begin_seconds
        if seconds < (1 - _SHORTENED) * longest:
            text = (
                f"{one.other.name} of {one.other.source.label}: judged from {match.begin_seconds:.0f} s to "
                f"{match.end_seconds:.0f} s of load, {readable_duration(seconds)} that all runs have, of "
                f"{readable_duration(longest)} that the longest has."
            )
            yield Remark("shortened", text, warning=True)
        if (alone := only_on_one_side(one)) and len(found) > 1:
            names = ", ".join(alone[:_MOST_NAMES]) + (
                f" and {len(alone) - _MOST_NAMES} more" if alone[_MOST_NAMES:] else ""
            )
            yield Remark("indicator_missing", f"{one.other.name}: only one side has {names}.")
    yield from _busier(faced)
    if any(1 in match.runs for match in matches):
        yield Remark(
            "one_run",
            "One run on a side: the intervals hold what varies within a run. What varies from run to run (the start of "
            "the server, the neighbors on the host) is not in them; replicas = 5 measures it.",
        )
    if not any(one.indicator == PRIMARY for group in quantities.values() for one in group):
        yield Remark("no_memory", f"Neither memory ({PRIMARY}) of a deployment could be compared.", warning=True)
    left = unmatched(found, faced)
    if left and len(found) > 1:
        shown = ", ".join(f"{name} of {label}" for label, name in left[:_MOST_NAMES])
        more = f" and {len(left) - _MOST_NAMES} more" if left[_MOST_NAMES:] else ""
        yield Remark("unmatched", f"Without a counterpart, and not compared: {shown}{more}.")


def _problems(found: Sequence[Source], faced: Sequence[Facing]) -> Iterator[Remark]:
    """The faults of the measurements of what is compared, by kind: they weaken the differences as well."""
    compared = {(side.source.label, side.name) for one in faced for side in (one.baseline, one.other)}
    for source in found:
        own = [one for one in source.findings.problems if (source.label, one.deployment or "") in compared]
        own += [one for one in source.findings.problems if one.deployment is None]
        if own:
            kinds = Counter(one.kind for one in own)
            listed = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in kinds.most_common())
            text = f"{source.label} has problems of the measurement: {listed}. Its report shows them."
            yield Remark("problems", text, warning=True)


def _busier(faced: Sequence[Facing]) -> Iterator[Remark]:
    seen = set()
    for one in faced:
        shares = waiting_shares(one)
        if shares is not None and one.place not in seen:
            seen.add(one.place)
            first, second = (f"{100 * part:.0f} %" for part in shares)
            how = "not equally busy" if abs(shares[0] - shares[1]) >= APART else "busy on both sides"
            text = (
                f"The host was {how}: a task waited for a CPU {first} of the time in "
                f"{one.baseline.source.label} and {second} in {one.other.source.label}. Differences of latency may "
                "come from that."
            )
            yield Remark("host_busier", text, warning=True)


def _allowed(allowed: Sequence[tuple[Facing, Sequence[Mismatch]]]) -> Iterator[Remark]:
    kinds: dict[str, dict[str, None]] = {}
    for _, found in allowed:
        for one in found:
            kinds.setdefault(one.kind, {})[one.key] = None
    for kind, keys in kinds.items():
        text = f"Not measured alike: {', '.join(keys)}. A difference may come from that (--allow {kind})."
        yield Remark(f"allowed_{kind}", text, warning=True)
