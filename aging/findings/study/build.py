"""From the cells' findings to those of the whole study. Nothing of a campaign is computed again."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from aging.campaign.schema import AnalysisTable
from aging.core.format import utc
from aging.core.metrics import is_engine_series, is_tail
from aging.core.records import HARNESS
from aging.findings.study.differences import differences
from aging.findings.study.estimates import CountedCell, Group, groups
from aging.findings.study.evidence import cell_findings, cell_outcomes, not_counted
from aging.findings.study.facts import differing
from aging.findings.study.hosts import host_effects
from aging.findings.study.pooled import pooled_finding, under_control
from aging.findings.study.types import SCHEMA, CellOutcome, StudyFinding, StudyFindings, StudyProblem
from aging.findings.types import Findings
from aging.stats import hierarchical_fdr
from aging.study.cells import Cell
from aging.study.jobs import with_jobs
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.plan_file import read_plan
from aging.study.state import StudyState, fold

_CLOCK_SECONDS = 1.0


def analyze_study(root: Path, failed: Mapping[str, str] | None = None) -> StudyFindings:
    """The findings of a study's folder as its cells stand now. Writes nothing; raises ResultsError for another path.

    Of every cell the ``findings.json`` of the attempt that counts is read; the other attempts are in no rate. A cell
    whose campaign or findings cannot be read is missing, with the reason; so is one that could not be analyzed just
    now: ``failed`` has the reasons by cell.
    """
    layout = StudyLayout(root)
    plan = read_plan(layout)
    state = with_jobs(layout, fold(read_ledger(layout.ledger)))
    found: dict[str, Findings] = {}
    unread = dict(failed or {})
    for name, cell in state.cells.items():
        if cell.result is None or name in unread:
            continue
        read = cell_findings(layout, name, cell.result.number)
        if isinstance(read, str):
            unread[name] = read
        else:
            found[name] = read
    return study_findings(plan.file.name, plan.cells, state, found, layout, unread)


def study_findings(  # noqa: PLR0913, PLR0917 - what a study is, and what of it could be read
    name: str,
    cells: Sequence[Cell],
    state: StudyState,
    found: Mapping[str, Findings],
    layout: StudyLayout,
    unread: Mapping[str, str],
) -> StudyFindings:
    """The findings of a study with these ``cells`` in this ``state``.

    ``found`` has the findings of the counting attempt of every cell whose findings could be read, ``unread`` why those
    of others could not.
    """
    level = _level(cells)
    outcomes = cell_outcomes(cells, state, layout, unread)
    hosts = {one.cell: one for one in outcomes if one.status == "counted"}
    counted = [
        CountedCell(cell, one.host or "", one.attempt or 0, found[cell.name])
        for cell in cells
        if (one := hosts.get(cell.name)) is not None
    ]
    families = _families(groups(counted))
    planned = Counter(cell.variant for cell in cells)
    measured = {one.host for one in counted}
    known = [host.facts for host in state.hosts.values() if host.name in measured and host.facts is not None]
    return StudyFindings(
        schema=SCHEMA,
        study=name,
        started="" if state.started is None else utc(state.started).isoformat(),
        level=level,
        complete=all(one.status == "counted" for one in outcomes),
        findings=[one for family in families for one in _controlled(family, planned, level)],
        hosts=[one for family in families for one in host_effects(family, level)],
        differing=differing(known),
        differences=[one for family in families for one in differences(cells, family)],
        cells=outcomes,
        not_counted=not_counted(cells, state, layout),
        problems=_problems(outcomes, counted, state, measured),
        aging_version=version("llm-aging"),
    )


def _controlled(family: Sequence[Group], planned: Mapping[str, int], level: float) -> list[StudyFinding]:
    """One finding a variant and group, under one control: a variant's deployment first, then its indicators.

    A variant without any result has a finding without cells of every indicator that the other variants have.
    """
    measured = {one.variant for group in family for one in group.measured}
    findings = [
        pooled_finding(group, variant, count)
        for variant, count in planned.items()
        for group in family
        if group.of(variant) or variant not in measured
    ]
    within: dict[str, list[StudyFinding]] = {}
    for finding in findings:
        within.setdefault(f"{finding.variant}\n{finding.deployment}", []).append(finding)
    adjusted = hierarchical_fdr({name: [one.p for one in ones] for name, ones in within.items()})
    return [
        under_control(one, float(q), level)
        for name, ones in within.items()
        for one, q in zip(ones, adjusted[name], strict=True)
    ]


def _families(every: Iterable[Group]) -> list[list[Group]]:
    """The groups in families of their own, as in a campaign's findings: tails, engines and the harness do not raise
    the threshold for the deployments."""
    families: dict[str, list[Group]] = {"": [], "tail": [], "engine": [], "harness": []}
    for group in every:
        indicator = group.indicator
        kind = "tail" if is_tail(indicator) else "engine" if is_engine_series(indicator) else ""
        families["harness" if group.deployment.startswith(HARNESS) else kind].append(group)
    return [family for family in families.values() if family]


def _level(cells: Sequence[Cell]) -> float:
    """The false-discovery rate of the study: that of its campaign, the least where variants differ in it."""
    tables = [tomllib.loads(cell.campaign).get("analysis", {}) for cell in {one.variant: one for one in cells}.values()]
    return min((float(AnalysisTable.model_validate(table).q) for table in tables), default=AnalysisTable().q)


def _problems(
    outcomes: Sequence[CellOutcome], counted: Sequence[CountedCell], state: StudyState, measured: Iterable[str]
) -> list[StudyProblem]:
    found = [
        StudyProblem("cell_missing", one.why or one.status, cell=one.cell, host=one.host)
        for one in outcomes
        if one.status != "counted"
    ]
    for host in sorted(measured):
        facts = state.hosts[host].facts if host in state.hosts else None
        if facts is None:
            message = f"The facts of {host} are not known: what differs from other hosts cannot be said."
            found.append(StudyProblem("host_facts_unknown", message, host=host))
        elif abs(facts.clock_offset) > _CLOCK_SECONDS:
            message = f"The clock of {host} was {facts.clock_offset:+.1f} s off. Synchronize it (chrony or ntpd)."
            found.append(StudyProblem("host_clock_off", message, host=host))
    for cell in counted:
        found += [
            StudyProblem(one.kind, one.message, cell=cell.cell.name, host=cell.host) for one in cell.findings.problems
        ]
    return found
