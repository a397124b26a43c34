"""Faults of servers, load processes, keepers, seals and samplers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from analysis.faults.campaign import Disturbed, until
from analysis.faults.kinds import FAST, Struck, ended, killed, kind, resumed
from analysis.faults.tools import Clock, faulty_sampler


@kind("server: SIGKILL", 6, "died")
def server_killed(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    name = one.rng.choice(("clean", "leak"))
    struck.note()
    os.kill(one.server(name), signal.SIGKILL)
    one.say(name)
    return ended(one, runner, 0)


@kind("server: SIGSTOP, SIGCONT", 3, "silent", "error", "failing", top='watchdogs.silent_after = "2s"')
def server_stopped(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=8.0)
    name = one.rng.choice(("clean", "leak"))
    pid = one.server(name)
    os.kill(pid, signal.SIGSTOP)
    pause = one.rng.uniform(3.5, 5.0)
    time.sleep(pause)
    struck.note()
    os.kill(pid, signal.SIGCONT)
    one.say(f"{name} for {pause:.1f} s")
    return ended(one, runner, 0)


@kind("server: SIGSTOP for good", 2, "silent", "error", "failing", top='watchdogs.silent_after = "2s"')
def server_stopped_for_good(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    name = one.rng.choice(("clean", "leak"))
    struck.note()
    os.kill(one.server(name), signal.SIGSTOP)
    one.say(name)
    return ended(one, runner, 0)


@kind("server: SIGKILL and its port taken, with the runner killed", 3, "died", "short")
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


@kind("load process: SIGKILL", 4, "load_died")
def load_killed(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    os.kill(one.load(one.rng.choice(("clean", "leak"))), signal.SIGKILL)
    return ended(one, runner, 0)


@kind("load process: SIGSTOP, SIGCONT", 3, "late", "behind", "mute")
def load_stopped(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=9.0)
    pid = one.load(one.rng.choice(("clean", "leak")))
    os.kill(pid, signal.SIGSTOP)
    time.sleep(one.rng.uniform(2.0, 4.0))
    struck.note()
    os.kill(pid, signal.SIGCONT)
    return ended(one, runner, 0)


@kind("load process: SIGSTOP for good", 2, "late", "behind", "mute", "load_died", top='watchdogs.late_after = "2s"')
def load_stopped_for_good(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    os.kill(one.load(one.rng.choice(("clean", "leak"))), signal.SIGSTOP)
    return ended(one, runner, 0)


@kind("keeper: SIGKILL", 2, "harness")
def keeper_killed(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    os.kill(one.keeper(), signal.SIGKILL)
    return ended(one, runner, 0)


@kind("keeper: SIGSTOP for good", 2)
def keeper_stopped(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    os.kill(one.keeper(), signal.SIGSTOP)
    return ended(one, runner, 0)


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


def _hour_ends(struck: Struck) -> Any:
    """A runner whose clock goes on by an hour: whatever it has written is being sealed."""
    one = struck.one
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    runner = one.run()
    one.under_load()
    struck.note()
    clock.step(3600)
    return runner


@kind("sealing process: SIGKILL", 3, "clock", needs="clock")
def sealing_killed(struck: Struck) -> str:
    one = struck.one
    runner = _hour_ends(struck)
    pid = _sealing_process(one)
    time.sleep(one.rng.uniform(0.0, 0.6))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return ended(one, runner, 0)


@kind("sealing process: SIGSTOP for good", 2, "clock", needs="clock")
def sealing_stopped(struck: Struck) -> str:
    one = struck.one
    runner = _hour_ends(struck)
    pid = _sealing_process(one)
    time.sleep(one.rng.uniform(0.0, 0.6))
    try:
        os.kill(pid, signal.SIGSTOP)
        return ended(one, runner, 0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _with_sampler(struck: Struck, how: str) -> str:
    one = struck.one
    one.environment = faulty_sampler(one.folder / "plugin", how)
    runner = one.run()
    one.under_load(earliest=5.0, latest=5.0)
    struck.note()
    return ended(one, runner, 0)


@kind("sampler: raises", 2, "sampler", sampling='faulty = "500ms"')
def sampler_raises(struck: Struck) -> str:
    return _with_sampler(struck, "raises")


@kind("sampler: hangs", 2, "sampler", sampling='faulty = "500ms"')
def sampler_hangs(struck: Struck) -> str:
    return _with_sampler(struck, "hangs")


@kind("sampler: its task dies", 2, "harness", sampling='faulty = "500ms"')
def sampler_dies(struck: Struck) -> str:
    return _with_sampler(struck, "unwritable")
