"""Calls a function in a process of its own until it is decided whether it leaks."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from aging.check.calls.caller import TRACE, Calls, serve
from aging.check.calls.judgement import Judged, Limit, design_of, judge
from aging.check.calls.messages import Message, Plan, Raised, Sample, Traced, decode
from aging.check.calls.position import asked_position, position_file
from aging.core.processes.child import describe_exit

_GRACE, _PATIENCE = 10.0, 3.0
"""A busy host makes calls slower than the plan was made for: seconds, and how many times the budget."""

_STUCK = 0.5
"""Of the budget without a message: 200 are sent in all."""

_TRACING_SECONDS, _END_SECONDS, _POLL_SECONDS = 20.0, 5.0, 0.01
_CHUNK = 1 << 16


@dataclass(slots=True)
class Repeated:
    """What was seen: ``judged`` is the last look, ``raised`` an error of the function, ``traced`` what grew.

    ``closed``: the process has ended by itself before it was decided; ``ended`` says how. ``stuck_at``: the calls have
    stopped, and it is at these lines, the innermost first. ``threads``: those of the process beside the one that
    forked; the fork does not have them.
    """

    calls: int = 0
    planned: int = 0
    seconds: float = 0.0
    seconds_per_call: float = 0.0
    judged: Judged | None = None
    raised: Raised | None = None
    traced: Traced | None = None
    ended: str = ""
    closed: bool = False
    stuck_at: list[str] = field(default_factory=list)
    threads: int = 0
    samples: list[Sample] = field(default_factory=list)


def repeat(body: Callable[[], object], limit: Limit, between: Callable[[], None], silent: bool) -> Repeated:
    """Call ``body`` until a look decides, or all planned calls are made, or three times the budget is over.

    ``between`` is called after each call. ``silent``: what the calls print is not kept.
    """
    control_read, control = os.pipe()
    messages, out = os.pipe()
    position = position_file()
    threads = threading.active_count() - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads: the child calls one function
        pid = os.fork()
    if not pid:
        os.close(control)
        os.close(messages)
        serve(Calls(body, between, limit.calls, limit.seconds), control_read, out, position, silent)
    os.close(control_read)
    os.close(out)
    started, seen = time.monotonic(), Repeated(threads=threads)
    try:
        silent_since = _follow(seen, messages, control, limit)
        if silent_since is not None and time.monotonic() - silent_since > limit.seconds * _STUCK:
            seen.stuck_at = asked_position(pid, position)
    finally:
        for descriptor in (messages, control, position):
            os.close(descriptor)
        seen.ended = _end(pid, _END_SECONDS if seen.closed else 0.0)
        seen.seconds = time.monotonic() - started
    return seen


def _follow(seen: Repeated, messages: int, control: int, limit: Limit) -> float | None:
    """Fill ``seen``; where the time was over before it was decided, since when there was no message."""
    design, look, heard = None, 0, time.monotonic()
    for message in _received(messages, time.monotonic() + _PATIENCE * limit.seconds + _GRACE):
        heard = time.monotonic()
        match message:
            case Plan():
                seen.planned, seen.seconds_per_call = message.calls, message.seconds_per_call
                design = design_of(limit, message.calls)
            case Raised():
                seen.raised = message
                return None
            case Sample():
                seen.samples.append(message)
                seen.calls = message.calls
                due = 0 if design is None else sum(at <= message.calls + 0.5 for at in design.looks)
                if design is None or due == look:
                    continue
                look = due
                seen.judged = judge(seen.samples, design, look)
                if seen.judged.outcome == "failed":
                    seen.traced = _trace(messages, control)
                if seen.judged.outcome != "undecided" or look == len(design.looks):
                    return None
    seen.closed = bool(select.select([messages], [], [], 0)[0])  # else the time is over
    return None if seen.closed else heard


def _trace(messages: int, control: int) -> Traced | None:
    with suppress(BrokenPipeError):  # the process has ended by itself
        os.write(control, TRACE)
    for message in _received(messages, time.monotonic() + _TRACING_SECONDS):
        if isinstance(message, Traced):
            return message
    return None


def _received(messages: int, until: float) -> Iterator[Message]:
    """The messages until the end of the process, or that time."""
    buffer = b""
    while (left := until - time.monotonic()) > 0:
        if not select.select([messages], [], [], left)[0]:
            return
        chunk = os.read(messages, _CHUNK)
        if not chunk:
            return
        *lines, buffer = (buffer + chunk).split(b"\n")
        yield from map(decode, lines)


def _end(pid: int, patience: float) -> str:
    """End the process and what it started; how it has ended where it did so by itself within these seconds."""
    until = time.monotonic() + patience
    while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or was not yet the leader of its group
        os.killpg(pid, signal.SIGKILL)
    if ended[0]:
        return describe_exit(os.waitstatus_to_exitcode(ended[1]))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return ""
