"""Paired A/B: a deployment and its baseline under the same load at the same time, as one series of differences.

What both have in common (the host, the load, a warm-up) cancels in the difference, cell by cell; what is left is what
the change has made. So the errors of a gate on the difference are those of the rest alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aging.findings.gate import Quantity
from aging.findings.series import Series
from aging.store.manifest import Manifest

Floats = NDArray[np.float64]

_REQUESTS = "requests"
_SAME_LOAD = 0.01
"""Counts of requests that differ by no more than this share of the last are of one load at one time."""


def pairs(manifest: Manifest) -> Mapping[str, str]:
    """The baseline of every deployment that has one, by the judged deployment's name."""
    found = {one.options.get("baseline_of"): one.name for one in manifest.deployments}
    return {str(judged): baseline for judged, baseline in found.items() if judged is not None}


def difference(
    judged: Series, baseline: Series, quantity: Quantity = "per_request"
) -> tuple[Floats, Floats, Floats | None]:
    """The judged series minus its baseline: seconds since the start of load, differences, requests; all shape (n,).

    Both are taken in the grid cells that both have. Under a load of equal requests at equal times that pairs equal
    request numbers as well. Where one has been sent more requests (a closed loop, of which the faster server gets
    more), a difference ``per_request`` is taken at equal request numbers instead: the baseline is interpolated at those
    of the judged series. Requests are None for other quantities. Empty where the two have nothing in common, or no
    requests were counted. Both must be of the first generation: later ones count from their own start.
    """
    t, ours, theirs = np.intersect1d(judged.t, baseline.t, assume_unique=True, return_indices=True)
    if quantity != "per_request":
        return t, judged.y[ours] - baseline.y[theirs], None
    if _REQUESTS not in judged.work or _REQUESTS not in baseline.work or not t.size:
        return t[:0], t[:0], t[:0]
    sent, of_baseline = judged.work[_REQUESTS], baseline.work[_REQUESTS]
    if np.abs(sent[ours] - of_baseline[theirs]).max() <= _SAME_LOAD * max(sent[ours][-1], of_baseline[theirs][-1]):
        return t, judged.y[ours] - baseline.y[theirs], sent[ours]
    inside = (sent >= of_baseline[0]) & (sent <= of_baseline[-1])
    return judged.t[inside], judged.y[inside] - np.interp(sent[inside], of_baseline, baseline.y), sent[inside]
