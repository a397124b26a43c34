"""Cells of a study as jobs of a batch system that share a folder of results."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.app.study_cell import _taken
from aging.app.study_report import read_study
from aging.report.study.accounting import headline
from aging.report.study.folder import account_of
from aging.runner.catalogue import Catalogue
from aging.store.journal import read_journal
from aging.store.lock import Lock, LockedError
from aging.study import events
from aging.study.fleet import AttemptState
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger, read_ledger
from aging.study.load import load_study
from aging.study.plan_file import read_plan, write_plan
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


def made(file: Path, folder: Path) -> StudyLayout:
    """The study's folder as the first job makes it."""
    layout = StudyLayout(root(folder))
    layout.cells.mkdir(parents=True)
    write_plan(layout, load_study(file, Catalogue.discovered().kinds()))
    return layout


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    def test_an_attempt_of_another_host(self, aging: Aging, study: Callable[..., Path], tmp_path: Path) -> None:
        file = study()
        made(file, tmp_path)
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
        made(file, tmp_path)
        plan = json.loads((root(tmp_path) / "study.json").read_text())
        for number in 1, 2:
            (root(tmp_path) / "cells" / plan["cells"][0]["name"] / f"a0{number}").mkdir(parents=True)
        done = cli("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 3
        assert plan["cells"][0]["name"] in done.stderr

    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            (STUDY.replace("replicates = 2", "replicates = 3"), "replicates"),
            (STUDY + "seed = 7\n", "seed"),
            (STUDY.replace("attempts = 2", "attempts = 5"), "attempts"),
            (STUDY + "[matrix]\nseed = [1, 2]\n", "campaign"),
        ],
    )
    def test_another_study_file(
        self, cli: Aging, study: Callable[..., Path], tmp_path: Path, asked: str, named: str
    ) -> None:
        file = study()
        made(file, tmp_path)
        before = contents(root(tmp_path))
        file.write_text(asked)
        done = cli("run", file, "--cell", "0", "--study", "7")
        assert done.returncode == 2
        assert "--study" in done.stderr
        assert named in done.stderr
        assert contents(root(tmp_path)) == before

    def test_the_results_of_the_study_file(self, cli: Aging, study: Callable[..., Path], tmp_path: Path) -> None:
        file = study()
        file.write_text('results = "out"\n' + STUDY)
        (made(file, tmp_path).root.parent.parent).rename(file.parent / "out")
        plan = json.loads((file.parent / "out" / "s" / "7" / "study.json").read_text())
        for number in 1, 2:
            (file.parent / "out" / "s" / "7" / "cells" / plan["cells"][0]["name"] / f"a0{number}").mkdir(parents=True)
        assert cli("run", file, "--cell", "0", "--study", "7").returncode == 3
        assert not (tmp_path / "results").exists()

    def test_a_campaign_file(self, cli: Aging, study: Callable[..., Path], tmp_path: Path) -> None:
        done = cli("run", study().with_name("small.toml"), "--cell", "0", "--study", "7")
        assert done.returncode == 2
        assert "study file" in done.stderr
        assert "mistakes" not in done.stderr
        assert not (tmp_path / "results").exists()

    @pytest.mark.parametrize("cell", ["9", "0"])
    def test_a_refusal_writes_nothing(self, cli: Aging, study: Callable[..., Path], tmp_path: Path, cell: str) -> None:
        """Of a cell that there is not, and of a cell whose port is taken."""
        file = study()
        campaign = file.with_name("small.toml")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(re.findall(r"port = (\d+)", campaign.read_text())[0])
            campaign.write_text(campaign.read_text().replace(str(port), str(taken.getsockname()[1])))
            assert cli("run", file, "--cell", cell, "--study", "7").returncode == 2
        assert not (tmp_path / "results").exists()


