"""A stored baseline: the rates of an earlier measurement with their own errors, and how it was made.

It is a result directory, the ``findings.json`` of one beside its manifest, or the small file of ``--save-baseline``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aging.check.stored_rate import StoredRate
from aging.core.errors import AgingError, Mistake, MistakeCode, MistakesError, ResultsError, writing
from aging.findings.comparability import Facts, differences, facts_of
from aging.findings.findings_file import read_findings
from aging.findings.gate import Quantity
from aging.findings.types import Finding, Findings
from aging.store.manifest import Manifest, read_manifest

SCHEMA = 1
_KIND = "aging-baseline"
_TAIL = 0.025
"""Of either side of the 95 % interval of a finding."""

_HOUR = 3600.0

Wanted = tuple[str, Quantity]
"""An indicator, and what of it is compared."""


@dataclass(frozen=True, slots=True)
class StoredBaseline:
    """Rates, and the facts that they depend on beside the server; ``what`` names it."""

    what: str
    facts: Facts
    rates: Sequence[StoredRate]

    def require(self, judged: Sequence[str], wanted: Collection[Wanted], here: Facts) -> None:
        """Raise MistakesError unless it was measured as ``here`` and has all rates that are ``wanted``."""
        known = {(one.deployment, one.indicator, one.quantity) for one in self.rates}
        names = sorted({one.deployment for one in self.rates})
        mistakes = [
            Mistake(f"deployment[{name}]", f"is not in it; it has {', '.join(names)}", MistakeCode.UNKNOWN_NAME)
            for name in judged
            if name not in names
        ]
        mistakes += [
            Mistake(f"deployment[{name}]", f"it has no {indicator}:{quantity}", MistakeCode.MISSING_KEY)
            for name in judged
            if name in names
            for indicator, quantity in wanted
            if (name, indicator, quantity) not in known
        ]
        mistakes += differences(self.facts, here)
        if mistakes:
            raise MistakesError(f"--baseline {self.what}: its rates cannot be compared", mistakes)


def read_baseline(
    path: Path, judged: Sequence[str], wanted: Collection[Wanted], alpha: float, beta: float
) -> StoredBaseline:
    """The stored baseline at a path. Its bounds are at the errors of the gate where they can be computed anew.

    Raises ResultsError for what is none, AgingError for a quantity that is not a rate.
    """
    totals = [indicator for indicator, quantity in wanted if quantity == "growth_total"]
    if totals:
        raise AgingError(
            f"--baseline {path}: {totals[0]}:growth_total grows with the time that is measured; compare both versions "
            "side by side: --baseline REVISION or --against"
        )
    if path.is_dir():
        return of_directory(path, judged, wanted, alpha, beta)
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not JSON"
        raise ResultsError(f"--baseline {path}: cannot be read: {reason}") from None
    if isinstance(content, dict) and content.get("kind") == _KIND:
        return _of_saved(path, content)
    findings = read_findings(path)
    if findings is None:
        raise ResultsError(
            f"--baseline {path}: is neither a file of --save-baseline nor a findings.json that this release reads"
        )
    manifest = path.with_name("manifest.json")
    if not manifest.is_file():
        raise ResultsError(
            f"--baseline {path}: there is no manifest.json beside it, which says on what host it was measured; give "
            "its result directory, or write a baseline with --save-baseline"
        )
    facts = facts_of(read_manifest(manifest), judged)
    return StoredBaseline(str(path), facts, _of_findings(findings, judged, wanted))


def of_directory(
    root: Path, judged: Sequence[str], wanted: Collection[Wanted], alpha: float, beta: float
) -> StoredBaseline:
    """The rates of a finished result directory, by the gate's own estimator. Raises ResultsError for a broken run."""
    from aging.findings.run_validity import validities  # noqa: PLC0415 - pandas, where there is a stored baseline
    from aging.store.results import open_results  # noqa: PLC0415

    results = open_results(root)
    for run in validities(results):
        if run.deployment in judged and run.validity == "broken":
            raise ResultsError(f"--baseline {root}: the run of {run.deployment} is broken: {' '.join(run.reasons)}")
    own = [name for name in judged if results.manifest.deployment(name) is not None]
    found = [
        rate
        for name in own
        for indicator, quantity in sorted(set(wanted))
        if (rate := _measured(results, name, indicator, quantity, alpha, beta)) is not None
    ]
    return StoredBaseline(str(root), facts_of(results.manifest, judged), found)


