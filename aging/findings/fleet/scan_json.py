"""A scan as JSON: ``aging scan --json``."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from aging.core.format import utc
from aging.findings.fleet.types import Scan, ScanFinding


def to_json(scan: Scan) -> dict[str, Any]:
    """Every finding and every failed query; unknown values are None, rates per hour in the base unit."""
    return {
        "schema": scan.schema,
        "server": scan.server,
        "start": utc(scan.start).isoformat(),
        "end": utc(scan.end).isoformat(),
        "step_seconds": scan.step,
        "asked_seconds": scan.asked_seconds,
        "fdr": scan.level,
        "subjects": scan.subjects,
        "series": len(scan.findings),
        "aging": len(scan.aging),
        "findings": [_finding(one) for one in scan.findings],
        "failures": [asdict(one) for one in scan.failures],
    }


def _finding(finding: ScanFinding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "labels": dict(finding.labels),
        "latest": dict(finding.latest),
        "metric": finding.metric,
        "resource": finding.resource,
        "unit": finding.measure.base,
        "worse": finding.worse,
        "verdict": finding.verdict,
        "ages": finding.ages,
        "shape": finding.shape,
        "rate_per_hour": _number(finding.rate),
        "ci_per_hour": None if finding.rate is None else [_number(finding.low), _number(finding.high)],
        "least_detectable_per_hour": _number(finding.least_detectable),
        "p": _number(finding.p),
        "q": _number(finding.q),
        "samples": finding.samples,
        "first": utc(finding.first).isoformat(),
        "last": utc(finding.last).isoformat(),
        "level": finding.level,
        "limit": finding.limit,
        "limit_name": finding.limit_name,
        "outlook": None if finding.outlook is None else asdict(finding.outlook),
        "restarts": [utc(at).isoformat() for at in finding.restarts],
        "restart_every_hours": finding.restart_hours,
        "notes": [str(note) for note in finding.notes],
        "note_codes": [note.code for note in finding.notes],
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
