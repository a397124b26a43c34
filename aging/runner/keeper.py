"""``python -I -S keeper.py DIR RUNNER_PID RUNNER_START GRACE PATIENCE``: ends what a runner that was killed leaves.

One a campaign, beside its runner, in a session of its own. Its standard input is a pipe that the
runner alone holds: it ends with the runner, however that ends, and a runner that ends in order
says ``goodbye`` first. Otherwise the keeper waits GRACE seconds for another runner (``aging
resume``) to take the directory's lock over, then takes it itself and ends what is proven to be the
campaign's: SIGTERM, and SIGKILL after PATIENCE seconds. The bare interpreter, about 10 MB.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

# -I leaves the script's folder out of the path, -S everything that is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aging.core.processes.ownership import Identity, belonging, end, lives, mark
from aging.store.lock import Lock, LockedError, told_owner

# The journal comes when it is needed: what waits for days should be small.

GOODBYE = b"goodbye\n"
_POLL_SECONDS = 0.1
_HANDOVER_SECONDS = 5.0
"""From another runner's taking the lock until it has a keeper of its own, at the most."""


def main(arguments: list[str]) -> None:
    directory, pid, start, grace, patience = arguments
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a logout is no end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    root, runner = Path(directory), Identity(int(pid), int(start))
    if _said_goodbye():
        return
    died = time.monotonic()
    while time.monotonic() < died + float(grace):
        # Told by the lock's content: the lock itself may be held for an instant by a process that is just ending.
        owner = told_owner(root)
        if owner is not None and owner.identity != runner:
            if owner.role != "runner" or _outlives(owner.identity, _HANDOVER_SECONDS):
                return  # all has been ended, or it has a keeper of its own by now
            if _over(root):
                return  # it had little left to do, and has ended in order
            runner, died = owner.identity, time.monotonic()
        time.sleep(_POLL_SECONDS)
    try:
        lock = Lock.take(root, "keeper")
    except (LockedError, FileNotFoundError):  # another runner was faster, or somebody has removed it all
        return
    _clear(root, float(patience), died)
    lock.close()


def _said_goodbye() -> bool:
    """Wait for the end of the input; whether the runner had taken its leave."""
    said = b""
    while told := os.read(sys.stdin.fileno(), 64):
        said += told
    return said.endswith(GOODBYE)


def _outlives(one: Identity, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not lives(one):
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _over(root: Path) -> bool:
    from aging.store.journal import read_journal  # noqa: PLC0415
    from aging.store.state import fold  # noqa: PLC0415

    return fold(read_journal(root / "journal.jsonl")).ended is not None


def _clear(root: Path, patience: float, died: float) -> None:
    """End what is the campaign's. The journal has one writer at a time: whoever holds the lock."""
    from aging.core.clock import Timeline  # noqa: PLC0415
    from aging.store.events import OrphansEnded  # noqa: PLC0415
    from aging.store.journal import Journal, read_journal  # noqa: PLC0415
    from aging.store.state import fold  # noqa: PLC0415

    path, campaign = root / "journal.jsonl", mark(root)
    state = fold(read_journal(path))
    ended = end(lambda: belonging(campaign, state.recorded()), patience)
    if ended:
        journal = Journal(path, Timeline(state.shift))
        after = round(time.monotonic() - died, 3)
        journal.record(OrphansEnded(pids=[one.pid for one in ended], after=after))
        journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
