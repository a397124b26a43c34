"""Where memory grew: synthetic trees of processes whose truth is known, from rows on disk to the finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.core.records import OTHERS, process_entity
from aging.findings.build import analyze
from aging.findings.types import Finding, GrowthPlaces
from aging.report.places import where
from aging.runner.catalogue import Catalogue
from aging.store.layout import Layout
from aging.store.results import open_results
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, MIB, SECONDS, Course, flat, memory_finding, synthetic

TESTS = {"series_har": Catalogue.discovered().tests["series_har"]}
KIB = 1024.0


def steady(per_second: float, level: float = 20 * MIB) -> Course:
    return lambda t: level + per_second * t


@dataclass(frozen=True)
class Process:
    """One process: its memory over the seconds of load, and the first and the last second that it is read."""

    pid: int
    memory: Course
    parent: int = 100
    command: str = "python server.py"
    first: float = -10.0
    last: float = SECONDS
    unread: tuple[float, float] = (0.0, 0.0)
    also: Mapping[str, Course] = field(default_factory=dict)


def tree(
    root: Path,
    processes: Iterable[Process],
    footprint: Mapping[str, Course] | None = None,
    *,
    others: Course | None = None,
    more: Course = flat,
) -> Finding:
    """The finding on a deployment whose tree is the sum of these processes (and ``more``), read every 5 s."""
    given = list(processes)

    def total(t: np.ndarray) -> np.ndarray:
        return sum((np.where((t >= one.first) & (t <= one.last), one.memory(t), 0.0) for one in given), more(t))

    synthetic(root, {"server": total})
    writer = SegmentWriter(Layout(root).source("server", "process-each", 1))
    for at in np.arange(2.5, SECONDS, 5.0):
        now = np.array([at])
        rows: list[dict[str, Any]] = [
            {
                "entity": process_entity(one.pid),
                "pids": str(one.pid),
                "parent": one.parent,
                "command": one.command,
                "process_uptime_seconds": at - one.first,
                PRIMARY: float(one.memory(now)[0]),
                **{name: float(course(now)[0]) for name, course in one.also.items()},
            }
            for one in given
            if one.first <= at <= one.last and not one.unread[0] <= at < one.unread[1]
        ]
        if others is not None:
            rows.append({"entity": OTHERS, PRIMARY: float(others(now)[0])})
        writer.append(1.0, [{"mono": LOAD_START + at, "generation": 1, "missed": 0} | row for row in rows])
    writer.close()
    if footprint is not None:
        slow = SegmentWriter(Layout(root).source("server", "footprint", 1))
        for at in np.arange(30.0, SECONDS, 60.0):
            values = {name: float(course(np.array([at]))[0]) for name, course in footprint.items()}
            slow.append(1.0, [{"mono": LOAD_START + at, "generation": 1, "entity": "tree", "missed": 0, **values}])
        slow.close()
    return memory_finding(analyze(open_results(root), TESTS), "server")


def place(root: Path, processes: Iterable[Process], **more: Any) -> GrowthPlaces:
    (found,) = tree(root, processes, **more).places
    return found


def noise(seed: int) -> Course:
    return lambda t: 20 * MIB + np.random.default_rng([seed, int(t[0])]).normal(0, 100 * KIB, t.size)


MAIN = Process(100, steady(0.0), parent=1)


def test_since_when_a_worker_grows(tmp_path: Path) -> None:
    late = Process(103, lambda t: 20 * MIB + 40 * KIB * np.maximum(t - 0.6 * SECONDS, 0.0))
    found = place(tmp_path / "r", [MAIN, Process(102, noise(102)), late])
    started, since = found.processes[0].started, found.processes[0].grows_since
    assert started is not None
    assert since is not None
    after = (datetime.fromisoformat(since) - datetime.fromisoformat(started)).total_seconds()
    assert after == pytest.approx(10 + 0.6 * SECONDS, abs=0.05 * 0.4 * SECONDS + 6)
    assert not found.processes[0].grew_before


def test_leaking_worker_is_named(tmp_path: Path) -> None:
    leaking = Process(103, steady(7 * KIB), also={"process_threads": lambda t: 3 + t // 100})
    found = place(tmp_path / "r", [MAIN, *(Process(pid, noise(pid)) for pid in (101, 102)), leaking])
    assert found.named == "worker 3 of 3"
    first = found.processes[0]
    assert (first.label, first.pid, first.command, first.lives) == ("worker 3 of 3", 103, "python server.py", 1)
    assert first.per_hour == pytest.approx(7 * KIB * 3600, rel=0.001)
    assert first.grows_since is not None
    assert first.started is not None
    assert first.started <= first.grows_since
    assert first.grew_before
    assert sum(one.share for one in found.processes) == pytest.approx(1)
    assert sum(one.per_hour for one in found.processes) == pytest.approx(found.per_hour)
    assert found.counts.threads == 4  # in the late half alone
    assert found.seconds == pytest.approx((SECONDS - 60) / 2, abs=2)


def test_none_is_named_where_all_grow(tmp_path: Path) -> None:
    found = tree(tmp_path / "r", [MAIN, *(Process(pid, steady(5 * KIB)) for pid in (101, 102, 103, 104))])
    (one,) = found.places
    assert one.named is None
    assert {round(of.share, 2) for of in one.processes} == {0.25, 0.0}
    assert "not clearly one of 5 processes: worker 1 of 4 25 %" in where(found)[0]


def test_growth_of_the_first_half_is_not_attributed(tmp_path: Path) -> None:
    def filled(t: np.ndarray) -> np.ndarray:
        return 20 * MIB + 40 * MIB * np.minimum(t / 300, 1)

    found = place(tmp_path / "r", [MAIN, Process(101, filled), Process(102, steady(9 * KIB))])
    assert found.named == "worker 2 of 2"
    assert found.processes[0].share == pytest.approx(1)


def test_a_worker_that_was_replaced_keeps_its_place(tmp_path: Path) -> None:
    def leak_since(start: float) -> Course:
        return lambda t: 20 * MIB + 50 * KIB * (t - start)

    found = place(
        tmp_path / "r",
        [
            MAIN,
            Process(101, steady(0.0)),
            Process(102, leak_since(0), first=0, last=600),
            Process(110, leak_since(0), first=603),
        ],
    )
    (first, *_) = found.processes
    assert (found.named, first.pid, first.lives) == ("worker 2 of 2", 110, 2)


def test_processes_without_rows_of_their_own(tmp_path: Path) -> None:
    # Process 101 was read singly but for 500 to 700 s, when it was one of the others.
    def others(t: np.ndarray) -> np.ndarray:
        return steady(3 * KIB)(t) + np.where((t >= 500) & (t < 700), steady(0.0, 80 * MIB)(t), 0.0)

    found = place(
        tmp_path / "r",
        [MAIN, Process(101, steady(0.0, 80 * MIB), unread=(500, 700)), Process(102, steady(9 * KIB))],
        others=others,
    )
    growth = {one.label: one.per_hour / 3600 for one in found.processes}
    assert growth["worker 2 of 2"] == pytest.approx(9 * KIB, rel=0.01)
    assert growth["other processes"] == pytest.approx(3 * KIB, rel=0.01)
    assert growth["worker 1 of 2"] == pytest.approx(0, abs=1)
    assert found.named == "worker 2 of 2"


FOOTPRINT: Mapping[str, Course] = {
    "process_heap_bytes": steady(300.0),
    "process_anonymous_mapping_bytes": steady(9_700.0),
    "process_stack_bytes": steady(0.0),
    "process_modified_file_bytes": steady(0.0),
}


def test_kinds_of_a_single_process(tmp_path: Path) -> None:
    found = tree(tmp_path / "r", [Process(100, steady(10_000.0), parent=1)], FOOTPRINT, more=steady(0.0, 0.0))
    (one,) = found.places
    assert [(kind.kind, round(kind.share, 2)) for kind in one.kinds][:2] == [
        ("anonymous mappings", 0.97),
        ("heap", 0.03),
    ]
    assert "pid 100, python server.py, growing since" in where(found)[0]
    assert ", the only process; anonymous mappings 97 %, heap 3 %" in where(found)[0]


def test_threads_and_sockets_beside_the_memory(tmp_path: Path) -> None:
    def threads(t: np.ndarray) -> np.ndarray:
        return t // 5

    footprint = dict(FOOTPRINT) | {
        "process_stack_bytes": lambda t: 132 * KIB * threads(t),
        "process_thread_stacks": threads,
        "process_thread_stack_reserved_bytes": lambda t: 8 * MIB * threads(t),
        "process_socket_fds": lambda t: 40 + t // 5,
    }
    also: Mapping[str, Course] = {"process_threads": threads, "process_fds": lambda t: 50 + t // 5}
    found = tree(tmp_path / "r", [Process(100, steady(1e5), parent=1, also=also)], footprint, more=steady(0.0, 0.0))
    counts = found.places[0].counts
    assert counts.threads == pytest.approx(84, abs=2)
    assert counts.stacks == pytest.approx(84, abs=6)  # read once a minute
    assert (counts.stack_reserved_bytes, counts.stack_resident_bytes) == pytest.approx((8 * MIB, 132 * KIB))
    assert counts.open_files == pytest.approx(84, abs=2)
    assert set(counts.open_files_by_kind) == {"socket"}
    (said,) = where(found)
    assert "stacks of 8.00 MiB reserved, 132 KiB resident each" in said
    assert "sockets" in said


def test_rows_of_earlier_releases_have_counts_alone(tmp_path: Path) -> None:
    found = tree(tmp_path / "r", [], more=steady(9 * KIB))
    (one,) = found.places
    assert (one.named, one.processes, one.kinds) == (None, (), ())
    assert one.per_hour == pytest.approx(9 * KIB * 3600, rel=0.01)


@pytest.mark.parametrize("per_second", [0.0, -5 * KIB], ids=["flat", "falls"])
def test_no_growth_no_place(tmp_path: Path, per_second: float) -> None:
    assert tree(tmp_path / "r", [Process(100, steady(per_second), parent=1)]).places == ()


def test_device_and_shared_memory_beside_the_indicator(tmp_path: Path) -> None:
    root = tmp_path / "r"
    tree(root, [Process(100, steady(5 * KIB), parent=1)], more=steady(0.0, 0.0))
    writer = SegmentWriter(Layout(root).source("server", "device", 1))
    for at in np.arange(0.5, SECONDS, 1.0):
        held = {"device_process_memory_bytes": float(2**30 + 50 * KIB * at)}
        writer.append(1.0, [{"mono": LOAD_START + at, "generation": 1, "entity": "gpu-total", "missed": 0} | held])
    writer.close()
    (found,) = memory_finding(analyze(open_results(root), TESTS), "server").places
    assert found.beside == pytest.approx({"device memory": 50 * KIB * 3600})


def test_one_entry_a_replica(tmp_path: Path) -> None:
    course: Callable[[np.ndarray], np.ndarray] = steady(9 * KIB)
    results = synthetic(tmp_path / "r", {"server": course}, replicas=2)
    found = memory_finding(analyze(results, TESTS), "server")
    assert [one.replica for one in found.places] == [1, 2]
    assert where(found) == []  # nothing is known of where
