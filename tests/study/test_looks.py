"""Why an attempt has ended, as its host says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.core.errors import AgingError
from aging.store.events import CampaignCompleted, CampaignFailed, CampaignStarted, DeploymentDied, Event
from aging.store.journal import Journal
from aging.study.fleet import AttemptKey, Look
from aging.study.host import control, discard, look, resume, stop
from aging.study.host.busy import starting
from aging.study.host.folder import HostFolder
from aging.study.supervision import look_pause

KEY = AttemptKey("s", "v-r1", 1)


def seen(scratch: Path, *happened: Event) -> Look:
    directory = HostFolder.of(str(scratch), "a").attempt(KEY).results / "small" / "20261130T000000Z"
    directory.mkdir(parents=True)
    (directory / "runner.log").write_text("report: results/small/20261130T000000Z/report.html\n")
    journal = Journal(directory / "journal.jsonl")
    for event in (CampaignStarted(pid=1, boot="b"), *happened):
        journal.record(event)
    journal.close()
    return look("a", [KEY], str(scratch))[0]


def test_servers_that_did_not_become_ready_are_named(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        DeploymentDied(deployment="vllm", replica=1, generation=1, why="ended (exit 1)", log=["CUDA out of memory "]),
        DeploymentDied(deployment="llama", replica=1, generation=1, why="not ready after 60 s"),
        CampaignFailed(),
    )
    assert (found.state, found.resumable) == ("failed", False)
    why = "no server became ready; vllm: ended (exit 1), after `CUDA out of memory`; llama: not ready after 60 s"
    assert found.why == why


def test_an_attempt_without_a_runner_can_be_resumed(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert (found.state, found.resumable, found.why) == ("abandoned", True, None)


class TestStarting:
    """An attempt whose start holds the host's lock of starts: its folder is there, and its runner owns it not yet."""

    @pytest.fixture
    def begun(self, tmp_path: Path) -> Path:
        """A host with the attempt as ``aging run --detach`` leaves it for its runner: an empty journal, no owner."""
        folder = HostFolder.of(str(tmp_path), "a").attempt(KEY).results / "small" / "20261130T000000Z"
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").touch()
        return tmp_path

    def test_it_runs(self, begun: Path) -> None:
        with starting(HostFolder.of(str(begun), "a"), KEY, 1.0):
            (found,) = look("a", [KEY], str(begun))
            assert (found.state, found.starting, found.resumable, found.runner) == ("running", True, False, None)
            with pytest.raises(AgingError, match="running"):
                discard("a", KEY, str(begun))
        (found,) = look("a", [KEY], str(begun))
        assert (found.state, found.starting, found.resumable) == ("abandoned", False, True)

    def test_before_it_has_a_folder(self, tmp_path: Path) -> None:
        with starting(HostFolder.of(str(tmp_path), "a"), KEY, 1.0):
            (found,) = look("a", [KEY], str(tmp_path))
        assert (found.state, found.starting) == ("running", True)

    def test_the_start_of_another(self, begun: Path) -> None:
        with starting(HostFolder.of(str(begun), "a"), AttemptKey("s", "v-r1", 2), 1.0):
            (found,) = look("a", [KEY], str(begun))
        assert (found.state, found.starting) == ("abandoned", False)

    def test_one_that_has_ended_has_ended(self, tmp_path: Path) -> None:
        seen(tmp_path, CampaignCompleted())
        with starting(HostFolder.of(str(tmp_path), "a"), KEY, 1.0):
            assert look("a", [KEY], str(tmp_path))[0].state == "completed"

    def test_it_is_neither_stopped_nor_continued_beside_its_start(
        self, begun: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control, "_WAIT_SECONDS", 0.2)
        monkeypatch.setattr(control, "spawn", None)  # no process is started
        monkeypatch.setattr(control, "spawn_apart", None)
        with starting(HostFolder.of(str(begun), "a"), KEY, 1.0):
            assert stop("a", KEY, str(begun)).starting
            assert resume("a", KEY, str(begun)).starting

    def test_it_is_looked_at_again_soon(self) -> None:
        assert look_pause(None, starting=True) < look_pause(None) / 10
