"""A campaign that a program runs by ``aging.run``: interrupted as a notebook's cell is, and left by its caller."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.store.journal import read_journal
from aging.store.results import open_results
from tests.conftest import result_directory, wait_for, write_campaign

PROGRAM = """
import sys, aging
try:
    aging.run(sys.argv[1], duration="10m", results=sys.argv[2])
except KeyboardInterrupt as stopped:
    print("stopped:", stopped)
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program whose campaign is under load."""
    campaign = write_campaign(tmp_path, 0, 0, duration="1m", warmup="1s", rate=10.0, grid="5s")
    campaign.write_text(campaign.read_text().replace("port = 0\n", ""))
    argv = [sys.executable, "-c", PROGRAM, str(campaign), str(tmp_path / "results")]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    wait_for(lambda: _loads(tmp_path) == 2, "no load was started")
    yield process
    process.kill()
    process.communicate()


def _loads(folder: Path) -> int:
    journals = list(folder.glob("results/*/*/journal.jsonl"))
    return sum(event.kind == "load_started" for journal in journals for event in read_journal(journal))


@pytest.mark.slow
def test_an_interrupt_drains_and_analyzes_and_is_raised_again(program: subprocess.Popen[str], tmp_path: Path) -> None:
    program.send_signal(signal.SIGINT)
    output, _ = program.communicate(timeout=180)
    root = result_directory(tmp_path / "results")
    assert "stopped: interrupted" in output
    assert f"results: {root}" in output, "what `aging run` prints is relayed"
    assert open_results(root).state.phase == "interrupted"
    assert (root / "findings.json").is_file()


@pytest.mark.thorough
def test_a_campaign_ends_with_its_caller(program: subprocess.Popen[str], tmp_path: Path) -> None:
    program.kill()
    program.wait()
    root = result_directory(tmp_path / "results")
    wait_for(lambda: open_results(root).state.phase == "interrupted", "the campaign goes on without its caller")
    wait_for((root / "report.html").is_file, "it was not analyzed")
