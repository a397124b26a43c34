"""Cells of a study as jobs of a batch system that share a folder of results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.store.journal import read_journal
from aging.study.ledger import read_ledger
from aging.study.state import fold
from tests.conftest import Aging, unused_port, wait_for, write_campaign

STUDY = 'name = "s"\ncampaign = "small.toml"\nreplicates = 2\nattempts = 2\n'


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    def write(duration: str = "4s") -> Path:
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        file = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s")
        file.rename(folder / "small.toml")
        (folder / "study.toml").write_text(STUDY)
        return folder / "study.toml"

    return write


def root(folder: Path) -> Path:
    return folder / "results" / "s" / "7"


class TestOptions:
    def test_what_does_not_fit(self, cli: Aging, study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
        file = study()
        for options, named in (
            (["--cell", "0"], "--study"),
            (["--study", "7"], "--cell"),
            (["--cell", "2", "--study", "7"], "0 to 1"),
            (["--cell", "0", "--study", "a/b"], "--study"),
            (["--cell", "0", "--study", "7", "--detach"], "--detach"),
        ):
            done = cli("run", file, *options)
            assert done.returncode == 2
            assert named in done.stderr

    @pytest.mark.parametrize("options", [[], ["--smoke"], ["--detach"], ["--duration", "1m"]])
    def test_a_study_file_needs_a_cluster_or_a_cell(
        self, cli: Aging, study: Callable[..., Path], options: list[str], tmp_path: Path
    ) -> None:
        done = cli("run", study(), *options)
        assert done.returncode == 2
        assert "--cluster" in done.stderr
        assert "--cell" in done.stderr
        assert "unknown key" not in done.stderr
        assert not (tmp_path / "results").exists()


class TestCell:
    @pytest.mark.thorough
    def test_to_its_end_once(self, cli: Aging, aging: Aging, study: Callable[..., Path], tmp_path: Path) -> None:
        file = study()
        done = aging("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 0, done.stderr
        cells = sorted(path.name for path in (root(tmp_path) / "cells").iterdir())
        assert len(cells) == 1
        attempt = root(tmp_path) / "cells" / cells[0] / "a01"
        assert (attempt / "findings.json").is_file()
        before = (attempt / "journal.jsonl").read_bytes()
        again = cli("run", file, "--cell", "0", "--study", "7")
        assert again.returncode == 0
        assert (attempt / "journal.jsonl").read_bytes() == before
        assert [path.name for path in attempt.parent.glob("a*")] == ["a01"]
        state = fold(read_ledger(root(tmp_path) / "ledger.jsonl"))
        result = state.cells[cells[0]].result
        assert result is not None
        assert (result.number, result.state, result.collected) == (1, "completed", True)

    @pytest.mark.thorough
    def test_interrupted_in_its_analysis(
        self, cli: Aging, aging: Aging, study: Callable[..., Path], tmp_path: Path
    ) -> None:
        file = study()
        assert aging("run", file, "--cell", "0", "--study", "7").returncode == 0
        (findings,) = root(tmp_path).glob("cells/*/a01/findings.json")
        ledger = root(tmp_path) / "ledger.jsonl"
        kept = [line for line in ledger.read_text().splitlines() if "attempt_seen" not in line]
        ledger.write_text("".join(f"{line}\n" for line in kept if "attempt_collected" not in line))
        findings.write_text("{}")  # those of the interrupt before
        assert cli("run", file, "--cell", "0", "--study", "7").returncode == 0
        assert json.loads(findings.read_text())["findings"]
        (cell,) = fold(read_ledger(ledger)).cells.values()
        assert cell.result is not None

    @pytest.mark.thorough
    def test_killed_and_run_again(
        self,
        aging: Aging,
        start_aging: Callable[..., subprocess.Popen[str]],
        study: Callable[..., Path],
        tmp_path: Path,
    ) -> None:
        file = study("15s")
        job = start_aging("run", file, "--cell", "1", "--study", "7")
        wait_for(lambda: bool(list(root(tmp_path).glob("cells/*/a01/leak/r01/requests/*"))), "no request was sent", 60)
        busy = aging("run", file, "--cell", "1", "--study", "7")
        assert busy.returncode == 2
        assert str(job.pid) in busy.stderr
        time.sleep(1)
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
        done = aging("run", file, "--cell", "1", "--study", "7")
        assert done.returncode == 0, done.stderr
        (journal,) = root(tmp_path).glob("cells/*/a*/journal.jsonl")
        kinds = [event.kind for event in read_journal(journal)]
        assert kinds.count("campaign_resumed") == 1
        assert kinds[-1] == "campaign_completed"

    @pytest.mark.thorough
    def test_an_attempt_of_another_host(
        self, cli: Aging, aging: Aging, study: Callable[..., Path], tmp_path: Path
    ) -> None:
        file = study()
        assert cli("run", file, "--cell", "9", "--study", "7").returncode == 2  # it made the study's folder
        plan = json.loads((root(tmp_path) / "study.json").read_text())
        begun = root(tmp_path) / "cells" / plan["cells"][0]["name"] / "a01"
        begun.mkdir(parents=True)
        (begun / "journal.jsonl").touch()
        keys = {"schema": 1, "campaign": {"name": "small"}, "deployments": [], "schedule_hashes": {}, "seed": 1}
        (begun / "manifest.json").write_text(json.dumps(keys | {"host": {"name": "elsewhere"}}))
        done = aging("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 0, done.stderr
        assert (begun.parent / "a02" / "findings.json").is_file()
        assert not (begun / "findings.json").exists()

    def test_attempts_are_used_up(self, cli: Aging, study: Callable[..., Path], tmp_path: Path) -> None:
        file = study()
        cli("run", file, "--cell", "9", "--study", "7")
        plan = json.loads((root(tmp_path) / "study.json").read_text())
        for number in 1, 2:
            (root(tmp_path) / "cells" / plan["cells"][0]["name"] / f"a0{number}").mkdir(parents=True)
        done = cli("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 3
        assert plan["cells"][0]["name"] in done.stderr

    def test_another_study_file(self, cli: Aging, study: Callable[..., Path]) -> None:
        file = study()
        cli("run", file, "--cell", "9", "--study", "7")
        file.write_text(STUDY.replace("replicates = 2", "replicates = 3"))
        done = cli("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 2
        assert "--study" in done.stderr

    @pytest.mark.thorough
    def test_several_jobs_at_once(
        self, start_aging: Callable[..., subprocess.Popen[str]], study: Callable[..., Path], tmp_path: Path
    ) -> None:
        """All but one find the folder made, or lose the race for it; none fails for it."""
        file = study()
        jobs = [start_aging("run", file, "--cell", str(number), "--study", "7") for number in (7, 8, 9)]
        for job in jobs:
            assert job.wait() == 2
            assert job.stdout is not None
            assert "0 to 1" in job.stdout.read()
        assert [path.name for path in root(tmp_path).parent.iterdir()] == ["7"]
        assert (root(tmp_path) / "study.json").is_file()
