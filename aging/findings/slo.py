"""Service level objectives: which requests met theirs, the share of those that did, and goodput.

Definitions, after DistServe (OSDI '24) and Chiron (arXiv 2501.08090):

- *attainment* is the share of requests that met every objective of their class;
- *goodput* is the requests per second that did.

Latencies are those of :mod:`aging.findings.latencies`, on the base ``waited``.

Errors and drops are missed: they were asked for and not answered. Impolite requests,
which were to come to nothing, are left out. What a request does not tell is not held
against it: an answer that is not streamed has no time to its first token, an answer of
one token no time per further token. Where none of a class's objectives applies to a
request, it is left out as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.quantities import parse_duration
from aging.findings.latencies import latencies
from aging.findings.types import Attainment
from aging.store.manifest import Load

_EDGE_SECONDS = 3600.0
"""The first and the last hour are compared; of shorter runs the halves."""

Floats = NDArray[np.float64]
Objectives = Mapping[str, float]
"""Seconds by what they bound: ``ttft``, ``tpot``, ``e2e``."""


def judged(requests: pd.DataFrame, objectives: Objectives) -> pd.Series:
    """Whether each request that is judged met ``objectives``; the others are not in it."""
    applies = requests["status"].isin(("ok", "error", "dropped")) & ~_impolite(requests)
    if "e2e" not in objectives:
        applies &= requests["streaming"].astype(bool)
    met = requests["status"] == "ok"
    for name, seconds in latencies(requests, "waited").items():
        if name in objectives:
            met &= ~(seconds > objectives[str(name)])  # what a request has not got it has not missed
    return met[applies]


def classes(load: Load | None) -> dict[str, Objectives]:
    """The objectives of each class of a manifest's load, in seconds; classes without any are left out."""
    if load is None:
        return {}
    own, listed = load.objectives, load.classes
    told = {one.name: one.objectives or own for one in listed} if listed else {"": own}
    return {
        name: {key: parse_duration(written) for key, written in objectives.items() if written is not None}
        for name, objectives in told.items()
        if objectives
    }


def of_class(requests: pd.DataFrame, name: str) -> pd.DataFrame:
    """The requests of one class; all of them where the load has one class alone."""
    return requests if not name or "load_class" not in requests else requests[requests["load_class"] == name]


def attainments(
    deployment: str, runs: Sequence[tuple[pd.DataFrame, float, float]], objectives: Mapping[str, Objectives]
) -> Iterator[Attainment]:
    """What a deployment attained in each class, over all of its runs.

    ``runs`` are requests with the monotonic seconds that the analysed window begins and ends.
    """
    for name, bounds in objectives.items():
        counts = [_counts(of_class(requests, name), bounds, start, end) for requests, start, end in runs]
        whole, first, last = (np.sum([count[part] for count in counts], axis=0) for part in range(3))
        if counts and whole[1]:
            edge = min(_edge(start, end) for _, start, end in runs)
            yield Attainment(
                deployment=deployment,
                load_class=name,
                objectives=dict(bounds),
                judged=int(whole[1]),
                met=int(whole[0]),
                attainment=_ratio(whole[0], whole[1]),
                goodput=_ratio(whole[0], whole[2]),
                edge_seconds=edge,
                first_attainment=_ratio(first[0], first[1]),
                first_goodput=_ratio(first[0], first[2]),
                last_attainment=_ratio(last[0], last[1]),
                last_goodput=_ratio(last[0], last[2]),
            )


def _counts(requests: pd.DataFrame, bounds: Objectives, start: float, end: float) -> list[Floats]:
    """Met, judged and seconds: of the whole window, of its first edge, of its last."""
    met = judged(requests, bounds)
    ended = requests.loc[met.index, "finished"]
    edge = _edge(start, end)
    parts = ((start, end), (start, start + edge), (end - edge, end))
    inside = [met[(ended >= begin) & (ended <= until)] for begin, until in parts]
    return [
        np.array([part.sum(), part.size, until - begin], dtype=np.float64)
        for part, (begin, until) in zip(inside, parts, strict=True)
    ]


def _edge(start: float, end: float) -> float:
    return min(_EDGE_SECONDS, (end - start) / 2)


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _impolite(requests: pd.DataFrame) -> pd.Series:
    if "fault" not in requests:
        return pd.Series(False, requests.index)
    return requests["fault"].fillna("").astype(bool)
