"""Why an attempt has ended, as its host says it."""

from __future__ import annotations

from pathlib import Path

from aging.store.events import CampaignFailed, CampaignStarted, DeploymentDied, Event
from aging.store.journal import Journal
from aging.study.fleet import AttemptKey, Look
from aging.study.host import look
from aging.study.host.folder import HostFolder

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
