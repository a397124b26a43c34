"""Faults of servers, load processes, keepers, seals and samplers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from analysis.faults.campaign import Disturbed, until
from analysis.faults.kinds import FAST, Kinds, Strike, Struck, ended, killed, resumed
from analysis.faults.kinds_clock import own_clock
from analysis.faults.tools import faulty_sampler

KINDS = Kinds()

Victim = Callable[[Disturbed], int]
"""The pid of a process of a campaign under load."""


def _one_of(pid_of: Callable[[Disturbed, str], int]) -> Victim:
    """The process of one of the two deployments."""

    def victim(one: Disturbed) -> int:
        name = one.rng.choice(("clean", "leak"))
        one.say(name)
        return pid_of(one, name)

    return victim


_SERVER, _LOAD = _one_of(Disturbed.server), _one_of(Disturbed.load)


def _sent(how: signal.Signals, victim: Victim) -> Strike:
    """A signal under load, after which the campaign comes to its end by itself."""

    def strike(struck: Struck) -> str:
        one = struck.one
        runner = one.run()
        one.under_load()
        struck.note()
        os.kill(victim(one), how)
        return ended(one, runner, 0)

    return strike


def _paused(victim: Victim, shortest: float, longest: float, latest: float) -> Strike:
    """Stopped under load, and continued so many seconds later."""

    def strike(struck: Struck) -> str:
        one = struck.one
        runner = one.run()
        one.under_load(latest=latest)
        pid = victim(one)
        os.kill(pid, signal.SIGSTOP)
        pause = one.rng.uniform(shortest, longest)
        time.sleep(pause)
        struck.note()
        os.kill(pid, signal.SIGCONT)
        one.say(f"for {pause:.1f} s")
        return ended(one, runner, 0)

    return strike


_SILENT = ("silent", "error", "failing")
_BEHIND = ("late", "behind", "mute")
_SILENT_SOON, _LATE_SOON = 'watchdogs.silent_after = "2s"', 'watchdogs.late_after = "2s"'

KINDS.add("server: SIGKILL", 6, "died", strike=_sent(signal.SIGKILL, _SERVER))
KINDS.add("server: SIGSTOP, SIGCONT", 3, *_SILENT, top=_SILENT_SOON, strike=_paused(_SERVER, 3.5, 5.0, latest=8.0))
KINDS.add("server: SIGSTOP for good", 2, *_SILENT, top=_SILENT_SOON, strike=_sent(signal.SIGSTOP, _SERVER))


@KINDS.kind("server: SIGKILL and its port taken, with the runner killed", 3, "died", "short")
def port_taken(struck: Struck) -> str:
    one = struck.one
    killed(struck)
    name = one.rng.choice(("clean", "leak"))
    os.kill(one.server(name), signal.SIGKILL)
    one.say(name)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until(lambda: _bound(thief, one.ports[name]), "the port")
        thief.listen()
        return resumed(one)


def _bound(thief: socket.socket, number: int) -> bool:
    try:
        thief.bind(("127.0.0.1", number))
    except OSError:
        return False
    return True


KINDS.add("load process: SIGKILL", 4, "load_died", strike=_sent(signal.SIGKILL, _LOAD))
KINDS.add("load process: SIGSTOP, SIGCONT", 3, *_BEHIND, strike=_paused(_LOAD, 2.0, 4.0, latest=9.0))
KINDS.add(
    "load process: SIGSTOP for good", 2, *_BEHIND, "load_died", top=_LATE_SOON, strike=_sent(signal.SIGSTOP, _LOAD)
)
KINDS.add("keeper: SIGKILL", 2, "harness", strike=_sent(signal.SIGKILL, Disturbed.keeper))
KINDS.add("keeper: SIGSTOP for good", 2, strike=_sent(signal.SIGSTOP, Disturbed.keeper))


def _sealing_process(one: Disturbed) -> int:
    """The pid of a process that seals a file of the campaign's."""
    found: list[int] = []

    def look() -> bool:
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                line = Path("/proc", name, "cmdline").read_bytes() if name.isdigit() else b""
                if b"aging.store.sealing" in line and Path("/proc", name, "cwd").readlink() == one.folder:
                    found.append(int(name))
        return bool(found)

    until(look, "a sealing process", pause=FAST)
    return one.rng.choice(found)


def _sent_to_a_seal(how: signal.Signals) -> Strike:
    """A signal to a process that seals: the clock goes on by an hour, so what has been written is being sealed."""

    def strike(struck: Struck) -> str:
        one = struck.one
        clock = own_clock(one)
        runner = one.run()
        one.under_load()
        struck.note()
        clock.step(3600)
        pid = _sealing_process(one)
        time.sleep(one.rng.uniform(0.0, 0.6))
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            one.say("it had sealed already")
        try:
            return ended(one, runner, 0)
        finally:
            if how is signal.SIGSTOP:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    return strike


KINDS.add("sealing process: SIGKILL", 3, "clock", needs="clock", strike=_sent_to_a_seal(signal.SIGKILL))
KINDS.add("sealing process: SIGSTOP for good", 2, "clock", needs="clock", strike=_sent_to_a_seal(signal.SIGSTOP))


def _with_sampler(how: str) -> Strike:
    def strike(struck: Struck) -> str:
        one = struck.one
        one.environment = faulty_sampler(one.folder / "plugin", how)
        runner = one.run()
        one.under_load(earliest=5.0, latest=5.0)
        struck.note()
        return ended(one, runner, 0)

    return strike


for _name, _tells, _how in (
    ("raises", "sampler", "raises"),
    ("hangs", "sampler", "hangs"),
    ("its task dies", "harness", "unwritable"),
):
    KINDS.add(f"sampler: {_name}", 2, _tells, sampling='faulty = "500ms"', strike=_with_sampler(_how))
