"""A real service that ages in what its metrics show, observed by the command line: series, rates, limits and times."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Aging, result_directory

FILES = 1200


@contextmanager
def service(*arguments: str) -> Iterator[tuple[int, str]]:
    """The pid of a leaking service with 1,200 descriptors at most, and the address of its metrics."""

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))

    with subprocess.Popen(
        [sys.executable, "-m", "tests.leaking_service", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=few_files,  # noqa: PLW1509 - no threads here
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield process.pid, f"http://127.0.0.1:{port}/metrics"
        finally:
            process.kill()


@pytest.mark.slow
def test_a_service_that_ages_in_its_metrics(tmp_path: Path, cli: Aging) -> None:
    # A tenth of a second and a third of the cache a minute, 60 descriptors a minute.
    with service("--latency", "0.1", "--cache", "0.3", "--files", "60") as (pid, url):
        ran = cli("observe", "--pid", str(pid), "--metrics", url, "--for", "40s", "--load-start", "now")
        assert ran.returncode == 0, ran.stderr
        held = len(os.listdir(f"/proc/{pid}/fd"))
    results = result_directory(tmp_path / "results")
    written = json.loads((results / "findings.json").read_text())
    found: dict[str, dict[str, Any]] = {
        one["indicator"]: one for one in written["findings"] if not one["deployment"].startswith("_")
    }
    latency = found['engine_shop_request_latency_mean_seconds{endpoint="/embed"}']
    assert latency["verdict"] == "aging"
    assert latency["slope_per_hour"] == pytest.approx(6.0, rel=0.1)
    cache = found["engine_shop_kv_cache_usage_ratio"]
    assert cache["verdict"] == "aging"
    assert cache["slope_per_hour"] == pytest.approx(18.0, rel=0.1)
    assert cache["outlook"]["limit"] == 1.0
    assert cache["slope_per_request"] == pytest.approx(0.3 / 60 / 48, rel=0.2), "its counter of requests is found"
    files = found["process_fds"]
    assert files["verdict"] == "aging"
    assert files["outlook"]["limit"] == FILES
    assert files["outlook"]["limit_name"] == "its limit of 1200 open files (ulimit -n)"
    assert files["exhaustion_hours"][0] == pytest.approx((FILES - held) / 3600, rel=0.1)
    assert "reaches its limit of 1200 open files (ulimit -n) in" in ran.stdout
    codes = {one["series"]: one["code"] for one in written["unjudged"]}
    assert codes["engine_shop_workers"] == "constant"
    assert codes["engine_shop_requests_total"] == "work"
    assert codes["engine_shop_uptime_seconds"] == "clock"