def save_baseline(path: Path, baseline: StoredBaseline, manifest: Manifest) -> None:
    """Write a small file to commit: rates, and what they depend on. Raises StorageError."""
    content = {
        "schema": SCHEMA,
        "kind": _KIND,
        "aging_version": manifest.aging_version,
        "campaign": manifest.campaign.name,
        "facts": baseline.facts,
        "rates": [asdict(one) for one in baseline.rates],
    }
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


def _of_saved(path: Path, content: dict[str, Any]) -> StoredBaseline:
    if content.get("schema") != SCHEMA:
        raise ResultsError(
            f"--baseline {path}: format version {content.get('schema')!r} is unknown; this release reads {SCHEMA}"
        )
    try:
        rates = TypeAdapter(list[StoredRate]).validate_python(content.get("rates"))
        facts = TypeAdapter(dict[str, Any]).validate_python(content.get("facts"))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ResultsError(f"--baseline {path}: {where}: {error.errors()[0]['msg']}") from None
    return StoredBaseline(str(path), facts, rates)


def _of_findings(findings: Findings, judged: Sequence[str], wanted: Collection[Wanted]) -> list[StoredRate]:
    """Of its gate where that judged the same alone, else the rates of the findings with their 95 % intervals."""
    gate = findings.gate
    own = [] if gate is None or gate.baseline is not None else gate.conditions
    found: dict[tuple[str, str, Quantity], StoredRate] = {}
    both: tuple[Quantity, ...] = ("per_request", "per_hour")
    for finding in findings.findings:
        for quantity in both:
            rate = _of_finding(finding, quantity)
            if rate is not None:
                found[finding.deployment, finding.indicator, rate.quantity] = rate
    for one in own:
        if gate is not None and one.estimate is not None and one.interval is not None:
            low, high = one.interval
            found[one.deployment, one.indicator, one.quantity] = StoredRate(
                one.deployment, one.indicator, one.quantity, one.estimate, low, high, gate.alpha, gate.beta
            )
    return [rate for (name, *which), rate in found.items() if name in judged and tuple(which) in wanted]


def _of_finding(finding: Finding, quantity: Quantity) -> StoredRate | None:
    per_hour = quantity == "per_hour"
    rate = finding.slope_per_hour if per_hour else finding.slope_per_request
    interval = finding.ci_per_hour if per_hour else finding.ci_per_request
    if rate is None or interval is None:
        return None
    return StoredRate(finding.deployment, finding.indicator, quantity, rate, *interval, _TAIL, _TAIL)


def _measured(  # noqa: PLR0913, PLR0917 - what is measured, and at which errors
    results: Any, name: str, indicator: str, quantity: Quantity, alpha: float, beta: float
) -> StoredRate | None:
    """The mean over the replicas; None where one has no rate."""
    import numpy as np  # noqa: PLC0415 - where there is a stored baseline

    from aging.check.judged_series import judged_runs  # noqa: PLC0415
    from aging.core.metrics import resolution  # noqa: PLC0415
    from aging.stats.rate_test import Design, decide  # noqa: PLC0415

    budget = results.manifest.campaign.duration_seconds
    runs = judged_runs(results, name, [indicator], budget, math.inf)
    rates = []
    for run in runs:
        series = run.series[indicator]
        work = None if quantity == "per_hour" else np.zeros_like(series.t) if series.w is None else series.w
        least = resolution(indicator, series.level)
        # The limit alone decides above or below; here the rate is asked for.
        found = decide(series.t, series.y, work, Design(1.0, alpha, beta, (budget,)), 1, resolution=least)
        if found.rate is None or found.low is None or found.high is None:
            return None
        rates.append((found.rate, found.low, found.high))
    if not rates:
        return None
    part = _HOUR if quantity == "per_hour" else 1.0
    rate = math.fsum(one for one, _, _ in rates) / len(rates)
    below = math.hypot(*(one - low for one, low, _ in rates)) / len(rates)
    above = math.hypot(*(high - one for one, _, high in rates)) / len(rates)
    scaled = StoredRate(name, indicator, quantity, rate * part, 0.0, 0.0, alpha, beta)
    return replace(scaled, low=(rate - below) * part, high=(rate + above) * part)
