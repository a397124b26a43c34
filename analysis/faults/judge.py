"""What became of a campaign that met a fault: judged from its directory, and from what had lain there before.

Nothing here believes the findings: rows are counted, gaps are looked for and held against the journal, and a verdict
is held against the rate that the leaking server was told to leak at.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.store.events import CampaignResumed, Event, LoadFinished
from aging.store.reader import read_rows
from aging.store.results import Results, open_results

SLACK_SECONDS = 1.0
"""What may be missing before a kill, and longer than an interval between two samples, on a busy host."""

MARGIN = 0.1
"""Of the known rate: how far it may lie outside a 95 % interval before the interval is called wrong."""

CLEAN, LEAK = "clean", "leak"

Key = tuple[str, float, str]
"""A row: its folder below the directory, its time or index, its entity."""

Rows = Mapping[Key, frozenset[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """``lost`` and ``changed`` are rows that had been written; ``lost_seconds`` is the longest before a kill of which
    nothing was written; ``unsent`` are arrivals without a record whose reason the journal tells, ``gaps`` what has
    none. ``wrong`` are verdicts that are not so and carry no mark, ``marked`` such of runs that are told short or
    broken. ``conclusive``: both controls have a verdict, and none is inconclusive. ``told`` are kinds of problems.
    """

    rows: int
    lost: Sequence[str] = ()
    changed: Sequence[str] = ()
    lost_seconds: float = 0.0
    duplicates: Sequence[str] = ()
    gaps: Sequence[str] = ()
    unsent: int = 0
    wrong: Sequence[str] = ()
    marked: Sequence[str] = ()
    conclusive: bool = False
    per_request: float | None = None
    interval: tuple[float, float] | None = None
    told: Sequence[str] = ()

    @property
    def faults(self) -> Sequence[str]:
        """What must not be, in words."""
        return (
            *(f"lost: {one}" for one in self.lost[:3]),
            *(f"changed: {one}" for one in self.changed[:3]),
            *(f"twice: {one}" for one in self.duplicates[:3]),
            *(f"gap: {one}" for one in self.gaps[:3]),
            *(f"wrong: {one}" for one in self.wrong),
        )


def rows_of(root: Path) -> Rows:
    """Every whole row that lies below ``root``, read by the formats' own libraries; also while it is written."""
    found: dict[Key, frozenset[tuple[str, Any]]] = {}
    for folder in sorted({path.parent for path in root.glob("*/r*/*/*") if path.suffix in (".parquet", ".jsonl")}):
        for row in _raw(folder):
            found[_key(root, folder, row)] = _content(row)
    return found


def _raw(folder: Path) -> Iterator[Mapping[str, Any]]:
    sealed = set()
    for path in sorted(folder.glob("*.parquet")):
        try:
            yield from pq.read_table(path).to_pylist()
        except (pa.ArrowException, OSError):
            continue
        sealed.add(path.name.removesuffix(".parquet"))
    for path in sorted(folder.glob("*.live.jsonl")):
        if path.name.removesuffix(".live.jsonl") in sealed:
            continue
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:  # sealed meanwhile
            yield from pq.read_table(path.with_name(path.name.removesuffix(".live.jsonl") + ".parquet")).to_pylist()
            continue
        for line in lines:
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                row = None
            if isinstance(row, dict):
                yield row


def _key(root: Path, folder: Path, row: Mapping[str, Any]) -> Key:
    name = str(folder.relative_to(root))
    if "index" in row:
        return name, float(row["index"]), ""
    return name, float(row.get("mono") or 0.0), str(row.get("entity"))