class TestStudyOfACluster:
    """The folder of a head is none of jobs, and the other way round; neither changes the other's."""

    @pytest.fixture
    def layout(self, study: Callable[..., Path], tmp_path: Path) -> StudyLayout:
        return made(study(), tmp_path)

    def record(self, layout: StudyLayout, *happened: events.StudyEvent) -> str:
        with contextlib.closing(Ledger(layout.ledger)) as ledger:
            for event in happened:
                ledger.record(event)
        return read_plan(layout).cells[0].name

    def cell(self, cli: Aging, tmp_path: Path) -> str:
        before = contents(root(tmp_path))
        done = cli("run", tmp_path / "files" / "study.toml", "--cell", "0", "--study", "7")
        assert done.returncode == 2
        assert contents(root(tmp_path)) == before
        return done.stderr

    def test_a_head_runs_it(self, cli: Aging, layout: StudyLayout, tmp_path: Path) -> None:
        with contextlib.closing(Lock.take(layout.root, "study")):
            assert str(os.getpid()) in self.cell(cli, tmp_path)

    def test_another_job_runs_the_cell(self, cli: Aging, layout: StudyLayout, tmp_path: Path) -> None:
        folder = layout.cells / read_plan(layout).cells[0].name
        folder.mkdir()
        with contextlib.closing(Lock.take(folder, "runner")):
            said = self.cell(cli, tmp_path)
            assert (str(os.getpid()) in said, "cancel its job" in said, "aging stop" in said) == (True, True, False)
            with pytest.raises(LockedError, match="cancel its job"):
                _taken(folder)

    def test_begun_on_a_cluster(self, cli: Aging, layout: StudyLayout, tmp_path: Path) -> None:
        self.record(layout, events.StudyStarted(pid=1, cluster="c:6379"))
        assert f"aging resume {layout.root}" in self.cell(cli, tmp_path)

    @pytest.mark.parametrize("command", ["resume", "stop"])
    def test_cells_are_jobs(self, cli: Aging, layout: StudyLayout, command: str) -> None:
        name = read_plan(layout).cells[0].name
        self.record(layout, events.AttemptPlaced(cell=name, number=1, host="h"))
        (layout.cells / name).mkdir()
        before = contents(layout.root)
        with contextlib.closing(Lock.take(layout.cells / name, "runner")):
            done = cli(command, layout.root, "--cluster", "127.0.0.1:1")
            assert str(os.getpid()) in done.stderr
        assert (done.returncode, "--cell" in done.stderr) == (2, True)
        assert {path: one for path, one in contents(layout.root).items() if path.name != "lock"} == before

    def test_jobs_have_left_nothing_to_resume(self, cli: Aging, layout: StudyLayout) -> None:
        for cell in read_plan(layout).cells:
            self.record(
                layout,
                events.AttemptPlaced(cell=cell.name, number=1, host="h"),
                events.AttemptSeen(cell=cell.name, number=1, state="completed"),
                events.AttemptCollected(cell=cell.name, number=1, files=1, size=1, whole=True),
            )
        done = cli("resume", layout.root)
        assert (done.returncode, "nothing is left to do" in done.stdout) == (0, True)

    def test_a_collected_copy_is_not_continued(self, cli: Aging, layout: StudyLayout) -> None:
        name = read_plan(layout).cells[0].name
        self.record(layout, events.StudyStarted(pid=1, cluster="c:6379"))
        copy = layout.attempt(name, 1)
        copy.mkdir(parents=True)
        done = cli("resume", copy)
        assert (done.returncode, f"aging resume {layout.root}" in done.stderr) == (2, True)

    @pytest.mark.parametrize("state", ["absent", "running"])
    def test_status_of_a_job(self, cli: Aging, layout: StudyLayout, state: AttemptState) -> None:
        name = read_plan(layout).cells[0].name
        seen = events.AttemptSeen(cell=name, number=1, state=state)
        self.record(layout, events.AttemptPlaced(cell=name, number=1, host="h"), seen)
        (layout.cells / name).mkdir()

        def status() -> tuple[str, str]:
            shown = json.loads(cli("status", layout.root, "--json").stdout)
            return shown["state"], next(one["status"] for one in shown["cells"] if one["cell"] == name)

        def found() -> str:
            return next(one.status for one in read_study(layout.root).findings.cells if one.cell == name)

        def reported() -> tuple[str, str]:
            account = read_study(layout.root).account
            return account.state, next(row.status for row in account.rows if row.cell == name)

        with contextlib.closing(Lock.take(layout.cells / name, "runner")):
            assert status() == reported() == ("running", "running")
            assert found() == "running"
            assert "running: cells are jobs" in headline(account_of(layout, read_plan(layout)))
            listed = cli("status", "--results", layout.root.parent.parent)
            assert ": study, running" in listed.stdout
        assert status() == reported() == ("abandoned", "abandoned")
        assert found() == "unfinished"


class TestJobs:
    @pytest.mark.thorough
    def test_several_jobs_at_once(
        self, start_aging: Callable[..., subprocess.Popen[str]], study: Callable[..., Path], tmp_path: Path
    ) -> None:
        """Of two jobs of a cell one runs it; a job of another cell finds the folder made, or loses the race for it."""
        file = study()
        campaign = file.with_name("small.toml")
        campaign.write_text(re.sub(r"(?m)^port = .*\n", "", campaign.read_text()))
        jobs = [start_aging("run", file, "--cell", number, "--study", "7") for number in ("0", "0", "1")]
        assert sorted(job.wait() for job in jobs) == [0, 0, 2]
        cells = fold(read_ledger(root(tmp_path) / "ledger.jsonl")).cells.values()
        assert [(len(cell.attempts), cell.counts) for cell in cells] == [(1, 1), (1, 1)]
        assert [path.name for path in root(tmp_path).parent.iterdir()] == ["7"]
        assert (root(tmp_path) / "study.json").is_file()
