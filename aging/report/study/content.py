"""The tables of a study, for the terminal, papers and tickets; the page has them with its marks and links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aging.core import format
from aging.core.format import NONE
from aging.core.records import HARNESS
from aging.findings.first_limit import AGES
from aging.findings.problem_kinds import kind_description
from aging.findings.study.types import RateDifference, StudyFinding, StudyFindings, VariantDifference
from aging.report.study import wording
from aging.report.study.accounting import Accounting, CellRow, collected
from aging.report.tables.content import Column, Table

_RATE = (Column("Per hour", "number"), Column("95 % interval", "number"))
_DECISIONS = (
    Column("Variant", "name"),
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Verdict", "text"),
    *_RATE,
    Column("q", "number"),
    Column("Cells", "text"),
)
_HOSTS = (
    Column("Variant", "name"),
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Between hosts", "number"),
    Column("95 % interval", "number"),
    Column("I²", "number"),
    Column("p", "number"),
    Column("One more host", "number"),
)
_RATES = (
    Column("Variant", "name"),
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Rate", "text"),
    Column("Mean over hosts", "number"),
    Column("95 % interval", "number"),
    Column("Between hosts", "number"),
    Column("One more host", "number"),
    Column("Cells", "number"),
)
_INDICATORS = (
    Column("Variant", "name"),
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Verdict", "text"),
    *_RATE,
    Column("q", "number"),
    Column("Detectable per hour", "number"),
    Column("Cells", "text"),
)
_DIFFERENCES = (
    Column("Key", "name"),
    Column("From", "text"),
    Column("To", "text"),
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Difference", "number"),
    Column("95 % interval", "number"),
    Column("q", "number"),
    Column("Hosts that ran both", "number"),
)
_OUTLIERS = (Column("Host", "name"), Column("What differs", "text"))
_FACTS = (Column("Fact", "name"), Column("Value", "text"), Column("Hosts", "text"))
_CELLS = (
    Column("Cell", "name"),
    Column("Host", "name"),
    Column("Attempt", "number"),
    Column("State", "text"),
    Column("Collected", "text"),
    Column("Why", "text"),
)
_ATTEMPTS = (
    Column("Cell", "name"),
    Column("Attempt", "number"),
    Column("Host", "name"),
    Column("State", "text"),
    Column("Evidence", "text"),
    Column("Why", "text"),
)
_PROBLEMS = (
    Column("Cell", "name"),
    Column("Host", "name"),
    Column("Kind", "text"),
    Column("Problem", "text"),
)
_BY_WORK = ("per_request", "per_token")


def tables(findings: StudyFindings, account: Accounting) -> Sequence[Table]:
    """Every table of a study; one without rows is left out."""
    found = (
        Table("decisions", "Decision by variant and deployment", _DECISIONS, list(_decisions(findings))),
        Table("rates", "Rates per request, and after the warm-up", _RATES, list(_rates(findings))),
        Table("differences", "Differences between levels", _DIFFERENCES, list(_differences(findings))),
        Table("between-hosts", "Between hosts", _HOSTS, list(map(_between, spread(findings)))),
        Table("outliers", "Hosts that are outliers", _OUTLIERS, list(_outliers(findings))),
        Table("indicators", "Every indicator", _INDICATORS, list(_indicators(findings))),
        Table("facts", "Facts in which hosts differ", _FACTS, list(_facts(findings))),
        Table("cells", "Cells", _CELLS, list(map(_cell, account.rows))),
        Table("attempts", "Attempts that do not count", _ATTEMPTS, list(_attempts(findings))),
        Table("problems", "Problems of the measurement", _PROBLEMS, list(_problems(findings))),
    )
    return [one for one in found if one.rows]


def spread(findings: StudyFindings) -> Sequence[StudyFinding]:
    """How far hosts differ: in the findings that decide, and in those whose hosts differ by more than chance."""
    deciding = [one.finding for one in wording.decisions(findings)]
    return [
        one
        for one in findings.findings
        if one.host_sd is not None
        and not one.deployment.startswith(HARNESS)
        and (one in deciding or wording.unusual(one))
    ]


def shown(findings: StudyFindings) -> Sequence[VariantDifference]:
    """The differences in what decides, and all that false-discovery control leaves."""
    deciding = {(one.deployment, one.finding.indicator) for one in wording.decisions(findings)}
    return [
        one
        for one in findings.differences
        if (one.deployment, one.indicator) in deciding
        or any(q is not None and q <= findings.level for q in (one.q, *(rate.q for rate in one.rates)))
    ]


def _decisions(findings: StudyFindings) -> Iterator[Sequence[str]]:
    for one in wording.decisions(findings):
        finding = one.finding
        rate = wording.rate(finding)
        q, cells = format.probability(finding.q), wording.cells_used(finding)
        yield one.variant, one.deployment, finding.indicator, finding.verdict, *rate, q, cells


def _between(one: StudyFinding) -> Sequence[str]:
    return (
        one.variant,
        one.deployment,
        one.indicator,
        *wording.between_hosts(one),
        NONE if one.heterogeneity is None else f"{one.heterogeneity:.0f} %",
        format.probability(one.hosts_alike_p),
        format.interval(one.indicator, one.new_host_per_hour, "h"),
    )


def _rates(findings: StudyFindings) -> Iterator[Sequence[str]]:
    """The other rates of what decides."""
    for one in wording.decisions(findings):
        finding = one.finding
        for rate in finding.rates:
            yield (
                one.variant,
                one.deployment,
                finding.indicator,
                wording.RATES[rate.rate],
                *wording.other_rate(finding.indicator, rate),
                wording.between_hosts(finding, rate)[0],
                format.interval(finding.indicator, rate.new_host, wording.PER[rate.rate]),
                str(rate.used),
            )


def _indicators(findings: StudyFindings) -> Iterator[Sequence[str]]:
    """All findings but those of the harness: what ages first, then as they were found."""
    told = [one for one in findings.findings if not one.deployment.startswith(HARNESS)]
    for one in sorted(told, key=lambda one: one.verdict not in AGES):
        yield (
            one.variant,
            one.deployment,
            one.indicator,
            one.verdict,
            *wording.rate(one),
            format.probability(one.q),
            format.size(one.indicator, one.minimum_detectable_per_hour, "h"),
            wording.cells_used(one),
        )


def _differences(findings: StudyFindings) -> Iterator[Sequence[str]]:
    """Each of those shown per hour, and per request and token below it."""
    for one in shown(findings):
        yield _difference(one, None)
        for rate in one.rates:
            if rate.rate in _BY_WORK:
                yield _difference(one, rate)


def _difference(one: VariantDifference, rate: RateDifference | None) -> Sequence[str]:
    q, paired = (one.q, one.paired_hosts) if rate is None else (rate.q, rate.paired_hosts)
    return (
        one.key,
        str(one.baseline_level),
        str(one.other_level),
        one.deployment,
        one.indicator,
        *wording.difference(one, rate),
        format.probability(q),
        str(paired),
    )


def _outliers(findings: StudyFindings) -> Iterator[Sequence[str]]:
    for one in findings.outliers:
        yield one.host, wording.outlier(findings, one)


def _facts(findings: StudyFindings) -> Iterator[Sequence[str]]:
    for one in findings.differing:
        for value in one.values:
            yield one.fact, value.value or NONE, ", ".join(value.hosts)


def _cell(row: CellRow) -> Sequence[str]:
    attempt = NONE if row.attempt is None else f"{row.attempt} of {row.attempts}"
    return row.cell, row.host or NONE, attempt, row.words, collected(row.files, row.size) or NONE, row.why


def _attempts(findings: StudyFindings) -> Iterator[Sequence[str]]:
    for one in findings.not_counted:
        evidence = f"{one.evidence} ({collected(one.files, one.size)})" if one.evidence else NONE
        state = "lost" if one.lost else one.state
        yield one.cell, str(one.number), one.host, state, evidence, one.why or NONE


def _problems(findings: StudyFindings) -> Iterator[Sequence[str]]:
    for one in findings.problems:
        yield one.cell or NONE, one.host or NONE, kind_description(one.kind).title, one.message
