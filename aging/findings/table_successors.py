"""One process after another under a new id: the generations of one series, which a table has as several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from aging.tables.series import TableSeries

_IDS = frozenset(("pid", "tgid", "container_id", "pod_uid"))
_PODS = frozenset(("pod", "pod_name"))
_POD = re.compile(r"(?P<owner>.+?)(-[a-f0-9]{6,10})?-[a-z0-9]{5}")


def in_succession(series: Sequence[TableSeries]) -> list[TableSeries]:
    """The series, those of one column joined whose process ids or pods follow one another in time.

    Pods follow one another if they are of one owner (``vllm-7d9c5b8f6d-x2x4z`` and ``vllm-7d9c5b8f6d-9kq7p``).
    """
    groups: dict[tuple[str, str], list[TableSeries]] = {}
    for one in series:
        groups.setdefault((one.column, _subject(one)), []).append(one)
    return [joined for group in groups.values() for joined in _joined(group)]


def _subject(one: TableSeries) -> str:
    """The labels that stay when a process is replaced."""
    stay = {label: value for label, value in one.labels.items() if label.lower() not in _IDS}
    for label, value in one.labels.items():
        if label.lower() in _PODS and (found := _POD.fullmatch(value)):
            stay[label] = found["owner"]
    return repr(sorted(stay.items()))


def _joined(group: Sequence[TableSeries]) -> list[TableSeries]:
    ordered = sorted((one for one in group if one.t.size), key=lambda one: one.origin + float(one.t[0]))
    follow = all(earlier.origin + earlier.t[-1] < later.origin + later.t[0] for earlier, later in pairwise(ordered))
    if len(ordered) < 2 or not follow:
        return list(group)
    first = ordered[0]
    times = [one.t + (one.origin - first.origin) for one in ordered]
    own = [each + (one.origin - first.origin) for one in ordered for each in one.restarts or ()]
    kinds = set.intersection(*(set(one.work) for one in ordered))
    same = set.intersection(*(set(one.labels.items()) for one in ordered))
    return [
        replace(
            first,
            t=np.concatenate(times),
            y=np.concatenate([one.y for one in ordered]),
            notes=tuple(dict.fromkeys(note for one in ordered for note in one.notes)),
            work={kind: np.concatenate([one.work[kind] for one in ordered]) for kind in kinds},
            labels={label: value for label, value in first.labels.items() if (label, value) in same},
            restarts=tuple(sorted([*(float(each[0]) for each in times[1:]), *own])),
        )
    ]
