"""Runs a campaign in a child process, for a caller with an event loop and signal handlers.

A notebook kernel or a test may have a running event loop and signal handlers that must stay; and the runner's memory is
one of the campaign's controls, so it must be that of a runner alone. ``python -m aging.app.child_run`` reads a campaign
as one line of JSON from standard input, and writes its result to standard output and the output of ``aging run`` to
standard error. It has its own session, so that an interrupt reaches it once. When its standard input closes, the caller
has ended, and the campaign drains and ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from aging.campaign.load import CampaignText
from aging.core import errors
from aging.core.errors import AgingError, Mistake, MistakeCode, MistakesError
from aging.core.worker import WorkerError

_LINES = 5
_RELAY_SECONDS = 5.0
"""For the last lines after its exit: processes that it started may keep its standard error open."""


@dataclass(frozen=True, slots=True)
class ChildRun:
    """The outcome of a campaign, its result directory, and why it ended early, if it did."""

    outcome: str
    root: Path
    decided: str | None


def run_in_child(
    campaign_text: CampaignText, results: Path, overrides: Mapping[str, Any], show: Callable[[str], object]
) -> ChildRun:
    """Run a campaign to its end; ``show`` gets each line that ``aging run`` prints.

    One KeyboardInterrupt drains and ends it, a second ends it at once, as with ``aging run``; it is raised again after
    the process has ended. Raises the errors of ``aging.app.run.run_campaign``, and WorkerError if the process crashed.
    """
    job = {
        "text": campaign_text.text,
        "source": campaign_text.source,
        "results": str(results),
        "overrides": dict(overrides),
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    last: deque[str] = deque(maxlen=_LINES)
    answer: list[bytes] = []
    relays = (
        threading.Thread(target=_relay, args=(process.stderr, show, last), daemon=True),
        threading.Thread(target=_collect, args=(process.stdout, answer), daemon=True),
    )
    interrupted = False
    try:
        for relay in relays:
            relay.start()
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        interrupted = _wait(process)
    finally:
        process.stdin.close()
        process.wait()
        for relay in relays:
            relay.join(_RELAY_SECONDS)
    run = _answered(process.returncode, b"".join(answer), last)
    if interrupted:
        raise KeyboardInterrupt(f"interrupted; its results are in {run.root}")
    return run


def _wait(process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process has ended; whether this process interrupted it."""
    interrupted = False
    while True:
        try:
            process.wait()
            return interrupted
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)


def _relay(lines: IO[bytes], show: Callable[[str], object], last: deque[str]) -> None:
    with lines:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\n")
            last.append(text)
            show(text)


def _collect(out: IO[bytes], answer: list[bytes]) -> None:
    with out:
        answer.append(out.read())


def _answered(status: int, answer: bytes, last: deque[str]) -> ChildRun:
    try:
        result = json.loads(answer)
    except ValueError:
        raise WorkerError(__name__, status, tuple(last)) from None
    if "error" in result:
        raise _error(**result["error"])
    return ChildRun(result["outcome"], Path(result["root"]), result["decided"])


def _error(kind: str, message: str, subject: str | None, mistakes: list[Mapping[str, str]]) -> AgingError:
    """The exception that ended the run, of its own class."""
    found = getattr(errors, kind, AgingError)
    if issubclass(found, MistakesError):
        return found(subject or "", [Mistake(one["where"], one["what"], MistakeCode(one["code"])) for one in mistakes])
    raised: AgingError = found(message)
    return raised


def main() -> None:
    """Run one campaign and write its result."""
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump(_run(job), answers)


def _end_with_the_caller() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    from rich.console import Console  # noqa: PLC0415 - the parent process imports neither

    from aging.app.run import run_campaign  # noqa: PLC0415

    campaign_text = CampaignText(job["text"], job["source"])
    try:
        run = run_campaign(campaign_text, Path(job["results"]), job["overrides"], Console(stderr=True))
    except AgingError as error:
        mistakes = [asdict(one) for one in error.mistakes] if isinstance(error, MistakesError) else []
        subject = error.subject if isinstance(error, MistakesError) else None
        return {
            "error": {"kind": type(error).__name__, "message": str(error), "subject": subject, "mistakes": mistakes}
        }
    return {"outcome": run.outcome.name, "root": str(run.layout.root), "decided": run.decided}


if __name__ == "__main__":
    main()
