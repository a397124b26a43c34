"""A campaign that is run by a process of its own, for a caller with an event loop, signals and memory of its own.

A notebook's kernel or a test may have a running event loop, and signal handlers that are not ours to replace; and the
runner is one of the campaign's controls, whose memory must be that of a runner alone. So ``python -m
aging.app.child_run`` runs it: a campaign as one line of JSON on standard input, the answer on standard output, what
``aging run`` prints on standard error. It has a session of its own, so that an interrupt reaches it once, from here;
when its standard input ends, its caller has gone, and it drains and ends.
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
from aging.core.errors import AgingError, Mistake, MistakesError
from aging.core.worker import WorkerError

_LINES = 5
_RELAY_SECONDS = 5.0
"""For the last lines, once the process has ended: what it leaves behind may hold its standard error open."""


@dataclass(frozen=True, slots=True)
class ChildRun:
    """How a campaign ended, where its results are, and why it was ended before its time, if it was."""

    outcome: str
    root: Path
    decided: str | None


def run_in_child(
    written: CampaignText, results: Path, overrides: Mapping[str, Any], show: Callable[[str], object]
) -> ChildRun:
    """Run a campaign to its end; ``show`` takes what ``aging run`` prints, a line each.

    One KeyboardInterrupt drains and ends it, a second ends it at once, as with ``aging run``; it is raised again once
    the process has ended. Raises what ``aging.app.run.run_campaign`` does, and WorkerError if the process crashed.
    """
    asked = {"text": written.text, "source": written.source, "results": str(results), "overrides": dict(overrides)}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
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
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        interrupted = _wait(process)
    finally:
        process.stdin.close()
        process.wait()
        for relay in relays:
            relay.join(_RELAY_SECONDS)
    told = _answered(process.returncode, b"".join(answer), last)
    if interrupted:
        raise KeyboardInterrupt(f"interrupted; what was measured is in {told.root}")
    return told


def _wait(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the process to end; whether that was asked for here."""
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
        told = json.loads(answer)
    except ValueError:
        raise WorkerError(__name__, status, tuple(last)) from None
    if "error" in told:
        raise _error(**told["error"])
    return ChildRun(told["outcome"], Path(told["root"]), told["decided"])


def _error(kind: str, message: str, subject: str | None, mistakes: list[Mapping[str, str]]) -> AgingError:
    """The exception that ended the run, of its own class."""
    found = getattr(errors, kind, AgingError)
    if issubclass(found, MistakesError):
        return found(subject or "", [Mistake(**one) for one in mistakes])
    raised: AgingError = found(message)
    return raised


def main() -> None:
    """Run one campaign and answer."""
    asked = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump(_run(asked), answers)


def _end_with_the_caller() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _run(asked: Mapping[str, Any]) -> dict[str, Any]:
    from rich.console import Console  # noqa: PLC0415 - the caller of this process needs neither

    from aging.app.run import run_campaign  # noqa: PLC0415

    written = CampaignText(asked["text"], asked["source"])
    try:
        ran = run_campaign(written, Path(asked["results"]), asked["overrides"], Console(stderr=True))
    except AgingError as error:
        mistakes = [asdict(one) for one in error.mistakes] if isinstance(error, MistakesError) else []
        subject = error.subject if isinstance(error, MistakesError) else None
        return {
            "error": {"kind": type(error).__name__, "message": str(error), "subject": subject, "mistakes": mistakes}
        }
    return {"outcome": ran.outcome.name, "root": str(ran.layout.root), "decided": ran.decided}


if __name__ == "__main__":
    main()
