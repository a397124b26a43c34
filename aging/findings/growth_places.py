"""Where the memory of a deployment grew: in which of its processes, in which kind of memory, with what else.

All of it is of one window, the second half of what is analyzed, so that what filled at the start is not taken for a
leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aging.core.format import utc
from aging.core.metrics import ALLOCATOR, DEVICE_MEMORY, PRIMARY, resolution
from aging.core.records import HARNESS, OTHERS, TREE, process_entity, stored_under
from aging.findings.process_places import Floats, Life, Place, lives, places
from aging.findings.series import Measured, Series, generations
from aging.findings.types import CountChange, Finding, GrowthPlaces, KindGrowth, MemoryKind, ProcessGrowth
from aging.stats.growth.places import LEAST_TIMES, additive_slopes, clear_leader, term_slopes

_HOUR = 3600.0
_GREW = frozenset(("aging", "bounded", "step", "inconclusive"))
"""Verdicts of what has grown, or may have."""

_ENDS = (slice(None, 3), slice(-3, None))
"""Readings at each end of the window whose median is the count there, if there are many."""

_MANY = 20

_ONSET_SHARE = 0.05
"""Of the rise of a process: what is below has not begun to grow."""

_OLDER_SECONDS = 5.0
"""A process is older than the watch if it began so long before its first reading."""

KINDS: Mapping[str, MemoryKind] = {
    "process_heap_bytes": "heap",
    "process_anonymous_mapping_bytes": "anonymous mappings",
    "process_stack_bytes": "stacks",
    "process_modified_file_bytes": "modified files",
}
_STACKS, _RESERVED = "process_thread_stacks", "process_thread_stack_reserved_bytes"
_STACK_BYTES = "process_stack_bytes"
_FILES = {f"process_{kind}_fds": kind for kind in ("socket", "pipe", "file", "anonymous", "other")}
_BESIDE = {"process_shmem_bytes": "shared memory", "process_file_bytes": "mapped files"}
_ALLOCATOR = dict(zip(ALLOCATOR, ("in use", "kept free"), strict=True))


def with_places(finding: Finding, measured: Measured) -> Finding:
    """The finding of a deployment's memory that grew with the places of the growth; any other unchanged."""
    if finding.indicator != PRIMARY or finding.deployment.startswith(f"{HARNESS}/") or finding.verdict not in _GREW:
        return finding
    longest: dict[int, Series] = {}
    for one in measured.series:
        if (one.owner, one.indicator) == (finding.deployment, PRIMARY):
            rival = longest.get(one.replica)
            if rival is None or one.t.size > rival.t.size:
                longest[one.replica] = one
    found = (_places_of(measured, longest[replica]) for replica in sorted(longest))
    return replace(finding, places=tuple(one for one in found if one is not None))


@dataclass(frozen=True, slots=True)
class _Late:
    """The late part of one generation of a run, in monotonic seconds; ``begin`` is the end of its warm-up."""

    measured: Measured
    deployment: str
    replica: int
    generation: int
    begin: float
    middle: float
    end: float

    def rows(self, source: str, entity: str = TREE) -> pd.DataFrame:
        """Rows of a sampler about the tree or one of its processes, those before the late part too."""
        samples = self.measured.results.samples(self.deployment, stored_under(source, entity), self.replica)
        if samples.empty:
            return samples
        inside = samples["mono"].between(self.begin, self.end) & (samples["generation"] == self.generation)
        return samples[inside & (samples["entity"] == entity)].sort_values("mono")

    def utc(self, mono: float) -> str | None:
        """An instant in UTC, without fractions of a second."""
        began = self.measured.results.state.started
        return None if began is None else utc(began.wall + mono - began.mono).isoformat(timespec="seconds")

    def slope(self, rows: pd.DataFrame, name: str) -> float | None:
        """The least-squares slope per second of a column in the late part; over all rows where these are too few.

        None where there are not two values.
        """
        if name not in rows:
            return None
        known = rows[rows[name].notna()]
        late = known[known["mono"] >= self.middle]
        used = late if len(late) >= LEAST_TIMES else known
        t, y = _array(used["mono"]), _array(used[name])
        if t.size >= LEAST_TIMES:
            return float(additive_slopes(t, y[:, None])[0])
        return float((y[-1] - y[0]) / (t[-1] - t[0])) if t.size > 1 and t[-1] > t[0] else None

    def change(self, rows: pd.DataFrame, name: str) -> float | None:
        """The difference of a count over the late part; None where there are not two values.

        Its ends are medians of some readings; between sparse readings they are interpolated.
        """
        if name not in rows:
            return None
        known = rows[rows[name].notna()]
        t, y = _array(known["mono"]), _array(known[name])
        if t.size < 2:
            return None
        late = t >= self.middle
        if np.count_nonzero(late) < _MANY:
            first, last = np.interp([self.middle, self.end], t, y)
            return float(last - first)
        (began, first), (ended, last) = ((np.median(t[late][at]), np.median(y[late][at])) for at in _ENDS)
        return float((last - first) * (self.end - self.middle) / (ended - began))


