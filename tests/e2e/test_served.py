"""A campaign with its live page: the page comes with it, ends with it, and is nothing that it needs."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import psutil
import pytest

from aging.core.http import HTTPError, get
from aging.store.results import open_results
from tests.command_line import run_here
from tests.conftest import unused_port, wait_for
from tests.e2e.processes import PATIENCE_SECONDS, Started, campaign, kinds_of, listening, marked


def metric(port: int, sample: str) -> bool:
    """Whether a sample is exported with the value 1."""
    try:
        return f"{sample} 1.0\n" in get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    except HTTPError:
        return False


def pages(runner: int) -> list[psutil.Process]:
    """The live pages that a runner has started."""
    return [one for one in psutil.Process(runner).children() if "serve" in one.cmdline()]


@pytest.mark.thorough
def test_page_of_a_campaign(tmp_path: Path) -> None:
    file, port = campaign(tmp_path, duration="1h"), unused_port()
    with Started.of(tmp_path, "run", file, "--serve", "--listen", f"127.0.0.1:{port}") as started:
        loading = 'aging_run_phase{deployment="leak",replica="1",aging_run_phase="loading"}'
        wait_for(lambda: metric(port, loading), "no page", PATIENCE_SECONDS)
        assert metric(port, "aging_campaign_runner_up")
        started.runner.send_signal(signal.SIGINT)
        assert started.runner.wait(PATIENCE_SECONDS) == 130
        assert not listening(port)
        assert f"live page: http://127.0.0.1:{port}/" in (tmp_path / "output").read_text()
        assert open_results(started.root).state.phase == "interrupted"
        assert not marked(started.root)


@pytest.mark.slow
def test_a_page_that_is_killed(tmp_path: Path) -> None:
    file, port = campaign(tmp_path, duration="8s"), unused_port()
    with Started.of(tmp_path, "run", file, "--serve", "--listen", f"127.0.0.1:{port}") as started:
        wait_for(lambda: listening(port), "no page", PATIENCE_SECONDS)
        (page,) = pages(started.runner.pid)
        page.kill()
        assert started.runner.wait(PATIENCE_SECONDS) == 0
        assert open_results(started.root).state.phase == "completed"


@pytest.mark.slow
def test_page_of_a_detached_campaign(tmp_path: Path) -> None:
    file, port = campaign(tmp_path, duration="1h"), unused_port()
    with Started.of(tmp_path, "run", file, "--detach", "--serve", "--listen", f"127.0.0.1:{port}") as started:
        assert started.runner.wait(PATIENCE_SECONDS) == 0
        wait_for(lambda: "load_started" in kinds_of(started.root), "no load", PATIENCE_SECONDS)
        assert metric(port, "aging_campaign_runner_up")
        assert run_here(tmp_path, "stop", started.root).returncode == 0
        wait_for(lambda: not listening(port), "the page does not end", PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--serve", "--listen", "0.0.0.0:8765"], "--token-file"),
        (["--serve", "--listen", "nowhere"], "HOST:PORT"),
        (["--serve", "--listen", "TAKEN"], "choose another port"),
        (["--serve", "--listen", "TAKEN", "--detach"], "choose another port"),
        (["--token-file", "x"], "--serve"),
        (["--listen", "127.0.0.1:0"], "--serve"),
        (["--serve", "--token-file", "absent"], "absent"),
        (["--serve", "--smoke"], "--serve"),
    ],
)
def test_nothing_is_started(tmp_path: Path, arguments: list[str], message: str) -> None:
    file = campaign(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = run_here(tmp_path, "run", file, *(address if one == "TAKEN" else one for one in arguments))
    assert ran.returncode == 2
    assert message in ran.stderr
    assert not (tmp_path / "results").exists()


def test_two_pages_at_one_port(tmp_path: Path) -> None:
    root = tmp_path / "c" / "20260921T143320Z"
    root.mkdir(parents=True)
    (root / "journal.jsonl").touch()
    named = '"campaign": {"name": "c"}, "deployments": [], "schedule_hashes": {}, "seed": 1'
    (root / "manifest.json").write_text(f'{{"schema": 1, {named}}}')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run_here(tmp_path, "serve", root, "--listen", f"127.0.0.1:{port}")
    assert ran.returncode == 2
    assert str(port) in ran.stderr
    assert run_here(tmp_path, "serve", root, "--listen", "0.0.0.0:0").returncode == 2
    assert run_here(tmp_path, "serve", root, "--listen", "0.0.0.0:0", "--token", "short").returncode == 2
    several = run_here(tmp_path, "serve", tmp_path)
    assert several.returncode == 2
    assert str(root) in several.stderr
