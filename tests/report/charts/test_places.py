"""Growth by process and by kind of mapping over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aging.findings.series import Measured
from aging.report.charts.places import mapping_kinds_chart, process_places_chart
from aging.store.results import open_results
from tests.builders import MIB, SECONDS
from tests.findings.test_growth_places import MAIN, Process, steady, tree

KIB = 1024.0


def test_every_process_has_a_line_by_its_place(tmp_path: Path) -> None:
    first = Process(101, steady(20 * KIB), last=SECONDS / 2)
    second = Process(102, steady(0.0))
    successor = Process(103, steady(30 * KIB), first=SECONDS / 2 + 10)
    tree(tmp_path / "r", [MAIN, first, second, successor])

    chart = process_places_chart(Measured(open_results(tmp_path / "r")), "server", 1)

    assert chart is not None
    assert [one.label for one in chart.lines] == ["main process", "worker 1 of 2", "worker 2 of 2"]
    replaced = chart.lines[1]
    gap = np.flatnonzero(np.isnan(replaced.y))
    assert gap.size == 1
    assert SECONDS / 2 - 10 < replaced.t[gap[0]] < SECONDS / 2 + 20
    known = replaced.y[np.isfinite(replaced.y)]
    assert chart.top > known.max() > 25 * MIB


def test_one_process_alone_has_no_chart(tmp_path: Path) -> None:
    tree(tmp_path / "r", [MAIN])
    assert process_places_chart(Measured(open_results(tmp_path / "r")), "server", 1) is None
    assert mapping_kinds_chart(Measured(open_results(tmp_path / "r")), "server", 1) is None


def test_every_kind_of_mapping_has_a_line(tmp_path: Path) -> None:
    kinds = {"process_heap_bytes": steady(40 * KIB), "process_stack_bytes": steady(0.0, MIB)}
    tree(tmp_path / "r", [MAIN, Process(101, steady(40 * KIB))], footprint=kinds)

    chart = mapping_kinds_chart(Measured(open_results(tmp_path / "r")), "server", 1)

    assert chart is not None
    assert [one.label for one in chart.lines] == ["heap", "stacks"]
    heap = chart.lines[0]
    assert np.polyfit(heap.t, heap.y, 1)[0] / (40 * KIB) > 0.99
