"""Starts a campaign that survives its terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.prepare import make_result_directory, prepare_campaign
from aging.app.smoke import _sane
from aging.campaign.load import CampaignText
from aging.core.errors import InconclusiveError, writing
from aging.core.processes.child import describe_exit
from aging.core.processes.logs import tail
from aging.store.layout import Layout
from aging.store.lock import owner_of

_POLL_SECONDS = 0.05


_START_SECONDS = 60.0
"""From starting a detached runner to its lock; on a quiet host it takes two, most of them for imports."""


def detach_campaign(written: CampaignText, results: Path, overrides: Mapping[str, Any], console: Console) -> Detached:
    """Check a campaign and have it run by a process of its own, which outlives this one and its terminal.

    Raises CampaignError or PreflightError before anything is started or written, InconclusiveError when that
    process has ended at once, or the sanity run that the campaign asks for was not passed.
    """
    planned = prepare_campaign(written, results, overrides, console)
    _sane(planned, written, results, console)
    layout = make_result_directory(planned, written, results, console)
    with writing(layout.root):
        layout.journal.touch()  # a campaign of which nothing has been done: it is resumed from its start
        log = layout.runner_log.open("ab")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aging", "resume", str(layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    follow_start(layout, process)
    return Detached(layout, process.pid)


def follow_start(layout: Layout, process: subprocess.Popen[bytes], seconds: float = _START_SECONDS) -> None:
    """Return when the runner that was started has taken the directory's lock.

    Raises InconclusiveError with the end of its log where it has ended instead, or has not begun within ``seconds``:
    then it is ended, for it would begin unattended later.
    """
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        owner = owner_of(layout.root)
        if owner is not None and owner.pid == process.pid:
            return
        time.sleep(_POLL_SECONDS)
    late = process.poll() is None
    if late:
        process.kill()
    status = process.wait()
    why = f"did not begin within {seconds:g} s and was ended" if late else f"ended at once ({describe_exit(status)})"
    said = "".join(f"\n  | {line}" for line in tail(layout.runner_log))
    raise InconclusiveError(f"{layout.root}: its runner {why}; the end of {layout.runner_log}:{said or ' nothing'}")


@dataclass(frozen=True, slots=True)
class Detached:
    """A campaign that runs in a process of its own."""

    layout: Layout
    pid: int
