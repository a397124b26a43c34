"""The table of metrics holds what the samplers write and what is judged, and nothing else."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import aging.sampling.samplers
from aging.core.metric_table import METRICS, SOURCES
from aging.core.metrics import ages_downwards, indicators
from aging.core.plugins import discover
from aging.core.records import TREE
from aging.core.row_columns import SAMPLE_COLUMNS
from aging.core.targets import Target
from aging.sampling.base import Sampler
from aging.sampling.samplers.footprint import FootprintSampler
from aging.sampling.samplers.host import HostSampler
from tests.conftest import ROOT

TABLE = {metric.name: metric for metric in METRICS}
NAME = re.compile(r"(process|allocator|host|cgroup|limit|device)_[a-z0-9_]*[a-z0-9]")
EVENTS = {"host_suspended"}


def written_in_the_source() -> set[str]:
    """Every text in the samplers' code that is formed like a metric."""
    found = set()
    for path in Path(*aging.sampling.__path__).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    return found - EVENTS


def read_here() -> set[str]:
    """The metrics of the two samplers that put names together, as they read this host and this process."""
    own = Target("it", TREE, 1, (os.getpid(),))
    readings = [*HostSampler(lambda: [own]).read(), *FootprintSampler(lambda: [own]).read()]
    return {name for reading in readings for name in (*reading.values, *reading.missing)}


def test_it_holds_what_is_written_and_what_is_judged_and_nothing_else() -> None:
    assert set(TABLE) == written_in_the_source() | read_here() | set(indicators())


def test_no_metric_stands_twice() -> None:
    assert [name for name, times in Counter(metric.name for metric in METRICS).items() if times > 1] == []


def test_every_source_is_a_sampler_and_has_metrics() -> None:
    sources = {source.name for source in SOURCES}
    assert sources == {*discover(aging.sampling.samplers, Sampler), "requests"}
    assert sources == {metric.source for metric in METRICS}


def test_an_indicator_has_a_blind_spot_and_the_direction_that_is_judged() -> None:
    assert [name for name in indicators() if not TABLE[name].blind_spot] == []
    assert [name for name in indicators() if (TABLE[name].worse == "down") != ages_downwards(name)] == []


UNITS = {
    "_bytes": "bytes",
    "_seconds": "seconds",
    "_ratio": "ratio",
    "_watts": "watts",
    "_hertz": "Hz",
    "_celsius": "°C",
    "_fds": "count",
}


def test_the_unit_is_that_of_the_name() -> None:
    named = [
        (one, UNITS[ending]) for one in METRICS for ending in UNITS if one.name.removesuffix("_total").endswith(ending)
    ]
    assert [metric.name for metric, unit in named if metric.unit != unit] == []


def test_every_column_of_the_committed_results_is_described_under_its_source() -> None:
    wrong = []
    directories = [journal.parent for journal in (ROOT / "results").rglob("journal.jsonl")]
    assert directories
    for path in (path for directory in directories for path in directory.rglob("*.parquet")):
        source = path.parent.name.removesuffix("-each")  # rows of single processes
        for name in pq.read_schema(path).names if source != "requests" else ():
            if name in SAMPLE_COLUMNS or (source == "engine" and name.startswith("engine_")):
                continue
            if name not in TABLE or TABLE[name].source != source:
                wrong.append(f"{path}: {name}")
    assert wrong == []
