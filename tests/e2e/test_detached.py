"""Detached campaigns, and their status from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aging.store.journal import Journal
from aging.store.lock import owner_of
from aging.store.results import open_results
from tests.command_line import run_here
from tests.conftest import wait_for
from tests.e2e.processes import PATIENCE_SECONDS, campaign, end_all, kinds_of, marked


@pytest.mark.thorough
def test_detached_campaign_survives_terminal(tmp_path: Path) -> None:
    file = campaign(tmp_path, duration="1h")
    # A shell with a session of its own, as a login's: it gets SIGHUP, and everything in its session.
    argv = [sys.executable, "-m", "aging", "run", str(file), "--detach", "--duration", "10m"]
    shell = subprocess.Popen(
        ["sh", "-c", '"$@"; echo "code $?"; sleep 600', "sh", *argv],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert shell.stdout is not None
    lines = [shell.stdout.readline() for _ in range(3)]
    root = tmp_path / lines[0].removeprefix("results: ").strip()
    runner = int(lines[1].removeprefix("runner:").partition(",")[0])
    assert lines[2] == "code 0\n"
    os.killpg(shell.pid, signal.SIGHUP)
    shell.wait()
    shell.stdout.close()
    try:
        wait_for(lambda: kinds_of(root).count("load_started") == 2, "no load", PATIENCE_SECONDS)
        assert psutil.Process(runner).is_running()
        assert os.getsid(runner) == runner
        found = json.loads(run_here(tmp_path, "status", "--json", root).stdout)
        assert (found["state"], found["runner_pid"], found["resumable"]) == ("running", runner, False)
        assert {run["deployment"] for run in found["runs"]} == {"clean", "leak"}
        stopped = run_here(tmp_path, "stop", root)
        assert stopped.returncode == 0, stopped.stderr
        watched = run_here(tmp_path, "status", "--watch", root)  # until it has ended, and it has
        assert watched.returncode == 0
        assert "small · interrupted" in watched.stdout
        wait_for(lambda: owner_of(root) is None, "the runner does not end", PATIENCE_SECONDS)
    finally:
        end_all(root)
    assert "report:" in (root / "runner.log").read_text()
    results = open_results(root)
    assert results.state.phase == "interrupted"
    assert results.state.runs["leak", 1].planned_seconds == 600.0
    assert not marked(root)
    assert str(root.relative_to(tmp_path)) in run_here(tmp_path, "status").stdout


def test_mistakes_before_detach(tmp_path: Path) -> None:
    file = campaign(tmp_path)
    file.write_text(file.read_text() + "nonsense = 1\n")
    ran = run_here(tmp_path, "run", file, "--detach")
    assert ran.returncode == 2
    assert "unknown key" in ran.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("verb", "manifest", "message"),
    [
        ("resume", "no directory", "does not exist"),
        ("resume", "no journal", "is not a result directory (it has no journal.jsonl)"),
        ("stop", "no journal", "is not a result directory (it has no journal.jsonl)"),
        ("resume", "none", "manifest.json: cannot be read: No such file"),
        ("status", "none", "manifest.json: cannot be read: No such file"),
        ("resume", '{"schema": 99}', "format version 99 is unknown"),
        ("resume", '{"schema": 1', "manifest.json: is not JSON"),
    ],
)
def test_not_resumable(tmp_path: Path, verb: str, manifest: str, message: str) -> None:
    root = tmp_path / "there"
    if manifest != "no directory":
        root.mkdir()
    if manifest not in ("no directory", "no journal"):
        Journal(root / "journal.jsonl").close()
    if manifest.startswith("{"):
        (root / "manifest.json").write_text(manifest)
    ran = run_here(tmp_path, verb, root)
    assert ran.returncode == 2, ran.stdout
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_status_without_campaigns(tmp_path: Path) -> None:
    assert "no campaign found" in run_here(tmp_path, "status").stdout
    assert json.loads(run_here(tmp_path, "status", "--json").stdout) == []
    refused = run_here(tmp_path, "status", "--watch")
    assert refused.returncode == 2
    assert "--watch" in refused.stderr
