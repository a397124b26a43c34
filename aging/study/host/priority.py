"""The priority of a campaign: that of the process that started this one, not that of a cluster's worker.

Ray 2.60 runs its workers at niceness 15 and the OOM score 1000, which their children inherit (measured with
``ray.remote(max_calls=1)``). A server that is measured at niceness 15 is another server.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from aging.core.errors import AgingError


class PriorityError(AgingError):
    """A campaign that this user may not start with the priority of one that is started by hand."""


@contextlib.contextmanager
def as_parent() -> Iterator[None]:
    """Have the parent's niceness and OOM score within the context. Raises PriorityError without the permission."""
    niceness, parent = os.getpriority(os.PRIO_PROCESS, 0), os.getppid()
    score, wanted_score = _score("self"), _score(str(parent))
    try:
        wanted = os.getpriority(os.PRIO_PROCESS, parent)
    except OSError:  # it has just ended
        wanted = niceness
    try:
        if wanted < niceness:
            os.setpriority(os.PRIO_PROCESS, 0, wanted)
        if wanted_score is not None and score is not None and wanted_score < score:
            _set_score(wanted_score)
    except OSError as error:
        _restore(niceness, score)
        raise PriorityError(
            f"the campaign would run at niceness {niceness} and OOM score {score}, as this worker of the cluster does, "
            f"instead of {wanted} and {wanted_score}, and this user may not change it ({error.strerror}); start the "
            "host's Ray with RAY_worker_niceness=0 RAY_worker_oom_score_adjustment=0 in its environment"
        ) from None
    try:
        yield
    finally:
        _restore(niceness, score)


def _restore(niceness: int, score: int | None) -> None:
    """Both only rise here, which needs no permission."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
        if score is not None:
            _set_score(score)


def _score(pid: str) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    except (OSError, ValueError):
        return None


def _set_score(score: int) -> None:
    Path("/proc/self/oom_score_adj").write_text(str(score))
