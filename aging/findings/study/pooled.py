"""One indicator of one deployment of one variant, over the cells of all hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median
from typing import Any, get_args

import numpy as np
from scipy.special import ndtri

from aging.findings.study.estimates import Group, Measured, mean_limits, observations, rated_cells
from aging.findings.study.types import CellRate, RateName, StudyFinding, StudyRate
from aging.findings.types import Verdict
from aging.findings.verdict import Decision, of_finding, of_replicas
from aging.stats.host_effects import MeanRate, mean_over_hosts
from aging.stats.multiple.pooling import stouffer
from aging.stats.note import Note

_LEAST_P = 1e-300
_ALIKE = 0.05


def pooled_finding(group: Group, variant: str, planned: int) -> StudyFinding:
    """The finding of one variant of which ``planned`` cells were to be measured; q is not known yet."""
    measured = group.of(variant)
    voting = [one for one in measured if one.voting]
    decision = over_cells([one.estimate.verdict for one in voting], planned)
    cells = rated_cells(voting)
    seen = observations(cells)
    mean = mean_over_hosts(seen) if seen else None
    weights = {} if mean is None else dict(zip([one.estimate.cell for one, _ in cells], mean.weights, strict=True))
    by_cell = [replace(one.estimate, weight=weights.get(one.estimate.cell)) for one in measured]
    finding = StudyFinding(
        variant=variant,
        deployment=group.deployment,
        indicator=group.indicator,
        planned=planned,
        used=len(seen),
        hosts=len({one.host for one in seen}),
        verdict=decision.verdict,
        per_hour=None,
        ci_per_hour=None,
        p=_combined_p(voting),
        q=None,
        new_host_per_hour=None,
        host_sd=None,
        host_sd_ci=None,
        cell_sd=None,
        heterogeneity=None,
        hosts_alike_p=None,
        by_cell=by_cell,
        minimum_detectable_per_hour=_median([one.minimum_detectable for one in voting]),
        rates=[rate for name in get_args(RateName) if (rate := _other_rate(voting, name)) is not None],
    )
    notes = [*decision.notes, *_left_out(measured)]
    if mean is None:
        return _noted(_without_noise(finding, voting), notes)
    return _noted(_with_mean(finding, mean), [*notes, *mean.notes, *_spread_notes(mean, decision.verdict)])


def over_cells(verdicts: Sequence[Verdict], planned: int) -> Decision:
    """The verdict of the cells that are there, of ``planned``.

    It is that of most of them. Where cells are missing it stands only if it would be that of most planned cells
    whatever the missing ones had shown; else it is inconclusive.
    """
    if not verdicts:
        return Decision("inconclusive", (Note("no_cells", f"None of {planned} cells has a result."),))
    decision = of_replicas(verdicts)
    if decision.notes:
        counted = ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).most_common())
        disagree = Note("replicas_disagree", f"The cells have different verdicts: {counted}.")
        decision = Decision(decision.verdict, (disagree,))
    missing = planned - len(verdicts)
    if missing <= 0:
        return decision
    message = f"{missing} of {planned} cells {'has' if missing == 1 else 'have'} no result."
    if decision.verdict == "inconclusive" or 2 * Counter(verdicts)[decision.verdict] > planned:
        return Decision(decision.verdict, (*decision.notes, Note("cells_missing", message)))
    undecided = f"{message} They could change the verdict, which is {decision.verdict} in the cells that are there."
    return Decision("inconclusive", (*decision.notes, Note("cells_missing_decide", undecided)))


def under_control(finding: StudyFinding, adjusted: float, level: float) -> StudyFinding:
    """The finding with its p after false-discovery control, and the verdict that this leaves."""
    q = None if np.isnan(adjusted) else adjusted
    decision = of_finding(finding.verdict, q, level)
    notes = list(decision.notes)
    if decision.verdict != finding.verdict and q is None:
        notes.append(Note("cells_without_p", "The trend test could not be computed in every cell."))
    return _noted(replace(finding, q=q, verdict=decision.verdict), [*finding.noted(), *notes])


def _with_mean(finding: StudyFinding, mean: MeanRate) -> StudyFinding:
    return replace(
        finding,
        per_hour=mean.rate,
        ci_per_hour=(mean.low, mean.high),
        new_host_per_hour=mean.new_host,
        **_spread(mean),
    )


def _spread(mean: MeanRate) -> dict[str, Any]:
    """How far hosts differ; None, all of it, for one host."""
    spread = mean.spread
    return {
        "host_sd": None if spread is None else spread.host_sd,
        "host_sd_ci": None if spread is None else spread.limits,
        "cell_sd": None if spread is None else spread.cell_sd,
        "heterogeneity": None if spread is None else spread.i2,
        "hosts_alike_p": None if spread is None else spread.p,
    }


def _other_rate(voting: Sequence[Measured], name: RateName) -> StudyRate | None:
    """Another rate of one variant over its hosts; None where no cell has it with noise."""
    cells = rated_cells(voting, name)
    seen = observations(cells)
    if not seen:
        return None
    mean = mean_over_hosts(seen)
    low, high = mean_limits(cells, mean, name)
    return StudyRate(
        rate=name,
        used=len(seen),
        hosts=mean.hosts,
        estimate=mean.rate,
        ci=(low, high),
        new_host=None if mean.new_host is None else (min(low, mean.new_host[0]), max(high, mean.new_host[1])),
        by_cell=[
            CellRate(one.estimate.cell, one.estimate.host, rated.value, rated.ci, weight)
            for (one, rated), weight in zip(cells, mean.weights, strict=True)
        ],
        **_spread(mean),
    )


def _without_noise(finding: StudyFinding, voting: Sequence[Measured]) -> StudyFinding:
    """Rates that are exact, such as those of constant series: their mean, and their range for its interval."""
    exact = rated_cells(voting)
    if not exact:
        return finding
    rates = [rated.value for _, rated in exact]
    cells = {one.estimate.cell for one, _ in exact}
    by_cell = [replace(one, weight=1 / len(rates)) if one.cell in cells else one for one in finding.by_cell]
    return replace(
        finding,
        used=len(rates),
        hosts=len({one.estimate.host for one, _ in exact}),
        per_hour=fmean(rates),
        ci_per_hour=(min(rates), max(rates)),
        by_cell=by_cell,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _left_out(measured: Sequence[Measured]) -> list[Note]:
    notes = []
    for code, words in (("cell_broken", "Every run is broken"), ("no_rate", "No rate could be estimated")):
        cells = [one.estimate.cell for one in measured if one.estimate.reason == code]
        if cells:
            notes.append(Note(code, f"{words} in {', '.join(cells)}; not in the mean."))
    return notes


def _spread_notes(mean: MeanRate, verdict: Verdict) -> list[Note]:
    notes = []
    if mean.spread is not None and mean.spread.p < _ALIKE:
        message = (
            f"Hosts differ by more than chance, which is {100 - mean.spread.i2:.0f} % of their spread: "
            "the mean is over hosts like these."
        )
        notes.append(Note("hosts_differ", message))
    if mean.spread is not None and mean.spread.limits is None:
        message = "Hosts differ less than their own errors allow: the spread between hosts has no interval."
        notes.append(Note("hosts_too_alike", message))
    if verdict == "aging" and mean.hosts > 1 and mean.low <= 0 <= mean.high:
        message = (
            "The interval of the mean over hosts holds 0: the cells age, and the size on other hosts is not known."
        )
        notes.append(Note("mean_holds_zero", message))
    return notes


def _combined_p(voting: Sequence[Measured]) -> float | None:
    """Stouffer's p of the cells' two-sided p, each with the sign of its slope, as replicas are combined."""
    tests = [(one.estimate.p, one.estimate.per_hour) for one in voting]
    z = [-np.sign(rate or 0.0) * ndtri(max(p, _LEAST_P) / 2) for p, rate in tests if p is not None]
    return float(stouffer(z)[1]) if z and len(z) == len(voting) else None


def _noted(finding: StudyFinding, notes: Sequence[Note]) -> StudyFinding:
    return replace(finding, notes=tuple(map(str, notes)), note_codes=tuple(note.code for note in notes))
