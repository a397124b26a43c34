"""What every rejuvenation of a campaign did: requests, times to first token, memory; and what was not carried out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aging.core.format import utc
from aging.core.metrics import DEVICE_MEMORY, PRIMARY
from aging.findings.indicator_analysis import IndicatorAnalysis
from aging.findings.load_gaps import LoadGap, load_gaps
from aging.findings.rejuvenation.levels import Levels, Neighbors, Rates, change, rates_of
from aging.findings.rejuvenation.requests import NO_RECORD, Reach, Requests
from aging.findings.rejuvenation.spans import Span, spans_of
from aging.findings.rejuvenation.steadiness import steady_after
from aging.findings.rejuvenation.tables import label, policy, table_of
from aging.findings.series import Measured, device_samples
from aging.findings.types import RejuvenationEffect
from aging.store.results import Results

AROUND_SECONDS = 300.0
"""Times to first token before and after a rejuvenation are of at most this long."""

_COLUMNS = ("index", "scheduled", "sent", "finished", "first_token", "last_token", "output_tokens", "status")
_MORE = ("output_tokens_asked", "streaming", "held", "failure", "fault", "options")


def effects_of(measured: Measured, analyzed: Sequence[IndicatorAnalysis]) -> list[RejuvenationEffect]:
    """Every rejuvenation, by deployment in the campaign's order, replica and time."""
    results = measured.results
    return [
        effect
        for deployment in results.deployments
        for replica in results.replicas(deployment)
        for effect in _effects(results, deployment, replica, analyzed)
    ]


def requests_of(results: Results, deployment: str, replica: int) -> Requests:
    """The request records of a run."""
    return Requests.of(results.requests(deployment, replica, columns=(*_COLUMNS, *_MORE)))


def spans_with_ends(results: Results, deployment: str, replica: int) -> list[tuple[Span, float]]:
    """The rejuvenations of a run with their ends; one without an end lasts until the next or the end of the run."""
    spans = spans_of(results.events_of(deployment, replica))
    if not spans:
        return []
    run = results.state.runs[deployment, replica]
    ends = [run.load_end, run.died, None if results.state.last is None else results.state.last.mono]
    last = next((end for end in ends if end is not None and end >= spans[-1].begin), spans[-1].begin)
    following = [*(span.begin for span in spans[1:]), last]
    return [(span, after if span.end is None else span.end) for span, after in zip(spans, following, strict=True)]


@dataclass(frozen=True, slots=True)
class _Run:
    """What is known of one run. ``origin`` is the start of its load, ``over``: its load has ended."""

    deployment: str
    replica: int
    origin: float | None
    over: bool
    table: Mapping[str, Any] | None
    requests: Requests
    levels: Sequence[Levels]
    rates: Rates
    gaps: Sequence[LoadGap]


def _effects(
    results: Results, deployment: str, replica: int, analyzed: Sequence[IndicatorAnalysis]
) -> Iterator[RejuvenationEffect]:
    spans = spans_with_ends(results, deployment, replica)
    if not spans:
        return
    state = results.state.runs[deployment, replica]
    run = _Run(
        deployment=deployment,
        replica=replica,
        origin=state.load_start,
        over=state.load_end is not None,
        table=table_of(results.manifest, deployment),
        requests=requests_of(results, deployment, replica),
        levels=list(_levels(results, deployment, replica)),
        rates=rates_of(analyzed, deployment, replica),
        gaps=load_gaps(results, deployment, replica),
    )
    since, told = -math.inf, frozenset[int]()  # the end of the one before; the missing requests of those before
    for (span, end), until in zip(spans, [*(one.begin for one, _ in spans[1:]), math.inf], strict=True):
        reach = run.requests.reach(span.begin, end, until)
        missing = run.requests.without_record(reach) - told if run.over else frozenset()
        yield _effect(run, span, reach, (since, until), len(missing))
        since, told = reach.drained, told | missing


