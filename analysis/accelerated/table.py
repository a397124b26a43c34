"""What became of the accelerated campaign: what its journal tells against what was done to it, and what it found."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from aging.store.events import CampaignResumed, ClockStepped, Event, HostSuspended
from aging.store.journal import read_journal
from aging.store.results import Results, open_results
from analysis.accelerated.scenario import Study, servers
from analysis.accelerated.virtual_time import HostTime

_NEAR_SECONDS = 200.0
"""A server that takes the place of another may take so long; so may a watchdog that waits for silence."""

_GAP_SECONDS = 2.5

_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "kill": ("campaign_resumed",),
    "clock": ("clock_stepped",),
    "suspend": ("host_suspended",),
    "load": ("load_died",),
    "silence": ("watchdog", "watchdog_over"),
    "death": ("deployment_died",),
    "reboot": ("campaign_resumed", "deployment_gone", "deployment_gone", "deployment_gone"),
    "disk": ("halting", "campaign_halted", "campaign_resumed"),
    "interrupt": ("interrupt", "campaign_interrupted", "campaign_resumed"),
}

_TROUBLES = [
    "campaign_resumed",
    "campaign_halted",
    "campaign_interrupted",
    "halting",
    "interrupt",
    "clock_stepped",
    "host_suspended",
    "load_died",
    "watchdog",
    "watchdog_over",
    "deployment_died",
    "deployment_gone",
    "run_repeated",
    "run_cut_short",
    "sampler_failing",
    "task_died",
    "keeper_died",
    "not_settled",
    "log_capped",
    "orphans_ended",
    "sampler_unavailable",
    "sampler_reduced",
]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of wall and of CPU, and its most resident bytes."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Lived:
    """One life of the runner, by its exit status."""

    status: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Told:
    """An injection, the journal's events that tell of it, and those that it lacks."""

    what: str
    told: Sequence[str]
    lacking: Sequence[str]


def compared(events: Sequence[Event], happened: Sequence[Mapping[str, Any]]) -> tuple[list[Told], list[Event]]:
    """What of each injection is told, and what is told that nobody did."""
    # The wall clock is set in the middle of it: an event's place in the journal tells what came after what.
    left = {place: event for place, event in enumerate(events) if event.kind in _TROUBLES}
    told = []
    for one in happened:
        wanted = [*_EXPECTED[one["what"]]]
        if one["what"] == "kill" and one["deployment"]:
            wanted.append("deployment_died")
        if one["what"] == "death" and one["share"] < 0.25:
            wanted.append("run_repeated")
        found = []
        for kind in wanted:
            if (place := _first(left, kind, one)) is not None:
                found.append(place)
                del left[place]
        kinds = [events[place].kind for place in found]
        lacking = list((Counter(wanted) - Counter(kinds)).elements())
        name = one["what"] + (f" {one['deployment']}" if one["deployment"] else "")
        told.append(Told(f"{name}, round {one['round'] + 1} at {one['share']:.0%}", kinds, lacking))
    return told, list(left.values())


def _first(left: Mapping[int, Event], kind: str, one: Mapping[str, Any]) -> int | None:
    """The first event of a kind that nothing else accounts for, and that agrees with what happened."""
    for place, event in left.items():
        if event.kind != kind or (event.deployment and one["deployment"] and event.deployment != one["deployment"]):
            continue
        if isinstance(event, ClockStepped | HostSuspended) and abs(event.seconds - one["seconds"]) > 1.0:
            continue
        late = abs(event.stamp.wall - one["wall"])
        if kind == "run_repeated" or late < abs(one["seconds"]) + _NEAR_SECONDS:  # repeats come at the end
            return place
    return None


# What is written.


def sizes(root: Path) -> dict[str, int]:
    """Bytes by source; everything that is no source's is ``other``."""
    found: Counter[str] = Counter()
    for path in root.rglob("*"):
        if path.is_file():
            parts = path.relative_to(root).parts
            found[parts[2] if len(parts) > 3 else "other"] += path.stat().st_size
    return dict(found)


