"""Real campaigns of which a server is killed, another is rejuvenated, and whose runner is interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aging.store.results import Results
from tests.conftest import unused_port, wait_for
from tests.e2e.processes import Started, campaign, marked

RENEWED = """
[rejuvenation]
policy = "periodic"
every = "5s"
deployments = ["renewed"]
[[deployment]]
name = "renewed"
kind = "reference"
port = {port}
"""


@dataclass(frozen=True)
class Ended:
    """A campaign that was interrupted ``at`` a monotonic second."""

    code: int
    at: float
    results: Results
    left: int
    """Processes of it that lived when its runner had ended."""
    libraries: frozenset[str]
    """Packages of which its runner had a compiled library in memory while it measured."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    folder = tmp_path_factory.mktemp("interrupted")
    file = campaign(folder, extra=RENEWED.format(port=unused_port()))
    with Started.of(folder, "run", file) as started:
        started.until_event("load_started", 3)
        started.until_rows("leak")
        os.kill(started.pid("deployment_started", "leak"), signal.SIGKILL)
        started.until_event("deployment_died")
        started.until_event("rejuvenation_completed", 2)
        at = time.monotonic()
        started.until_rows("clean", after=at)
        mapped = Path(f"/proc/{started.runner.pid}/maps").read_text()
        started.runner.send_signal(signal.SIGINT)
        code = started.ended()
        libraries = frozenset(re.findall(r"/site-packages/(\w+)/\S+\.so", mapped))
        yield Ended(code, at, started.results, len(marked(started.root)), libraries)


@pytest.mark.thorough
def test_killed_server_ends_only_its_load(ended: Ended) -> None:
    (died,) = (event for event in ended.results.events if event.kind == "deployment_died")
    assert died.deployment == "leak"
    assert died.details["why"].startswith("killed by SIGKILL")
    assert len(ended.results.requests("clean")) > len(ended.results.requests("leak"))
    found = json.loads(ended.results.layout.findings.read_text())["problems"]
    assert {one["deployment"] for one in found if one["kind"] == "died"} == {"leak"}
    assert "killed by SIGKILL" in ended.results.layout.report.read_text()


@pytest.mark.thorough
def test_one_interrupt(ended: Ended) -> None:
    assert ended.code == 130
    assert ended.results.state.phase == "interrupted"
    assert (ended.results.requests("clean")["status"] == "ok").all()
    assert not list(ended.results.layout.root.rglob("*.live.jsonl"))
    assert ended.results.layout.report.exists()
    assert ended.left == 0


@pytest.mark.thorough
def test_what_measures_has_no_library_of_the_analysis_in_memory(ended: Ended) -> None:
    assert "numpy" in ended.libraries, "or none is seen"
    assert not ended.libraries & {"pandas", "pyarrow", "scipy", "statsmodels", "matplotlib"}


@pytest.mark.thorough
def test_rejuvenation_loses_no_request(ended: Ended) -> None:
    completed = [event for event in ended.results.events if event.kind == "rejuvenation_completed"]
    assert {event.deployment for event in completed} == {"renewed"}
    renewed, clean = ended.results.requests("renewed"), ended.results.requests("clean")
    before = renewed[renewed["scheduled"] < completed[1].stamp.mono]
    assert (before["status"] == "ok").all()
    assert before["held"].any()
    assert before["generation"].nunique() >= 2
    assert len(before) == (clean["scheduled"] < completed[1].stamp.mono).sum()
    assert ended.results.samples("renewed", "process")["generation"].nunique() >= 2


@pytest.mark.thorough
def test_second_interrupt(tmp_path: Path) -> None:
    file = campaign(tmp_path)
    text = file.read_text().replace('drain = "60s"', 'drain = "10m"').replace('timeout = "60s"', 'timeout = "10m"')
    head, _, leak = text.rpartition("[[deployment]]")
    file.write_text(f'{head.partition("[[deployment]]")[0]}[[deployment]]{leak}stop_timeout = "10m"\n')
    with Started.of(tmp_path, "run", file) as started:
        started.until_event("load_started")
        started.until_rows("leak", 5)
        server = started.pid("deployment_started", "leak")
        # A server that stands still neither answers nor ends: its runner waits for the one or the other for minutes.
        os.kill(server, signal.SIGSTOP)
        started.runner.send_signal(signal.SIGINT)
        started.until_event("interrupt")
        started.runner.send_signal(signal.SIGINT)
        started.until_event("interrupt", 2)
        os.kill(server, signal.SIGCONT)
        assert started.ended() == 130, started.output()
        assert started.events("interrupt")[-1].details["count"] == 2
        assert started.results.state.phase == "interrupted"
        wait_for(lambda: not marked(started.root), "a server is still running")
