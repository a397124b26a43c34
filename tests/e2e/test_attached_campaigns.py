"""Real campaigns on what somebody else has started, on containers, and on deployments of several components."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from aging.core.metrics import PRIMARY
from aging.store.results import Results, open_results
from tests.conftest import Aging, reference_servers, result_directory, unused_port
from tests.e2e.processes import Started
from tests.foreign import (
    IDLE,
    LEAK_PER_HOUR,
    LEAKY,
    LOAD,
    WATCH,
    contained,
    programs,
    with_docker,
    written,
)

PREFILL = """
import pathlib, sys, time
kept = bytearray(32 << 20)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
sys.exit(3)
"""


def findings(results: Results) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results.layout.findings.read_text())
    return found


def kinds_of_events(results: Results, deployment: str) -> list[str]:
    return [event.kind for event in results.events if event.deployment == deployment]


@pytest.mark.slow
def test_observe_growing_process(tmp_path: Path, cli: Aging) -> None:
    with programs(tmp_path) as program:
        creeping = program(LEAKY, "creeping-server")
        # By its whole path: another run of the tests on this machine may have one of this name.
        pattern = re.escape(str(tmp_path / "creeping-server.py"))
        ran = cli("observe", "--name", pattern, "--for", "20s", "--load-start", "now")
        assert ran.returncode == 0, ran.stderr
        assert creeping.poll() is None
    results = open_results(result_directory(tmp_path / "results"))
    found = findings(results)
    (memory,) = [
        one for one in found["findings"] if (one["deployment"], one["indicator"]) == ("creeping-server", PRIMARY)
    ]
    assert memory["verdict"] == "aging"
    assert memory["slope_per_hour"] == pytest.approx(LEAK_PER_HOUR, rel=0.1)
    assert memory["slope_per_request"] is None
    assert {problem["kind"] for problem in found["problems"]} <= {"ticks"}  # a busy testing machine's
    assert kinds_of_events(results, "creeping-server")[-1] == "deployment_left"
    assert "creeping-server  aging" in ran.stdout
    assert "first token" not in results.layout.report.read_text().casefold()


@dataclass(frozen=True)
class Ended:
    """A campaign that was killed, resumed and interrupted."""

    code: int
    output: str
    results: Results
    survivors: list[int]
    """What was not the campaign's to end and lives."""
    boxes: list[Path]
    """What the stand-in for docker still runs."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """Without load: processes by pid and by pattern that end, return or stay, a container, a worker and a control."""
    folder = tmp_path_factory.mktemp("watched")
    with pytest.MonkeyPatch.context() as patch, programs(folder) as program:
        boxes = with_docker(folder, patch)
        there, once, inside, mortal = (program(IDLE, name) for name in ("there", "once", "inside", "mortal"))
        (boxes / "tgi").write_text(str(inside.pid))
        pattern = json.dumps(re.escape(str(folder / "mortal.py")))
        file = written(
            folder,
            WATCH,
            f'name = "there"\nkind = "attach"\npid = {there.pid}',
            f'name = "once"\nkind = "attach"\npid = {once.pid}',
            f'name = "mortal"\nkind = "attach"\nprocess = {pattern}',
            'name = "tgi"\nkind = "attach"\ncontainer = "tgi"',
            f'name = "worker"\nkind = "command"\nport = {unused_port()}\ncommand = ["sleep", "600"]',
            f'name = "control"\nkind = "reference"\nport = {unused_port()}\nleak_per_request = "1KiB"',
            seconds=600,
        )
        with Started.of(folder, "run", file) as first:
            first.until_event("watch_started", 6)
            first.until_samples("there")
            first.kill()
            with Started.of(folder, "resume", first.root) as second:
                second.until_event("watch_resumed", 6)
                for process in mortal, once:
                    process.kill()
                    process.wait()
                second.until_event("deployment_died", 2)
                program(IDLE, "mortal")
                second.until_event("deployment_ready", 2, "mortal")
                second.until_samples("mortal", generation=2)
                second.runner.send_signal(signal.SIGINT)
                code = second.ended()
                survivors = [process.pid for process in (there, inside) if process.poll() is None]
                yield Ended(code, second.output(), second.results, survivors, [])
        assert survivors == [there.pid, inside.pid]


@pytest.mark.slow
def test_end_and_next_generation(watched: Ended) -> None:
    assert watched.code == 130, watched.output
    found = [kind for kind in kinds_of_events(watched.results, "mortal") if not kind.startswith("watch")]
    lives = ["deployment_started", "deployment_ready"]
    assert found == [*lives, "deployment_readopted", "deployment_died", *lives, "deployment_left"]
    assert sorted(watched.results.samples("mortal", "process")["generation"].unique()) == [1, 2]
    assert kinds_of_events(watched.results, "once")[-2:] == ["deployment_died", "watch_finished"]
    died = {one["deployment"] for one in findings(watched.results)["problems"] if one["kind"] == "died"}
    assert died == {"mortal", "once"}


@pytest.mark.slow
def test_resumed_observation_leaves_process_running(watched: Ended) -> None:
    assert len(watched.survivors) == 2
    for name in ("there", "tgi"):
        found = kinds_of_events(watched.results, name)
        assert found[found.index("watch_started") :] == [
            *("watch_started", "deployment_readopted", "watch_resumed", "watch_finished", "deployment_left"),
        ]
        assert set(watched.results.samples(name, "process")["generation"]) == {1}
    (boxed,) = (one.as_json() for one in watched.results.manifest.deployments if one.name == "tgi")
    assert (boxed["image"], boxed["image_id"]) == ("server:1", "sha256:abc")
    assert watched.results.samples("tgi", "process")["process_count"].dropna().eq(1).all()


@pytest.mark.slow
def test_no_load_no_requests(watched: Ended) -> None:
    assert len(watched.results.samples("worker", "process")) >= 10
    assert watched.results.requests("control").empty
    (control,) = (one for one in findings(watched.results)["controls"] if one["deployment"] == "control")
    assert (control["expected"], control["expected_per_hour"]) == ("not aging", 0.0), "nobody sends what it ages by"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """Under load: a server that ran already, a container, and a server with a component that ends."""
    folder = tmp_path_factory.mktemp("loaded")
    (script := folder / "prefill.py").write_text(PREFILL)
    server = json.dumps([sys.executable, "-m", "aging.deployments.reference_server", "--port", "{port}"])
    with pytest.MonkeyPatch.context() as patch, reference_servers() as reference:
        boxes = with_docker(folder, patch)
        url = reference("--leak-bytes-per-request", "16384")
        (there,) = (
            child for child in psutil.Process().children() if "aging.deployments.reference_server" in child.cmdline()
        )
        parts = f'name = "parts"\nkind = "command"\nport = {unused_port()}\ncommand = {server}\n'
        parts += f"components.prefill = {json.dumps([sys.executable, str(script), str(folder / 'end')])}"
        file = written(
            folder,
            LOAD.replace('"4s"', '"10m"'),
            f'name = "there"\nkind = "attach"\npid = {there.pid}\nurl = "{url}"',
            contained(),
            parts,
        )
        with Started.of(folder, "run", file) as first:
            first.until_event("load_started", 3)
            for name in ("there", "boxed", "parts"):
                first.until_rows(name)
            (folder / "end").touch()
            first.until_event("deployment_died")
            at = first.kill()
            with Started.of(folder, "resume", first.root) as second:
                second.until_event("load_resumed", 2)
                second.until_rows("boxed", after=at)
                second.runner.send_signal(signal.SIGINT)
                code = second.ended()
                survivors = [there.pid] if there.is_running() else []
                yield Ended(code, second.output(), second.results, survivors, list(boxes.iterdir()))


@pytest.mark.thorough
def test_load_on_attached_server(loaded: Ended) -> None:
    assert loaded.code == 130, loaded.output
    assert loaded.survivors
    requests = loaded.results.requests("there")
    assert set(requests["status"]) == {"ok"}
    assert len(loaded.results.samples("there", "process")) >= 20


@pytest.mark.thorough
def test_container_lifecycle(loaded: Ended) -> None:
    results = loaded.results
    (deployment,) = (one.as_json() for one in results.manifest.deployments if one.name == "boxed")
    assert deployment["image_id"] == "sha256:abc"
    assert deployment["image_digests"] == ["registry/server@sha256:def"]
    assert deployment["command"][:7] == ["docker", "run", "--rm", "--pull", "never", "--name", deployment["command"][6]]
    (started,) = (e for e in results.events if (e.kind, e.deployment) == ("deployment_started", "boxed"))
    assert kinds_of_events(results, "boxed").count("deployment_readopted") == 1
    assert not psutil.pid_exists(started.details["pid"])
    assert loaded.boxes == []
    samples = results.samples("boxed", "process")
    assert (samples["process_anon_bytes"].dropna() > 1 << 20).all()
    assert set(samples["generation"]) == {1}
    assert set(results.requests("boxed")["status"]) == {"ok"}
    assert kinds_of_events(results, "boxed")[-1] == "deployment_stopped"


@pytest.mark.thorough
def test_components(loaded: Ended) -> None:
    samples = loaded.results.samples("parts", "process")
    assert set(samples["entity"]) == {"tree", "tree/main", "tree/prefill"}
    memory = samples.pivot_table(index="mono", columns="entity", values="process_anon_bytes").dropna()
    assert len(memory) > 5
    # The parts are read some microseconds after the whole.
    assert (memory["tree"] - memory["tree/main"] - memory["tree/prefill"]).abs().median() <= 64 * 4096
    assert memory["tree/prefill"].median() > 32 << 20
    (died,) = (event for event in loaded.results.events if event.kind == "deployment_died")
    assert (died.deployment, died.details["why"]) == ("parts", "component prefill: exit 3")
