"""The note on memory that the allocator keeps: from synthetic series, and in a campaign."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from aging.core import malloc_probe
from aging.core.metrics import ALLOCATOR, PRIMARY
from aging.core.targets import Target
from aging.findings.allocator_retention import with_retention
from aging.findings.series import Series
from aging.findings.types import Finding
from aging.sampling.samplers.allocator import AllocatorSampler
from aging.sampling.samplers.process import ProcessSampler
from aging.stats.note import Note
from tests.conftest import Aging, result_directory

Reference = Callable[..., str]

MIB = 2**20
T = np.linspace(0, 3600, 61)
BEFORE = Note("before", "A note.")


def of(indicator: str, grown: float, owner: str = "a") -> Series:
    return Series(owner, 1, 1, indicator, T, grown * MIB * T / T[-1], {})


def finding(indicator: str = PRIMARY) -> Finding:
    unknown = ("shape", "slope_per_hour", "ci_per_hour", "slope_per_request", "ci_per_request", "p", "q")
    nothing: dict[str, Any] = dict.fromkeys(unknown)
    return Finding("a", indicator, 1, 61, "aging", minimum_detectable_per_hour=None, tests={}, **nothing).with_notes(
        [BEFORE]
    )


def test_shares_in_note() -> None:
    series = [of(PRIMARY, 100), of("allocator_in_use_bytes", 20), of("allocator_retained_bytes", 60)]
    noted = with_retention(finding(), [*series, of("allocator_in_use_bytes", 999, "b")])
    assert noted.note_codes == ("before", "retention")
    # The levels are those of a tenth at each end.
    assert re.findall(r"\+[0-9.]+ MiB", noted.notes[1]) == ["+91.7 MiB", "+18.3 MiB", "+55.0 MiB", "+18.3 MiB"]


@pytest.mark.parametrize(
    "series",
    [
        [of(PRIMARY, 100)],
        [of(PRIMARY, 100), of("allocator_in_use_bytes", 20)],
        [of(PRIMARY, -100), of("allocator_in_use_bytes", 20), of("allocator_retained_bytes", 60)],
    ],
    ids=["no probe", "half a probe", "no growth"],
)
def test_no_note(series: list[Series]) -> None:
    assert with_retention(finding(), series).note_codes == ("before",)


def test_other_indicator() -> None:
    series = [of(PRIMARY, 100), of("allocator_in_use_bytes", 20), of("allocator_retained_bytes", 60)]
    assert with_retention(finding("process_fds"), series) == finding("process_fds")


COMPILED = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the probe with")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.thorough
@COMPILED
@pytest.mark.usefixtures("cache")
def test_mapped_memory_of_server(reference: Reference) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in malloc_probe.environment({}).items():
            patch.setenv(name, value)
        url = reference("--leak-bytes-per-request", "65536", "--ttft-seconds", "0", "--token-seconds", "0")
    (server,) = (
        child.pid for child in psutil.Process().children() if "aging.deployments.reference_server" in child.cmdline()
    )
    targets = (Target("leak", "tree", 1, (server,)),)
    samplers = [kind(lambda: targets) for kind in (ProcessSampler, AllocatorSampler)]
    values: dict[str, list[float]] = {name: [] for name in (PRIMARY, *ALLOCATOR)}
    with httpx.Client(base_url=url, trust_env=False) as client:
        for _ in range(12):
            for _ in range(20):
                client.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).raise_for_status()
            read = {name: value for sampler in samplers for one in sampler.read() for name, value in one.values.items()}
            for name, series in values.items():
                series.append(read[name])
    t = np.arange(12.0)
    grown = {name: float(np.polyfit(t, y, 1)[0]) for name, y in values.items()}
    assert grown[PRIMARY] == pytest.approx(20 * 65536, rel=0.05)
    assert abs(grown["allocator_in_use_bytes"]) < 0.05 * grown[PRIMARY]
    sampled = [Series("leak", 1, 1, name, t, np.asarray(y), {}) for name, y in values.items()]
    assert "retention" in with_retention(replace(finding(), deployment="leak"), sampled).note_codes


@COMPILED
@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_mapped_leak_in_campaign(campaign_file: Callable[..., Path], aging: Aging, tmp_path: Path) -> None:
    file = campaign_file(duration="12s")
    text = file.read_text().replace("[sampling]\n", '[sampling]\nallocator = "250ms"\n')
    file.write_text(text + "allocator_probe = true\n")  # of the leaking server, the last table
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads((result_directory(tmp_path / "results") / "findings.json").read_text())["findings"]
    memory = {one["deployment"]: one for one in found if one["indicator"] == PRIMARY}
    in_use = {one["deployment"]: one for one in found if one["indicator"] == "allocator_in_use_bytes"}
    assert "clean" not in in_use
    grown = memory["leak"]["slope_per_hour"]
    assert memory["leak"]["verdict"] == "aging"
    assert abs(in_use["leak"]["slope_per_hour"]) < 0.05 * grown
    assert "retention" in memory["leak"]["note_codes"]
