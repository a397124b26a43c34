"""The process that calls a function again and again, and says what memory it has in between.

It is a fork of the process that has set everything up, so that what the calls leave behind ends with it.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import linecache
import os
import select
import signal
import sys
import sysconfig
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aging.check.calls.memory import MemoryReader
from aging.check.calls.messages import Message, Plan, Raised, Sample, Site, Traced, encode
from aging.check.calls.position import answer_with_position

SAMPLES = 200
"""Samples over all planned calls."""

TRACE = b"t"
"""What the judging process sends to have further calls traced."""

_SET_PDEATHSIG = 1  # linux/prctl.h
_WARM_CALLS, _WARM_SECONDS = 30, 0.2
_LEAST_CALLS = 3
_FRAMES = 32
_TRACED_SECONDS, _MOST_TRACED, _LEAST_TRACED = 2.0, 1000, 10
_TRACING_COSTS = 4.0
_SITES, _SHOWN_FRAMES = 5, 3
_INSTALLED = (*{f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}, "<frozen ")
_OWN = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Calls:
    """The function, what is done between two calls, and how often and long it is called at most."""

    body: Callable[[], object]
    between: Callable[[], None]
    most: int
    seconds: float


def serve(calls: Calls, control: int, out: int, position: int, silent: bool) -> None:
    """Call and report until the judging process closes ``control``; end the process. It never returns.

    Asked where it is, it answers in the file ``position``.
    """
    try:
        answer_with_position(position)
        _become_own(silent)
        _run(calls, control, out)
    except BrokenPipeError:  # the judging process has ended, or has decided
        pass
    finally:
        os._exit(0)


def _become_own(silent: bool) -> None:
    """A group of its own, an end with the parent, and no output that grows in a test's capture."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if silent:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (1, 2):
            os.dup2(nothing, descriptor)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the end of the process
    warnings.showwarning = _ignored


def _ignored(*_arguments: object, **_named: object) -> None:
    """A recorded warning would be kept, and be a leak of the recorder."""


def _run(calls: Calls, control: int, out: int) -> None:
    done, made = 0, 1  # the first call was made by the test itself
    reader = MemoryReader()

    def say(message: Message) -> None:
        left = encode(message)
        while left:
            left = left[os.write(out, left) :]

    def call(count: int) -> bool:
        nonlocal done, made
        for _ in range(count):
            done, made = done + 1, made + 1
            try:
                calls.body()
            except BaseException as error:  # noqa: BLE001 - a test raises anything; it is reported as its own
                below = None if error.__traceback__ is None else error.__traceback__.tb_next
                say(Raised(made, "".join(traceback.format_exception(type(error), error, below))))
                return False
            calls.between()
        return True

    def read() -> Sample:
        gc.collect()
        return Sample(done, *reader.read())

    calls.between()
    started = time.monotonic()
    while done < _LEAST_CALLS or (done < _WARM_CALLS and time.monotonic() - started < _WARM_SECONDS):
        if not call(1):
            return
    each = (time.monotonic() - started) / done
    gc.collect()
    gc.freeze()
    started = time.monotonic()
    read()
    sampling = time.monotonic() - started
    calling = max(calls.seconds - SAMPLES * sampling, calls.seconds / 2)  # a sample on a busy host may take long
    planned = max(min(calls.most, int(calling / max(each, 1e-7))), 1)
    step = max(planned // SAMPLES, 1)
    say(Plan(planned, each))
    done = 0
    while done < planned:
        if not call(min(step, planned - done)):
            return
        say(read())
        if select.select([control], [], [], 0)[0]:
            break
    if os.read(control, 1) == TRACE:
        say(_traced(call, each))


def _traced(call: Callable[[int], bool], each: float) -> Traced:
    """What further calls keep, by where Python allocated it."""
    count = int(min(max(_TRACED_SECONDS / max(each * _TRACING_COSTS, 1e-7), _LEAST_TRACED), _MOST_TRACED))
    tracemalloc.start(_FRAMES)
    call(_LEAST_CALLS)
    gc.collect()
    first = tracemalloc.take_snapshot()
    call(count)
    gc.collect()
    last = tracemalloc.take_snapshot()
    tracemalloc.stop()
    own = [tracemalloc.Filter(False, name) for name in (tracemalloc.__file__, linecache.__file__, f"{_OWN}/*")]
    compared = last.filter_traces(own).compare_to(first.filter_traces(own), "traceback")
    grown = [one for one in compared if one.size_diff > 0]
    kept = sum(one.size_diff for one in compared)
    largest = sorted(grown, key=lambda one: one.size_diff, reverse=True)[:_SITES]
    return Traced(count, kept, [Site(one.size_diff, one.count_diff, _frames(one.traceback)) for one in largest])


def _frames(places: tracemalloc.Traceback) -> list[str]:
    """``file:line text``, the innermost first, as far out as the function that is called.

    Of more frames than are shown, those of installed packages and of Python itself are left out, but for the innermost.
    """
    frames = list(itertools.takewhile(lambda frame: not frame.filename.startswith(_OWN), reversed(places)))
    outer = sorted(range(1, len(frames)), key=lambda at: frames[at].filename.startswith(_INSTALLED))
    shown = sorted(outer[: _SHOWN_FRAMES - 1])
    return [_line(frames[at]) for at in ([0, *shown] if frames else [])]


def _line(frame: tracemalloc.Frame) -> str:
    text = linecache.getline(frame.filename, frame.lineno).strip()
    return f"{_short(frame.filename)}:{frame.lineno} {text}".rstrip()


def _short(name: str) -> str:
    path, here = Path(name), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else name