def _content(row: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset((name, float(value) if isinstance(value, int) else value) for name, value in _given(row))


def _given(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in row.items() if value is not None)


def judge(root: Path, before: Rows, kills: Sequence[float], leak_per_request: float) -> Judgement:
    """Judge a directory that has been analysed. ``before`` are rows that it must still hold; ``kills`` when its runner
    was killed while it sampled, in monotonic seconds. Raises what opening it raises.
    """
    results = open_results(root)
    findings = json.loads(results.layout.findings.read_text())
    told = sorted({problem["kind"] for problem in findings["problems"]})
    now: Counter[Key] = Counter()
    held: dict[Key, frozenset[tuple[str, Any]]] = {}
    for folder in sorted({path.parent for path in root.glob("*/r*/*/*") if path.suffix in (".parquet", ".jsonl")}):
        for row in read_rows(folder).table.to_pylist():
            key = _key(root, folder, row)
            now[key] += 1
            held[key] = _content(row)
    requests = [_arrivals(results, name, replica) for name, replica in results.state.runs]
    verdicts = [*_verdicts(findings, leak_per_request)]
    rate, interval = _rate(findings)
    return Judgement(
        rows=len(now),
        lost=[_told(key) for key in before if key not in held],
        changed=[_told(key) for key, content in before.items() if key in held and held[key] != content],
        lost_seconds=max((_unwritten(results, kill) for kill in kills), default=0.0),
        duplicates=[_told(key) for key, times in now.items() if times > 1],
        gaps=[
            *_gaps(results, over=results.state.ended is not None or "unfinished" not in told),
            *(gap for one in requests for gap in one.unexplained),
        ],
        unsent=sum(one.explained for one in requests),
        wrong=[what for what, marked in verdicts if not marked],
        marked=[what for what, marked in verdicts if marked],
        conclusive=_conclusive(findings),
        per_request=rate,
        interval=interval,
        told=told,
    )


def _told(key: Key) -> str:
    return f"{key[0]} at {key[1]:.3f} {key[2]}".rstrip()


@dataclass(frozen=True, slots=True)
class Absence:
    """Seconds in which nothing could be sampled, or sent, of a deployment, and that the journal tells."""

    begin: float
    end: float


def absences(events: Sequence[Event], name: str, *, load: bool) -> Sequence[Absence]:
    """What the journal tells of a deployment's being without a runner, or, of its ``load``, without a load process."""
    back = ("load_resumed",) if load else ("deployment_readopted", "deployment_ready")
    gone = ("deployment_died", "deployment_gone", "deployment_stopped", *(("load_died",) if load else ()))
    found = []
    for place, event in enumerate(events):
        mine = event.deployment == name
        if isinstance(event, CampaignResumed):
            ended = [one.stamp.mono for one in events[:place] if one.kind in ("interrupt", "halting")]
            begin = min(event.gone_since, *[one for one in ended if one > _life(events, place)], event.stamp.mono)
        elif mine and event.kind in gone:
            begin = event.stamp.mono
        else:
            continue
        later = (one.stamp.mono for one in events[place:] if one.deployment == name and one.kind in back)
        found.append(Absence(begin - SLACK_SECONDS, next(later, float("inf"))))
    return found


def _life(events: Sequence[Event], place: int) -> float:
    """When the runner that had gone by then had begun."""
    starts = [one.stamp.mono for one in events[:place] if one.kind in ("campaign_started", "campaign_resumed")]
    return max(starts, default=0.0)


def _gaps(results: Results, *, over: bool) -> Iterator[str]:
    """Stretches of a load without a process sample, and without a word in the journal that says why.

    Of a campaign that is not ``over``, and is told not to be, nothing is asked after its last sample.
    """
    interval = results.manifest.campaign.sampling_seconds.get("process", 1.0)
    for (name, replica), run in results.state.runs.items():
        if run.load_start is None or run.planned_end is None:
            continue
        ends = [end for end in (run.load_end, run.died) if end is not None]
        last = min(run.planned_end, *ends) if ends else run.planned_end
        told = absences(results.lasting_events, name, load=False)
        samples = results.samples(name, "process", replica)
        if samples.empty:
            yield f"{name}: no samples at all"
            continue
        tree = samples[samples["entity"] == "tree"]
        times = [float(time) for time in tree["mono"]]
        # Ticks that came late are told in the row after them.
        last = last if over or not times else min(last, times[-1])
        late = [*(float(missed) for missed in tree["missed"]), 0.0]
        for (begin, end), missed in zip(pairwise([run.load_start, *times, last]), late, strict=True):
            inside = max(begin, run.load_start), min(end, last)
            longest = SLACK_SECONDS + (missed + 2) * interval
            if inside[1] - inside[0] > longest and not _covered(inside, told):
                yield f"{name}: nothing sampled for {inside[1] - inside[0]:.2f} s at {inside[0] - run.load_start:.2f} s"


def _covered(stretch: tuple[float, float], told: Iterable[Absence]) -> bool:
    """Whether all but the slack of a stretch lies in what is told."""
    begin, end = stretch
    left = end - begin - sum(max(min(end, one.end) - max(begin, one.begin), 0.0) for one in told)
    return left <= SLACK_SECONDS


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Arrivals without a record: how many the journal explains, and the others in words."""

    explained: int
    unexplained: Sequence[str]


def _arrivals(results: Results, name: str, replica: int) -> Arrivals:
    events = results.lasting_events
    ended = [event.requests for event in events if isinstance(event, LoadFinished) and event.of_run(name, replica)]
    arrived = max((count for count in ended if count is not None), default=0)
    recorded = results.requests(name, replica)
    if recorded.empty:
        cut = any(event.kind in ("run_cut_short", "deployment_died") and event.deployment == name for event in events)
        return Arrivals(arrived, ()) if cut or not arrived else Arrivals(0, [f"{name}: no request records"])
    scheduled = dict(zip(recorded["index"], recorded["scheduled"], strict=True))
    told = absences(events, name, load=True)
    # The last one drawn may be what the end of the load forestalled.
    missing = [index for index in range(arrived - 1) if index not in scheduled]
    explained, unexplained = 0, []
    for _, group in groupby(enumerate(missing), lambda pair: pair[1] - pair[0]):
        indices = [index for _, index in group]
        begin = scheduled.get(indices[0] - 1, min(scheduled.values()))
        end = scheduled.get(indices[-1] + 1, max(scheduled.values()))
        if any(one.begin <= end and begin <= one.end for one in told):
            explained += len(indices)
        else:
            unexplained.append(f"{name}: {len(indices)} arrivals from index {indices[0]} on left no record")
    return Arrivals(explained, unexplained)


def _unwritten(results: Results, kill: float) -> float:
    """Seconds before a kill without a sample of any deployment that was sampled then; late ticks not counted."""
    longest = 0.0
    for name, replica in results.state.runs:
        samples = results.samples(name, "process", replica)
        if samples.empty:
            continue
        before = samples[samples["mono"] <= kill]
        if len(before) > 2 and any(samples["mono"] > kill - 5.0):
            longest = max(longest, kill - float(before["mono"].max()))
    return longest


def _verdicts(findings: Mapping[str, Any], leak_per_request: float) -> Iterator[tuple[str, bool]]:
    """Verdicts on the two controls that are not so, each with whether its run is marked as short or broken."""
    marked = {run["deployment"]: run["validity"] != "complete" for run in findings["runs"]}
    for finding in findings["findings"]:
        name = finding["deployment"]
        if finding["indicator"] != PRIMARY or name.startswith(HARNESS):
            continue
        if name == CLEAN and finding["verdict"] == "aging":
            yield f"{name} is called aging", marked.get(name, False)
        if name == LEAK and finding["verdict"] not in ("aging", "inconclusive"):
            yield f"{name} is called {finding['verdict']}", marked.get(name, False)
        if name == LEAK and finding["verdict"] == "aging" and finding["ci_per_request"] is not None:
            low, high = finding["ci_per_request"]
            margin = MARGIN * leak_per_request
            if not low - margin <= leak_per_request <= high + margin:
                told = f"{name}: {low:.0f} … {high:.0f} bytes per request do not hold {leak_per_request:.0f}"
                yield told, marked.get(name, False)


def _conclusive(findings: Mapping[str, Any]) -> bool:
    found = {one["deployment"]: one["verdict"] for one in findings["findings"] if one["indicator"] == PRIMARY}
    return found.get(LEAK) == "aging" and found.get(CLEAN) not in (None, "inconclusive")


def _rate(findings: Mapping[str, Any]) -> tuple[float | None, tuple[float, float] | None]:
    """Bytes per request of the leaking control, and the interval, where it is found aging."""
    for one in findings["findings"]:
        if (one["deployment"], one["indicator"], one["verdict"]) == (LEAK, PRIMARY, "aging"):
            interval = one["ci_per_request"]
            return one["slope_per_request"], None if interval is None else (interval[0], interval[1])
    return None, None
