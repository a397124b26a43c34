"""Free ports of a real campaign: kept at a resume, also from another folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from aging.store.journal import read_journal
from aging.store.state import fold
from tests.conftest import wait_for
from tests.e2e.processes import PATIENCE_SECONDS, Started
from tests.runner.test_free_ports import CLEAN, HEAD


@pytest.mark.slow
def test_resume_from_another_folder(tmp_path: Path) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    (there / "serve").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m aging.deployments.reference_server --port "$1"\n'
    )
    (there / "serve").chmod(0o755)
    own = '[[deployment]]\nname = "own"\nkind = "command"\ncommand = ["./serve", "{port}"]\n'
    head = HEAD.replace('duration = "2s"', 'duration = "1h"\norphan_grace = "10m"')
    (there / "ports.toml").write_text("\n".join((head, CLEAN, own)))
    with Started.of(there, "run", "ports.toml") as begun:
        begun.until_event("load_started", 2)
        before = fold(read_journal(begun.root / "journal.jsonl")).runs
        begun.kill()
        pid = before["own", 1].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        def until(kind: str, count: int) -> None:
            wait_for(lambda: len(begun.events(kind)) >= count, f"no {kind}", PATIENCE_SECONDS)

        with Started.of(elsewhere, "resume", begun.root) as again:
            until("deployment_ready", 3)
            until("deployment_readopted", 1)
            runs = fold(read_journal(begun.root / "journal.jsonl")).runs
            assert (runs["clean", 1].generation, runs["own", 1].generation) == (1, 2)
            assert {run.port for run in runs.values()} == {run.port for run in before.values()}
            assert runs["own", 1].port == before["own", 1].port
            until("load_resumed", 2)
            again.runner.send_signal(signal.SIGINT)
            assert again.ended() == 130, again.output()
