"""Starts a campaign whose runner survives the terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aging.app.live_page import PageAt, start_page
from aging.app.prepare import make_result_directory, prepare_campaign, print_notes
from aging.app.smoke import run_sanity_check
from aging.campaign.load import CampaignText
from aging.core.errors import InconclusiveError, writing
from aging.core.processes.child import describe_exit
from aging.core.processes.logs import tail
from aging.store.layout import Layout
from aging.store.lock import owner_of

_POLL_SECONDS = 0.05

_START_SECONDS = 60.0
"""From the start of a detached runner until it holds the lock; 2 s on a quiet host, mostly imports."""


def detach_campaign(
    campaign_text: CampaignText,
    results: Path,
    overrides: Mapping[str, Any],
    console: Console,
    page: PageAt | None = None,
) -> Detached:
    """Check a campaign and start its runner as a separate process, which outlives this one and its terminal.

    So does its live page, until the campaign has ended.
    Raises CampaignError or PreflightError before it starts or writes anything, InconclusiveError if the runner ends at
    once or the sanity run of the campaign fails.
    """
    if page is not None:
        page.check()
    prepared = prepare_campaign(campaign_text, results, overrides, console)
    run_sanity_check(prepared, campaign_text, results, console)
    layout = make_result_directory(prepared.campaign, prepared.manifest(), campaign_text.text, results)
    print_notes(prepared, console)
    with writing(layout.root):
        layout.journal.touch()  # with an empty journal, `resume` starts the campaign from its beginning
        log = layout.runner_log.open("ab")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aging", "resume", str(layout.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    follow_start(layout, process)
    if page is not None:
        start_page(layout, page, console)
    return Detached(layout, process.pid)


def follow_start(layout: Layout, process: subprocess.Popen[bytes], seconds: float = _START_SECONDS) -> None:
    """Return when the runner ``process`` has taken the directory's lock.

    Raises InconclusiveError with the end of its log if it exits, or does not take the lock within ``seconds``; then the
    runner is killed, so that it does not start unattended later.
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
    why = f"did not start within {seconds:g} s and was killed" if late else f"exited at once ({describe_exit(status)})"
    lines = "".join(f"\n  | {line}" for line in tail(layout.runner_log))
    raise InconclusiveError(f"{layout.root}: the runner {why}. End of {layout.runner_log}:{lines or ' empty'}")


@dataclass(frozen=True, slots=True)
class Detached:
    """A campaign whose runner is a separate process."""

    layout: Layout
    pid: int
