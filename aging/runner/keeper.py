"""``python -I -S keeper.py DIR RUNNER_PID RUNNER_START GRACE PATIENCE``: ends the processes of a killed runner.

One keeper per campaign, in its own session. Its standard input is a pipe that only the runner holds:
the pipe closes when the runner ends, and a runner that ends in order writes ``goodbye`` first.
Otherwise the keeper waits GRACE seconds for another runner (``aging resume``) to take the directory's
lock, then takes the lock itself and ends the processes that are proven to belong to the campaign:
SIGTERM, then SIGKILL after PATIENCE seconds. The bare interpreter needs about 10 MB.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

# -I removes the script's folder from the path, -S all installed packages.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aging.core.processes.ownership import Identity, campaign_processes, end, is_running, mark
from aging.store.lock import Lock, LockedError, recorded_owner

# The journal is imported on demand: a process that waits for days should be small.

GOODBYE = b"goodbye\n"
_POLL_SECONDS = 0.1
_HANDOVER_SECONDS = 5.0
"""The maximum time from another runner's lock until that runner has its own keeper."""


def main(arguments: list[str]) -> None:
    directory, pid, start, grace, patience = arguments
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # survive a logout
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    root, runner = Path(directory), Identity(int(pid), int(start))
    if _received_goodbye():
        return
    died = time.monotonic()
    while time.monotonic() < died + float(grace):
        # From the content of the lock file: a process that is just ending may hold the lock for an instant.
        owner = recorded_owner(root)
        if owner is not None and owner.identity != runner:
            if owner.role != "runner" or _runs_for(owner.identity, _HANDOVER_SECONDS):
                return  # its processes have been ended, or the new runner has its own keeper
            if _has_ended(root):
                return  # the new runner has ended in order
            runner, died = owner.identity, time.monotonic()
        time.sleep(_POLL_SECONDS)
    try:
        lock = Lock.take(root, "keeper")
    except (LockedError, FileNotFoundError):  # another runner was faster, or the directory was deleted
        return
    _end_processes(root, float(patience), died)
    lock.close()


def _received_goodbye() -> bool:
    """Wait until the input closes; whether the runner wrote its goodbye."""
    content = b""
    while part := os.read(sys.stdin.fileno(), 64):
        content += part
    return content.endswith(GOODBYE)


def _runs_for(one: Identity, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not is_running(one):
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _has_ended(root: Path) -> bool:
    from aging.store.journal import read_journal  # noqa: PLC0415
    from aging.store.state import fold  # noqa: PLC0415

    return fold(read_journal(root / "journal.jsonl")).ended is not None


def _end_processes(root: Path, patience: float, died: float) -> None:
    """End the campaign's processes. The holder of the lock is the only writer of the journal."""
    from aging.core.clock import Timeline  # noqa: PLC0415
    from aging.store.events import OrphansEnded  # noqa: PLC0415
    from aging.store.journal import Journal, read_journal  # noqa: PLC0415
    from aging.store.state import fold  # noqa: PLC0415

    path, campaign = root / "journal.jsonl", mark(root)
    state = fold(read_journal(path))
    ended = end(lambda: campaign_processes(campaign, state.recorded()), patience)
    if ended:
        journal = Journal(path, Timeline(state.shift))
        after = round(time.monotonic() - died, 3)
        journal.record(OrphansEnded(pids=[one.pid for one in ended], after=after))
        journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
