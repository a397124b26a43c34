"""Paired A/B: a deployment and its baseline under the same load at the same time, as one series of differences.

What both have in common (the host, the load, a warm-up) cancels in the difference, cell by cell; what is left is what
the change has made. So the errors of a gate on the difference are those of the rest alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aging.check.judged_series import JudgedSeries
from aging.findings.gate import Quantity
from aging.store.manifest import ManifestDeployment

_SAME_LOAD = 0.01
"""Counts of requests that differ by no more than this share of the last are of one load at one time."""


def pairs(deployments: Sequence[ManifestDeployment]) -> Mapping[str, str]:
    """The baseline of every deployment that has one, by the judged deployment's name."""
    found = {one.options.get("baseline_of"): one.name for one in deployments}
    return {str(judged): baseline for judged, baseline in found.items() if judged is not None}


def difference(judged: JudgedSeries, baseline: JudgedSeries, quantity: Quantity = "per_request") -> JudgedSeries:
    """``judged`` less ``baseline`` in the grid cells that both have, with the requests of ``judged``.

    Under a load of equal requests at equal times that pairs equal request numbers as well. Where one has been sent more
    requests (a closed loop, of which the faster server gets more), a difference ``per_request`` is taken at equal
    request numbers instead: the baseline is interpolated at those of the judged series. Empty where the two have
    nothing in common, and per request where no requests were counted.
    """
    t, ours, theirs = np.intersect1d(judged.t, baseline.t, assume_unique=True, return_indices=True)
    sent = None if judged.w is None else judged.w[ours]
    together = JudgedSeries(t, judged.y[ours] - baseline.y[theirs], sent, judged.level)
    if quantity != "per_request" or not t.size:
        return together
    if judged.w is None or baseline.w is None or sent is None:
        return JudgedSeries(t[:0], t[:0], t[:0], judged.level)
    of_baseline = baseline.w[theirs]
    if np.abs(sent - of_baseline).max() <= _SAME_LOAD * max(sent[-1], of_baseline[-1]):
        return together
    inside = (judged.w >= baseline.w[0]) & (judged.w <= baseline.w[-1])
    number = judged.w[inside]
    left = judged.y[inside] - np.interp(number, baseline.w, baseline.y)
    return JudgedSeries(judged.t[inside], left, number, judged.level)