def _effect(run: _Run, span: Span, reach: Reach, between: tuple[float, float], missing: int) -> RejuvenationEffect:
    """One of them, ``between`` the end of the one before and the begin of the next; ``missing`` left no record."""
    (since, until), requests = between, run.requests
    places = requests.touched(reach, until)
    lost = dict(requests.lost(places, until))
    # The missing requests are those up to the next record, which may be one after a gap that began later.
    interrupted = any(gap.gone <= requests.next_due(reach) and gap.back >= reach.begin for gap in run.gaps)
    if missing and not interrupted:
        lost[NO_RECORD] = missing
    waits = requests.waits(places[requests.due[places] >= span.begin])  # others waited for the one before
    before = requests.between(max(span.begin - AROUND_SECONDS, since), span.begin)
    during = requests.between(span.begin, np.nextafter(reach.drained, np.inf))
    after = slice(during.stop, requests.between(0.0, min(reach.drained + AROUND_SECONDS, until)).stop)
    started = span.started
    around = Neighbors(since, span.begin, reach.end, until, started.generation, span.generation_after)
    return RejuvenationEffect(
        deployment=run.deployment,
        replica=run.replica,
        generation_before=started.generation,
        generation_after=span.generation_after,
        action=started.action,
        policy=started.policy or policy(run.table),
        table=label(run.table),
        reason=started.reason,
        numbers={} if span.decided is None else dict(span.decided.numbers),
        at_seconds=None if run.origin is None else round(span.begin - run.origin, 3),
        wall=utc(started.stamp.wall).isoformat(),
        seconds=span.seconds,
        stages=dict(span.stages),
        outcome=span.outcome,
        why=span.why,
        arrived=during.stop - during.start,
        lost=lost,
        unsent=missing if interrupted else 0,
        held=int(waits.size),
        held_median_seconds=_quantile(waits, 0.5),
        held_p99_seconds=_quantile(waits, 0.99),
        held_longest_seconds=_quantile(waits, 1.0),
        cut=max(span.cut, lost.get("cut", 0)),
        retried=0,
        duplicated=requests.duplicated(places),
        unavailable_seconds=unavailable(span, requests, reach),
        ttft_before=requests.first_tokens(before),
        ttft_during=requests.first_tokens(during),
        ttft_after=requests.first_tokens(after),
        steady_after_minutes=_steady(requests, before, reach, until),
        levels=tuple(change(one, around, run.rates) for one in run.levels),
    )


def unavailable(span: Span, requests: Requests, reach: Reach) -> float:
    """Seconds of a rejuvenation in which no new request was answered.

    Arrivals waited, every request failed, or, where no load process ran either, no server was ready.
    """
    return max(span.held_seconds, requests.failing_seconds(reach), span.down_seconds)


def _steady(requests: Requests, before: slice, reach: Reach, until: float) -> float | None:
    earlier = requests.ttft[before]
    following = requests.between(reach.begin, until)
    due, ttft = requests.due[following], requests.ttft[following]
    known = np.isfinite(ttft)
    seconds = steady_after(earlier[np.isfinite(earlier)], due[known], ttft[known], reach.end)
    return None if seconds is None else seconds / 60


def _levels(results: Results, deployment: str, replica: int) -> Iterator[Levels]:
    """Memory, device memory where there is any, and the indicator of the deployment's policy."""
    own = (table_of(results.manifest, deployment) or {}).get("indicator")
    tree = results.tree(deployment, replica)
    device = device_samples(results, deployment, replica)
    sources = [
        tree,
        device,
        results.tree(deployment, replica, "allocator"),
        results.samples(deployment, "engine", replica),
    ]
    for indicator in dict.fromkeys((PRIMARY, DEVICE_MEMORY, own)):
        if not isinstance(indicator, str) or indicator.endswith("_total"):
            continue
        rows = next((one for one in sources if indicator in one and one[indicator].notna().any()), None)
        if rows is None or (indicator == DEVICE_MEMORY and not (rows[indicator] > 0).any()):
            continue
        yield _level(rows, indicator)


def _level(rows: pd.DataFrame, indicator: str) -> Levels:
    known = rows[rows[indicator].notna()].sort_values("mono")
    t, y, generation = (known[name].to_numpy(dtype=np.float64) for name in ("mono", indicator, "generation"))
    return Levels(indicator, t, y, generation)


def _quantile(seconds: np.ndarray[tuple[int], np.dtype[np.float64]], q: float) -> float | None:
    return float(np.quantile(seconds, q)) if seconds.size else None