def rows(root: Path) -> dict[str, int]:
    """Rows by source."""

    found: Counter[str] = Counter()
    for path in root.rglob("*.parquet"):
        found[path.relative_to(root).parts[2]] += pq.read_metadata(path).num_rows
    return dict(found)


def truths(hours: float) -> list[tuple[str, str, float]]:
    """Deployment, indicator and its growth in bytes an hour."""
    return [
        (server.name, indicator, growth)
        for server in servers(hours).values()
        for indicator, growth in (
            ("process_anon_swap_bytes", server.leak),
            ("device_process_memory_bytes", server.device_leak),
        )
    ]


def report(study: Study, hours: float, seed: int, lives: Sequence[Lived], analysis: Cost) -> Iterator[str]:
    """The table, a line at a time."""
    root = study.directory
    assert root is not None
    findings = json.loads((root / "findings.json").read_text())
    events = read_journal(root / "journal.jsonl")
    yield from _head(hours, seed)
    yield from _costs(HostTime.read(study.host), root, lives, analysis, events[-1].kind)
    yield from _told(events, study.happened())
    yield from _kept(root)
    yield from _runs(findings)
    yield from _found(findings, hours)


def _head(hours: float, seed: int) -> Iterator[str]:
    yield "# A 216-hour campaign under an accelerated clock"
    yield ""
    yield f"Written by `python -m analysis.accelerated.study --hours {hours:g} --seed {seed} --write`. Three slots,"
    yield "two deployments each, three replicas: the package's own plan, runner, journal, sampling loop, segments,"
    yield "sealing, lock, keeper, watchdogs, schedule, records, resumption, repeats and analysis. Simulated are the"
    yield "clocks, the servers and their answers to requests. Footprints are sampled as well, control groups are not."
    yield ""


def _costs(host: HostTime, root: Path, lives: Sequence[Lived], analysis: Cost, end: str) -> Iterator[str]:
    wall, cpu = sum(one.cost.wall for one in lives), sum(one.cost.cpu for one in lives)
    killed, size, count = sum(one.status == -9 for one in lives), sizes(root), rows(root)
    most = max(one.cost.memory for one in lives)
    yield "| | |"
    yield "|---|---|"
    yield f"| campaign time | {host.true / 3600:.1f} h |"
    yield f"| wall time | {wall / 60:.1f} min: {host.true / wall:.0f} times as fast |"
    yield f"| CPU time of runners, loads and seals | {cpu / 60:.1f} min |"
    yield f"| lives of the runner | {len(lives)}, {killed} of them ended by SIGKILL |"
    yield f"| memory of a runner with all that is simulated in it | {most / 1e6:.0f} MB |"
    yield f"| directory | {sum(size.values()) / 1e9:.3f} GB, {sum(count.values()):,} rows |"
    yield f"| analysis and report | {analysis.wall / 60:.1f} min, {analysis.memory / 1e9:.2f} GB in all processes |"
    yield f"| end | `{end}` |"
    yield ""
    yield "| source | rows | MB | bytes a row |"
    yield "|---|--:|--:|--:|"
    for source in sorted(size, key=lambda name: -size[name]):
        of = count.get(source, 0)
        yield f"| {source} | {of:,} | {size[source] / 1e6:.1f} | {f'{size[source] / of:.1f}' if of else ''} |"
    yield ""


