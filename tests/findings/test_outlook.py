"""The outlook in the findings: of the worst replica, for the limit that is asked, given or sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.findings.asked import Asked
from aging.findings.build import analyze
from aging.findings.findings_file import read_findings, write_findings
from aging.findings.outlook import outlook_of
from aging.findings.types import Outlook
from aging.runner.catalogue import Catalogue
from aging.stats import Course, Exponent
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, MIB, RATE, SECONDS, flat, leak, memory_finding, synthetic
from tests.conftest import ROOT

TESTS = Catalogue.discovered().tests
GIB, DAY = 2.0**30, 86_400.0
CONSTANT = Exponent(1.0, 1.0, 1.0)


def course(rate: float) -> Course:
    return Course(GIB, rate, rate, rate, 60.0, 3600.0, 3600.0, CONSTANT)


def answer_of(results: Any, name: str, asked: Asked = Asked()) -> Outlook:  # noqa: B008
    found = memory_finding(analyze(results, TESTS, asked=asked), name).outlook
    assert found is not None
    return found


def test_limit_of_the_host_and_what_is_asked(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0), "flat": flat}, host={"memory_limit_bytes": 2 * 2**30})
    found = answer_of(results, "leak")
    left = 2 * GIB - 100 * MIB - 5000 * RATE * SECONDS
    assert (found.answer, found.limit, found.horizon_hours) == ("exhausts", 2 * GIB, 720.0)
    assert found.earliest_hours is not None
    assert found.latest_hours is not None
    assert found.earliest_hours < left / (5000 * RATE * 3600) * 1.05
    assert found.latest_hours > left / (5000 * RATE * 3600) * 0.95
    assert found.since is not None
    asked = answer_of(results, "leak", Asked(memory_limit=64 * GIB, horizon=3600.0))
    assert (asked.answer, asked.limit, asked.horizon_hours) == ("safe", 64 * GIB, 1.0)


def test_limit_of_the_control_group(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"flat": flat}, host={"memory_limit_bytes": 64 * 2**30})
    writer = SegmentWriter(results.layout.source("flat", "cgroup"))
    row = {"mono": LOAD_START + 1.0, "generation": 1, "entity": "cgroup", "missing": None}
    writer.append(0.0, [row | {"cgroup_memory_limit_bytes": 1.0 * GIB}])
    writer.close()
    assert answer_of(results, "flat").limit == GIB


def test_limits_of_the_target_with_their_names(tmp_path: Path) -> None:
    results = synthetic(
        tmp_path / "r", {"flat": flat}, host={"memory_limit_bytes": 64 * 2**30, "open_files_limit": 20_000}
    )
    writer = SegmentWriter(results.layout.source("flat", "limits"))
    row = {"generation": 1, "entity": "tree", "missing": None, "limit_host_memory_bytes": 64 * GIB}
    rooms = {"limit_host_memory_room_bytes": 8 * GIB, "limit_cgroup_memory_bytes": GIB}
    rooms |= {"limit_cgroup_memory_room_bytes": GIB / 2, "limit_cgroup_memory_levels": 1.0}
    writer.append(0.0, [row | {"mono": LOAD_START + at} | rooms for at in (1.0, 300.0)])
    writer.close()
    memory = answer_of(results, "flat")
    assert memory.limit == pytest.approx(100 * MIB + GIB / 2, rel=0.01), "its own level and the room that is left"
    assert memory.limit_name == "the 1.00 GiB of the control group 1 level above its own"


def test_no_limit_no_outlook(tmp_path: Path) -> None:
    finding = memory_finding(analyze(synthetic(tmp_path / "r", {"leak": leak(5000.0)}), TESTS), "leak")
    assert finding.outlook is None
    assert finding.current_per_hour == pytest.approx(5000 * RATE * 3600, rel=0.03)
    assert finding.current_ci_per_hour is not None
    assert finding.growth_axis in ("seconds", "requests", "tokens")
    assert (finding.current_per_unit is None) == (finding.growth_axis == "seconds")


def test_worst_replica() -> None:
    found = outlook_of([course(1.0), course(1e6), course(2e6), course(10.0)], 64 * GIB, 30 * DAY)
    assert found is not None
    assert found.answer == "exhausts"
    assert found.earliest_hours == pytest.approx(63 * GIB / 2e6 / 3600)
    assert outlook_of([], 64 * GIB, DAY) is None


@pytest.mark.thorough
def test_replicas(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0)}, replicas=3, host={"memory_limit_bytes": 2 * 2**30})
    finding = memory_finding(analyze(results, TESTS), "leak")
    assert finding.current_per_hour == pytest.approx(5000 * RATE * 3600, rel=0.03)
    assert finding.outlook is not None
    assert finding.outlook.answer == "exhausts"


def test_never_is_null() -> None:
    still = Course(GIB, 0.0, 0.0, 0.0, 60.0, 3600.0, 3600.0, None)
    found = outlook_of([still], 64 * GIB, 30 * DAY)
    assert found is not None
    assert (found.answer, found.earliest_hours, found.latest_hours) == ("safe", None, None)


def test_files_without_outlooks_are_read(tmp_path: Path) -> None:
    earlier = read_findings(ROOT / "results" / "real-runtimes" / "findings.json")
    assert earlier is not None
    assert all(one.outlook is None for one in earlier.findings)
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0)}, host={"memory_limit_bytes": 2 * 2**30})
    findings = analyze(results, TESTS)
    write_findings(findings, tmp_path / "findings.json")
    written = read_findings(tmp_path / "findings.json")
    assert written is not None
    (memory,) = [one for one in written.findings if one.indicator == PRIMARY and one.deployment == "leak"]
    assert memory.outlook == memory_finding(findings, "leak").outlook
    assert np.isfinite(memory.current_per_hour or np.nan)
