"""Findings as an HTML table: what a notebook shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.types import Finding, Findings

_HEAD = ("indicator", "verdict", "current rate per hour", "95 % interval", "q", "least detectable", "replicas")
_MOST_NOTES = 6


def findings_html(findings: Findings) -> str:
    """Memory of every deployment and what else ages, and the number of problems."""
    chosen = [
        one
        for one in findings.findings
        if not one.deployment.startswith(f"{HARNESS}/") and (one.indicator == PRIMARY or one.verdict == "aging")
    ]
    left = len(findings.findings) - len(chosen)
    others = f"<p>{left} further findings, {_problems(len(findings.problems))}.</p>"
    return f"<p><b>{escape(findings.campaign)}</b></p>{findings_table(chosen)}{others}"


def finding_html(finding: Finding) -> str:
    """One finding with its replicas and notes."""
    rows = [_cells(finding)]
    if len(finding.by_replica) > 1:
        rows += [
            (
                f"replica {one.replica}",
                one.verdict,
                *format.bounded(finding.indicator, one.current_per_hour, one.current_ci_per_hour, "h"),
                "",
                "",
                "" if one.weight is None else f"weight {one.weight:.2f}",
            )
            for one in finding.by_replica
        ]
    notes = "".join(f"<li>{escape(note)}</li>" for note in finding.notes[:_MOST_NOTES])
    return f"<p><b>{escape(finding.deployment)}</b></p>{_table(_HEAD, rows)}" + (f"<ul>{notes}</ul>" if notes else "")


def findings_table(findings: Sequence[Finding]) -> str:
    """A row a finding."""
    return _table(("deployment", *_HEAD), [(one.deployment, *_cells(one)) for one in findings])


def _cells(finding: Finding) -> tuple[str, ...]:
    rate, interval = format.bounded(finding.indicator, finding.current_per_hour, finding.current_ci_per_hour, "h")
    if finding.current_per_hour is None:
        rate, interval = format.bounded(finding.indicator, finding.slope_per_hour, finding.ci_per_hour, "h")
    least = format.size(finding.indicator, finding.minimum_detectable_per_hour, "h")
    q = format.probability(finding.q)
    return finding.indicator, finding.verdict, rate, interval, q, least, str(finding.replicas)


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _problems(count: int) -> str:
    return f"{count or 'no'} problem{'' if count == 1 else 's'}"