def _places_of(measured: Measured, series: Series) -> GrowthPlaces | None:
    late = _late(measured, series)
    if late is None:
        return None
    tree = late.rows("process")
    each, whole = _of_processes(late)
    per_second = whole if each else late.slope(tree, PRIMARY)
    seconds = late.end - late.middle
    if per_second is None or per_second * seconds <= resolution(PRIMARY):
        return None
    leader = clear_leader([one.slope * seconds for one in each], [one.jump for one in each])
    named = None if leader is None else each[leader].place
    process, footprint = tree, late.rows("footprint")
    if named is not None and len(named.lives) == 1:
        life = named.lives[0]
        own = late.rows("footprint", process_entity(life.pid))
        process, footprint = life.rows, footprint if own.empty else own
    return GrowthPlaces(
        replica=late.replica,
        seconds=seconds,
        per_hour=per_second * _HOUR,
        named=None if named is None else named.label,
        processes=tuple(_growth(one, per_second, late) for one in sorted(each, key=lambda one: -one.slope)),
        kinds=tuple(_kinds(late, footprint)),
        counts=_counts(late, process, footprint),
        beside=_per_hour(late, tree, _BESIDE) | _device(late),
        allocator=_per_hour(late, late.rows("allocator"), _ALLOCATOR),
    )


def _late(measured: Measured, series: Series) -> _Late | None:
    window = measured.windows[series.owner, series.replica]
    rows = measured.results.tree(series.owner, series.replica)
    for generation, start, part in generations(rows, "mono", window):
        if generation == series.generation:
            times = part["mono"][part["mono"] >= start + window.warmup]
            if len(times) < LEAST_TIMES:
                return None
            begin, end = float(times.iloc[0]), float(times.iloc[-1])
            return _Late(measured, series.owner, series.replica, generation, begin, (begin + end) / 2, end)
    return None


@dataclass(frozen=True, slots=True)
class _Grown:
    """A place, or the processes without rows of their own (None).

    The slope of its memory per second in the late part, and the largest rise from one reading to the next.
    """

    place: Place | None
    slope: float
    jump: float


def _of_processes(late: _Late) -> tuple[list[_Grown], float]:
    """The slope of every place in the late part, and their sum; nothing where single processes were not read."""
    samples = late.measured.results.samples(late.deployment, stored_under("process", OTHERS), late.replica)
    if samples.empty:
        return [], 0.0
    generation = samples[(samples["generation"] == late.generation) & (samples["mono"] <= late.end)]
    found = places(lives(generation))
    times = np.unique([at for place in found for life in place.lives for at in life.rows["mono"]])
    times = times[times >= late.begin]
    others = generation[generation["entity"] == OTHERS]
    levels = [_levels(place, times) for place in found]
    if len(others):
        rest = np.zeros(times.size)
        rest[np.isin(times, _array(others["mono"]))] = _array(others[PRIMARY][others["mono"].isin(times)])
        rest -= np.sum([own - read for own, read in levels], axis=0)  # part of the others while they had no rows
        levels.append((rest, rest))
    inside = times >= late.middle
    if np.count_nonzero(inside) < LEAST_TIMES:
        return [], 0.0
    sizes = np.column_stack([own for own, _ in levels])
    slopes = term_slopes(times[inside], sizes[inside])
    jumps = [_jump(place, late) for place in found] + [float(np.diff(rest).max()) for rest, _ in levels[len(found) :]]
    grown = [_Grown(*one) for one in zip([*found, None], slopes.tolist(), jumps, strict=False)]
    return grown, float(slopes.sum())