def _told(events: Sequence[Event], happened: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    told, unexplained = compared(events, happened)
    yield "| what was done | what the journal tells of it | what it lacks |"
    yield "|---|---|---|"
    for one in told:
        yield f"| {one.what} | {', '.join(one.told)} | {', '.join(one.lacking) or 'nothing'} |"
    kinds = Counter(event.kind for event in events)
    untrue = "; ".join(f"{event.kind} {event.deployment or ''} {dict(event.details)}" for event in unexplained)
    yield ""
    yield f"Told though nobody did it: {untrue or 'nothing'}. Rejuvenations: {kinds['rejuvenation_started']} begun,"
    yield f"{kinds['rejuvenation_completed']} completed."
    yield ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Ticks of process trees while they were under load, and requests; of both those that are there twice.

    ``gaps`` are pauses of over 2.5 s between ticks, ``unexplained`` those of them in which there was a runner.
    """

    ticks: int
    twice: int
    gaps: int
    unexplained: int
    requests: int
    requests_twice: int


def kept(results: Results) -> Kept:
    """What is left of each second and of each request, by what the files hold."""
    away = [(e.gone_since, e.stamp.mono) for e in results.events if isinstance(e, CampaignResumed)]
    found: Counter[str] = Counter()
    for (deployment, replica), run in results.state.runs.items():
        samples = results.samples(deployment, "process", replica, columns=("mono", "entity"))
        begin, end = run.load_start or 0.0, min(run.planned_end or 0.0, run.died or math.inf)
        ticks = np.sort(samples.loc[samples["entity"] == "tree", "mono"].to_numpy(dtype=np.float64))
        ticks = ticks[(ticks >= begin) & (ticks <= end)]
        (gaps,) = np.nonzero(np.diff(ticks) > _GAP_SECONDS)
        numbers = results.samples(deployment, "requests", replica, columns=("index",))["index"]
        found += Counter(
            ticks=ticks.size,
            twice=int((np.diff(ticks) < _GAP_SECONDS / 5).sum()),
            gaps=gaps.size,
            unexplained=sum(not any(a - 1.5 <= ticks[k] and ticks[k + 1] <= b + 2.5 for a, b in away) for k in gaps),
            requests=len(numbers),
            requests_twice=int(numbers.duplicated().sum()),
        )
    return Kept(**{one.name: found[one.name] for one in fields(Kept)})


def _kept(root: Path) -> Iterator[str]:
    one = kept(open_results(root))
    yield f"Of {one.ticks:,} ticks of servers under load {one.twice} are there twice, and of {one.requests:,} requests"
    yield f"{one.requests_twice}. There are {one.gaps} pauses of over {_GAP_SECONDS:g} s, {one.unexplained} of them"
    yield "while there was a runner."
    yield ""


def _runs(findings: Mapping[str, Any]) -> Iterator[str]:
    yield "| run | attempt | worth | sampled | why |"
    yield "|---|--:|---|--:|---|"
    for run in findings["runs"]:
        name, share = f"{run['deployment']} r{run['replica']:02d}", run["measured_share"] or 0.0
        yield f"| {name} | {run['attempt']} | {run['validity']} | {share:.2%} | {'; '.join(run['reasons'])} |"
    kinds = Counter(problem["kind"] for problem in findings["problems"])
    yield ""
    yield f"Problems told: {', '.join(f'{kind} {number}' for kind, number in sorted(kinds.items()))}."
    yield ""


def _found(findings: Mapping[str, Any], hours: float) -> Iterator[str]:
    yield "| deployment | indicator | grows by kB/h | found | 95 % interval | verdict | right |"
    yield "|---|---|--:|--:|---|---|---|"
    found = {(one["deployment"], one["indicator"]): one for one in findings["findings"]}
    for name, indicator, growth in truths(hours):
        one = found[name, indicator]
        low, high = one["ci_per_hour"] or (float("nan"),) * 2
        right = one["verdict"] == "aging" and low <= growth <= high if growth else one["verdict"] != "aging"
        yield (
            f"| {name} | `{indicator}` | {growth / 1e3:.1f} | {(one['slope_per_hour'] or 0) / 1e3:.2f} "
            f"| {low / 1e3:.2f} to {high / 1e3:.2f} | {one['verdict']} | {'yes' if right else 'no'} |"
        )
    grows = {(name, indicator) for name, indicator, growth in truths(hours) if growth}
    leaking = [server.name for server in servers(hours).values() if server.leak]
    grows |= {(name, whole) for name in leaking for whole in ("process_rss_bytes", "process_vms_bytes")}  # have it, too
    false = [
        f"{one['deployment']} `{one['indicator']}`"
        for one in findings["findings"]
        if one["verdict"] == "aging" and (one["deployment"], one["indicator"]) not in grows
    ]
    yield ""
    yield f"Of {len(findings['findings'])} findings, called aging though nothing grows: {', '.join(false) or 'none'}."
