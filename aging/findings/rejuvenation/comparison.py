"""Policies compared: what each deployment's policy cost and brought, under the campaign's load."""

from __future__ import annotations

import math

import numpy as np

from aging.core.metrics import PRIMARY
from aging.findings.rejuvenation.effects import requests_of, spans_with_ends, unavailable
from aging.findings.rejuvenation.requests import Requests
from aging.findings.rejuvenation.tables import label, policy, table_of
from aging.findings.series import Floats, Measured, Window
from aging.findings.types import PolicyResult
from aging.store.events import DeploymentDied, DeploymentReady
from aging.store.results import Results


def policies_of(measured: Measured) -> list[PolicyResult]:
    """Every deployment with its policy, where the campaign has at least two different ones; else empty.

    That no policy applies is a policy: ``none``.
    """
    manifest = measured.results.manifest
    deployments = measured.results.deployments
    if len({label(table_of(manifest, name)) for name in deployments}) < 2:
        return []
    return [found for name in deployments if (found := _result(measured, name)) is not None]


def _result(measured: Measured, deployment: str) -> PolicyResult | None:
    results = measured.results
    windows = {
        replica: window
        for replica in results.replicas(deployment)
        if (window := measured.windows.get((deployment, replica))) is not None
    }
    if not windows:
        return None
    table, made = table_of(results.manifest, deployment), results.manifest.deployment(deployment)
    requests = {replica: requests_of(results, deployment, replica) for replica in windows}
    spans = [span for replica in windows for span, _ in spans_with_ends(results, deployment, replica)]
    first = np.concatenate([one.ttft[np.isfinite(one.ttft)] for one in requests.values()])
    waits = np.concatenate([one.waits(np.arange(len(one))) for one in requests.values()])
    peaks = [peak for replica, one in windows.items() if (peak := _peak(results, deployment, replica, one)) is not None]
    return PolicyResult(
        deployment=deployment,
        policy=policy(table),
        table=label(table),
        base=None if made is None or made.treatment is None else made.treatment.base,
        replicas=len(windows),
        hours=sum(_planned(results, deployment, replica) for replica in windows) / 3600,
        rejuvenations=sum(span.outcome in ("helped", "unhelpful") for span in spans),
        failed=sum(span.outcome not in ("helped", "unhelpful") for span in spans),
        crashes=sum(len(deaths(results, deployment, replica)) for replica in windows),
        requests=sum(map(len, requests.values())),
        lost=sum(int((one.failed & one.expected).sum()) for one in requests.values()),
        held=sum(int(one.held.sum()) for one in requests.values()),
        held_longest_seconds=float(waits.max()) if waits.size else None,
        unavailable_seconds=sum(_unavailable(results, deployment, replica, one) for replica, one in requests.items()),
        ttft_p50_seconds=_quantile(first, 0.5),
        ttft_p99_seconds=_quantile(first, 0.99),
        peak_bytes=max(peaks, default=None),
    )


def deaths(results: Results, deployment: str, replica: int) -> list[tuple[float, float]]:
    """When the server of a run died, and when the next one was ready or the load was to end; the part under load."""
    run = results.state.runs[deployment, replica]
    began, end = run.load_start or math.inf, run.planned_end or math.inf
    if results.state.ended is not None:
        end = min(end, results.state.ended.mono)
    found: list[tuple[float, float]] = []
    died: float | None = None
    for event in results.events_of(deployment, replica):
        match event:
            case DeploymentDied() if event.stamp.mono <= end and died is None:
                died = max(event.stamp.mono, began)  # before the first request, but after the start of the load was set
            case DeploymentReady() if died is not None:
                if event.stamp.mono > began:
                    found.append((died, min(event.stamp.mono, end)))
                died = None
    return found if died is None or math.isinf(began) else [*found, (died, end)]


def _unavailable(results: Results, deployment: str, replica: int, requests: Requests) -> float:
    """Seconds without an answer to a new request; those of rejuvenations and deaths that overlap count once."""
    dead = deaths(results, deployment, replica)
    stretches = list(dead)
    spans = spans_with_ends(results, deployment, replica)
    for place, (span, end) in enumerate(spans):
        following = spans[place + 1][0].begin if place + 1 < len(spans) else math.inf
        seconds = unavailable(span, requests, requests.reach(span.begin, end, following))
        stretches.append((end - seconds, end) if seconds else (end, end))
    total, until = 0.0, -math.inf
    for begin, end in sorted(stretches):
        total += max(end - max(begin, until), 0.0)
        until = max(until, end)
    return total


def _planned(results: Results, deployment: str, replica: int) -> float:
    return results.state.runs[deployment, replica].planned_seconds or 0.0


def _peak(results: Results, deployment: str, replica: int, window: Window) -> float | None:
    rows = results.tree(deployment, replica)
    if PRIMARY not in rows:
        return None
    known = rows[rows["mono"].between(window.load_start, window.load_end) & rows[PRIMARY].notna()]
    # While a successor starts, two generations are read at one tick.
    return float(known.groupby("mono")[PRIMARY].sum().max()) if len(known) else None


def _quantile(seconds: Floats, q: float) -> float | None:
    return float(np.quantile(seconds, q)) if seconds.size else None
