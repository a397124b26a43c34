"""``aging stop`` of a campaign with a runner, which is a process that holds the lock and counts its interrupts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.runner.stop import stop
from aging.store.events import CampaignCompleted, CampaignResumed, Event, Halting, Interrupt
from aging.store.journal import Journal
from aging.store.layout import Layout

RUNNER = """
import pathlib, signal, sys
from aging.store.lock import Lock
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
lock = Lock.take(pathlib.Path(sys.argv[1]), "runner")
print("runs", flush=True)
if sys.stdin.readline():
    print(signal.SIGINT in signal.sigpending(), flush=True)
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", RUNNER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("events", "interrupted"),
    [
        ((), True),
        ((Interrupt(),), False),
        ((Halting(reason="its disk is full"),), False),
        ((Interrupt(), CampaignResumed(pid=1, boot="b", shift=0.0, gone_since=0.0)), True),
        ((CampaignCompleted(),), False),
    ],
)
def test_a_runner_is_interrupted_once(
    runner: subprocess.Popen[str], tmp_path: Path, events: tuple[Event, ...], *, interrupted: bool
) -> None:
    layout = Layout(tmp_path)
    journal = Journal(layout.journal)
    for event in events:
        journal.record(event)
    journal.close()
    layout.journal.touch()
    first = next(stop(tmp_path, layout))
    assert str(runner.pid) in first
    asked, _ = runner.communicate("asked\n", timeout=30)
    assert asked == f"{interrupted}\n"