def _levels(place: Place, times: Floats) -> tuple[Floats, Floats]:
    """The memory of a place at ``times``, 0 while no process has it; and the part of it that was read just then."""
    level, read = np.zeros(times.size), np.zeros(times.size)
    for life in place.lives:
        at, size = _array(life.rows["mono"]), _array(life.rows[PRIMARY])
        lived = (times >= life.born) & (times <= life.last)
        level[lived] += np.interp(times[lived], at, size)
        own = np.isin(times, at)
        read[own] += size[np.isin(at, times)]
    return level, read


def _jump(place: Place, late: _Late) -> float:
    """The largest rise of a process of this place from one reading to the next, the start of a process left out."""
    analyzed = (life.rows[life.rows["mono"].between(late.begin, late.end)] for life in place.lives)
    return max((float(np.diff(_array(rows[PRIMARY])).max(initial=0.0)) for rows in analyzed), default=0.0)


def _growth(one: _Grown, whole: float, late: _Late) -> ProcessGrowth:
    share = one.slope / whole
    if one.place is None:
        return ProcessGrowth("other processes", None, None, 0, one.slope * _HOUR, share)
    last: Life = one.place.lives[-1]
    onset = _onset(last) if one.slope > 0 else None
    return ProcessGrowth(
        label=one.place.label,
        pid=last.pid,
        command=last.command or None,
        lives=len(one.place.lives),
        per_hour=one.slope * _HOUR,
        share=share,
        started=late.utc(last.born),
        grows_since=None if onset is None else late.utc(onset),
        grew_before=onset is not None and _from_the_first(last, onset),
    )


def _from_the_first(life: Life, onset: float) -> bool:
    """Whether a process that is older than its first reading rose from that reading on."""
    first, last = (float(life.rows["mono"].iloc[place]) for place in (0, -1))
    return life.born < first - _OLDER_SECONDS and onset - first <= 2 * _ONSET_SHARE * (last - first)


def _onset(life: Life) -> float | None:
    """The last time that the memory of a process was less than a twentieth of its rise above its first level.

    None where it has not risen. What rose from its first reading on has grown since then, or longer.
    """
    at, size = _array(life.rows["mono"]), _array(life.rows[PRIMARY])
    rise = size[-1] - size[0]
    if rise <= resolution(PRIMARY):
        return None
    return float(at[np.flatnonzero(size <= size[0] + _ONSET_SHARE * rise)[-1]])


def _kinds(late: _Late, footprint: pd.DataFrame) -> Iterator[KindGrowth]:
    """The growth by kind of mapping, the largest first."""
    slopes = {kind: late.slope(footprint, name) for name, kind in KINDS.items()}
    known = {kind: slope for kind, slope in slopes.items() if slope is not None}
    whole = sum(known.values())
    if len(known) == len(KINDS) and whole > 0:
        for kind, slope in sorted(known.items(), key=lambda item: -item[1]):
            yield KindGrowth(kind, slope * _HOUR, slope / whole)


def _counts(late: _Late, process: pd.DataFrame, footprint: pd.DataFrame) -> CountChange:
    stacks, reserved, resident = (late.change(footprint, name) or 0.0 for name in (_STACKS, _RESERVED, _STACK_BYTES))
    new = round(stacks) > 0
    by_kind = {kind: late.change(footprint, name) for name, kind in _FILES.items()}
    return CountChange(
        threads=_rounded(late.change(process, "process_threads")),
        open_files=_rounded(late.change(process, "process_fds")),
        open_files_by_kind={kind: round(change) for kind, change in by_kind.items() if change and round(change)},
        stacks=round(stacks),
        stack_reserved_bytes=reserved / stacks if new else None,
        stack_resident_bytes=resident / stacks if new else None,
    )


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def _per_hour(late: _Late, rows: pd.DataFrame, names: Mapping[str, str]) -> dict[str, float]:
    slopes = {called: late.slope(rows, name) for name, called in names.items()}
    return {called: slope * _HOUR for called, slope in slopes.items() if slope is not None}


def _device(late: _Late) -> dict[str, float]:
    rows = late.rows("device", "gpu-total")
    held = DEVICE_MEMORY in rows and bool((rows[DEVICE_MEMORY] > 0).any())
    return _per_hour(late, rows, {DEVICE_MEMORY: "device memory"}) if held else {}


def _array(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=np.float64)
