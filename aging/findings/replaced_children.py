"""Processes of an observed tree that were replaced: its memory falls with each, which hides their growth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS, OTHERS, stored_under
from aging.findings.process_places import Life, lives, places
from aging.findings.types import Finding
from aging.stats.note import Note
from aging.store.results import Results

_LEAST_SHARE = 0.1
"""Of the largest process: a smaller one that comes and goes (a shell's ``sleep``) hides no growth."""


def with_replaced(finding: Finding, results: Results) -> Finding:
    """The finding of an observed tree's memory with a note of the children that were replaced; others unchanged."""
    if (
        finding.indicator != PRIMARY
        or finding.deployment.startswith(f"{HARNESS}/")
        or results.manifest.campaign.load is not None
    ):
        return finding
    ended = [one for replica in results.replicas(finding.deployment) for one in _replaced(results, finding, replica)]
    if not ended:
        return finding
    children = "1 child process" if len(ended) == 1 else f"{len(ended)} child processes"
    lived = readable_duration(float(np.median([life.last - life.born for life in ended])))
    each = "it" if len(ended) == 1 else "each"
    message = f"{children} ended and {'was' if len(ended) == 1 else 'were'} replaced ({each} lived about {lived}): the"
    note = Note("children_replaced", f"{message} memory of the whole falls with {each}. Observe a child by --name.")
    return finding.with_notes([*finding.noted(), note])


def _replaced(results: Results, finding: Finding, replica: int) -> Sequence[Life]:
    rows = results.samples(finding.deployment, stored_under("process", OTHERS), replica)
    if rows.empty:
        return []
    return [one for _, of_one in rows.groupby("generation") for one in replaced(of_one)]


def replaced(rows: pd.DataFrame) -> Sequence[Life]:
    """The processes of one generation whose place was taken by another, without small ones; ``rows`` are of each."""
    taken = [place.lives for place in places(lives(rows))]
    peaks = {id(life): float(life.rows[PRIMARY].max()) for found in taken for life in found}
    least = _LEAST_SHARE * max(peaks.values(), default=0.0)
    return [life for found in taken for life in found[:-1] if peaks[id(life)] >= least]
