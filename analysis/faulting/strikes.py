"""Faults of processes, disks and clocks, in real campaigns: each function is a kind, and returns what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faulting.disturbed import SECONDS, Disturbed, TrialError, until
from faulting.judging import Rows, rows_of
from faulting.means import Clock, Disk, faulty_sampler, small_disk

NO_FLOOR = 'watchdogs.disk_floor = "0B"\nwatchdogs.inode_floor = 0'
FAST = 0.002


@dataclass
class Struck:
    """A campaign and what its trial noted: the rows that it must still hold in the end."""

    one: Disturbed
    before: Rows = field(default_factory=dict)

    def note(self) -> None:
        """All rows that are there now must be there in the end, as they are now."""
        self.before = {**rows_of(self.one.root), **self.before}


Strike = Callable[[Struck], str]


@dataclass(frozen=True)
class Kind:
    """``tells`` are kinds of problems, or words of the output, one of which must tell the fault; none need where empty.
    ``made`` is what its campaigns differ in. ``needs`` a mount, or a clock.
    """

    name: str
    rounds: int
    strike: Strike
    tells: frozenset[str] = frozenset()
    made: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""


KINDS: list[Kind] = []


def kind(name: str, rounds: int, *tells: str, needs: str = "", **made: Any) -> Callable[[Strike], Strike]:
    """Have a function be a kind of fault."""

    def known(strike: Strike) -> Strike:
        KINDS.append(Kind(name, rounds, strike, frozenset(tells), made, needs))
        return strike

    return known


def resumed(one: Disturbed) -> str:
    """Go on with a campaign, or analyse it where it had come to its end."""
    began = time.monotonic()
    code = one.done("resume", one.root)
    if code == 0:
        decided(one, began)
        return "resumed"
    if code == 2 and "the campaign has ended (completed)" in one.output():
        if (code := one.done("analyze", one.root)) == 0:
            return "completed"
        raise TrialError(f"aging analyze: exit {code}")
    raise TrialError(f"aging resume: exit {code}: {last_line(one)}")


def decided(one: Disturbed, began: float) -> None:
    """Note how long the last resume took until it had decided what becomes of every server."""
    events = one.events()
    place = max(place for place, event in enumerate(events) if event.kind == "campaign_resumed")
    told = [
        event.stamp.mono
        for event in events[place:]
        if event.kind in ("campaign_resumed", "deployment_readopted", "deployment_started", "run_cut_short")
    ]
    if max(told) < began + 60.0:  # of this boot
        one.decided.append((told[0] - began, max(told[:3]) - began))


def ended(one: Disturbed, runner: Any, *codes: int) -> str:
    """Let a runner come to its end; its exit code must be one of these."""
    code = one.ended(runner)
    if code not in codes:
        raise TrialError(f"aging run: exit {code}, not {codes}: {last_line(one)}")
    return {0: "completed", 3: "halted", 130: "interrupted", 2: "refused"}[code]


def last_line(one: Disturbed) -> str:
    return next((line for line in reversed(one.output().splitlines()) if line.strip()), "")[:200]


@kind("none (undisturbed)", 5)
def undisturbed(struck: Struck) -> str:
    return ended(struck.one, struck.one.run(), 0)


@kind("runner: SIGKILL before its journal", 2)
def before_the_journal(struck: Struck) -> str:
    one = struck.one
    runner = one.aging("run", one.file)
    time.sleep(one.rng.uniform(0.3, 1.2))
    one.kill(runner, sampling=False)
    with contextlib.suppress(TrialError):
        struck.note()
        return resumed(one)
    return ended(one, one.run(), 0)  # it had begun nothing


@kind("runner: SIGKILL while it starts", 4, "resumed", "short")
def starting(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    pause = one.rng.uniform(0.0, 2.5)
    time.sleep(pause)
    one.kill(runner, sampling=False)
    one.say(f"{pause:.2f} s after its first line")
    struck.note()
    return resumed(one)


def _killed(struck: Struck) -> None:
    runner = struck.one.run()
    struck.one.under_load()
    struck.one.kill(runner)
    struck.note()


@kind("runner: SIGKILL under load", 12, "resumed", "short")
def under_load(struck: Struck) -> str:
    _killed(struck)
    time.sleep(struck.one.rng.uniform(0.0, 2.0))
    return resumed(struck.one)


@kind("runner: SIGKILL while it drains and stops", 3, "resumed", "short")
def draining(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(earliest=SECONDS - 0.1, latest=SECONDS + 0.35)
    one.kill(runner)
    struck.note()
    return resumed(one)


@kind("runner: SIGKILL while it seals", 3)
def sealing(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(earliest=SECONDS - 1.0, latest=SECONDS - 1.0)
    until(lambda: "campaign_completed" in one.kinds(), "its end", pause=FAST)
    struck.note()
    time.sleep(one.rng.uniform(0.0, 0.1))
    one.kill(runner, sampling=False)
    return resumed(one)


@kind("runner: SIGKILL while it analyses", 3)
def analysing(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.wait_for("campaign_completed")
    until(lambda: not any(one.root.rglob("*.live.jsonl")), "the seal", pause=FAST)
    struck.note()
    time.sleep(one.rng.uniform(0.0, 1.5))
    one.kill(runner, sampling=False)
    return resumed(one)


@kind("runner: SIGKILL in a cooldown", 3, "resumed", duration=8.0, slot='slot = "one"', top='cooldown = "3s"')
def cooldown(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.wait_for("deployment_stopped")
    time.sleep(one.rng.uniform(0.0, 3.0))
    one.kill(runner, sampling=False)
    struck.note()
    return resumed(one)


@kind("runner and keeper: SIGKILL at once", 4, "resumed", "short")
def runner_and_keeper(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    os.kill(one.keeper(), signal.SIGKILL)
    one.kill(runner)
    struck.note()
    return resumed(one)


@kind("runner, then its resumer, then another: SIGKILL", 4, "resumed", "short")
def resumers(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=6.0)
    one.kill(runner)
    for _ in range(2):
        lives = one.kinds().count("campaign_resumed")
        again = one.aging("resume", one.root)
        pause = one.rng.uniform(0.3, 4.0)
        time.sleep(pause)
        one.kill(again, sampling=one.kinds().count("campaign_resumed") > lives and pause > 3.0)
        one.say(f"its resumer after {pause:.2f} s")
    struck.note()
    return resumed(one)


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
    _killed(struck)
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


@contextlib.contextmanager
def _on_a_disk(struck: Struck) -> Any:
    one = struck.one
    with small_disk(one.folder / "disk") as disk:
        one.results = Path("disk/results")
        try:
            yield disk
        finally:
            one.left = one.left_behind()
            one.keep(Path("results"))


def _freed_and_resumed(struck: Struck, disk: Disk) -> str:
    struck.note()
    disk.free()
    return f"halted, {resumed(struck.one)}"


@kind("disk full: under load", 6, "aging resume", needs="mount", top=NO_FLOOR)
def disk_full(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(latest=9.0)
        struck.note()
        room = one.rng.choice((0, 0, 4096, 20_000, 60_000))
        disk.fill(room)
        one.say(f"{room} bytes left")
        ended(one, runner, 3)
        return _freed_and_resumed(struck, disk)


@kind("disk under its floor", 2, "aging resume", needs="mount", top='watchdogs.disk_floor = "2MiB"')
def disk_floor(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(latest=9.0)
        struck.note()
        disk.fill(one.rng.choice((400_000, 1_500_000)))
        ended(one, runner, 3)
        return _freed_and_resumed(struck, disk)


@kind("inodes under their floor", 2, "aging resume", needs="mount", top='watchdogs.disk_floor = "0B"')
def inode_floor(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(latest=9.0)
        struck.note()
        disk.take_inodes()
        ended(one, runner, 3)
        return _freed_and_resumed(struck, disk)


def _told_and_analysed(struck: Struck, disk: Disk, runner: Any) -> str:
    """Its end had come: what could not be written then is written now."""
    one = struck.one
    became = ended(one, runner, 0, 3)
    disk.free()
    return f"{became}, {resumed(one)}"


@kind("inodes used up: under load", 3, "No space left", needs="mount", top=NO_FLOOR)
def inodes(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(latest=9.0)
        struck.note()
        disk.take_inodes()
        return _told_and_analysed(struck, disk, runner)


@kind("disk full: at the seal", 3, "No space left", needs="mount", top=NO_FLOOR)
def disk_full_at_the_seal(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(earliest=SECONDS - 1.0, latest=SECONDS - 1.0)
        until(lambda: "campaign_completed" in one.kinds(), "its end", pause=FAST)
        disk.fill(one.rng.choice((0, 8192, 30_000)))
        struck.note()
        return _told_and_analysed(struck, disk, runner)


@kind("disk full: at the analysis", 3, "No space left", needs="mount", top=NO_FLOOR)
def disk_full_at_the_analysis(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(earliest=SECONDS - 1.0, latest=SECONDS - 1.0)
        one.wait_for("campaign_completed")
        until(lambda: not any(one.root.rglob("*.live.jsonl")), "the seal", pause=FAST)
        disk.fill(one.rng.choice((0, 8192, 50_000)))
        struck.note()
        return _told_and_analysed(struck, disk, runner)


@kind("disk full: before the start", 4, "No space left", "free", needs="mount", top=NO_FLOOR)
def disk_full_before(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        room = one.rng.choice((0, 4096, 8192, 16_384, 40_960))
        disk.fill(room)
        one.say(f"{room} bytes left")
        code = one.done("run", one.file, "--results", one.results)
        if code not in (2, 3):
            raise TrialError(f"aging run: exit {code}: {last_line(one)}")
        told = one.done("status", "--results", one.results)
        if told != 0:
            raise TrialError(f"aging status: exit {told}: {last_line(one)}")
        disk.free()
        if one.made():
            struck.note()
            return f"exit {code}, {resumed(one)}"
        ended(one, one.run(), 0)
        return f"exit {code}, refused"


@kind("disk full: at a resume", 3, "aging resume", "No space left", needs="mount", top=NO_FLOOR)
def disk_full_at_a_resume(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(struck) as disk:
        runner = one.run()
        disk.prepare()
        one.under_load(latest=6.0)
        one.kill(runner)
        struck.note()
        room = one.rng.choice((0, 0, 4096, 16_384))
        disk.fill(room)
        one.say(f"{room} bytes left")
        code = one.done("resume", one.root)
        if code != 3:
            raise TrialError(f"aging resume: exit {code}: {last_line(one)}")
        disk.free()
        return f"halted, {resumed(one)}"


def _stepped(struck: Struck, seconds: int) -> str:
    one = struck.one
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    runner = one.run()
    one.under_load()
    struck.note()
    clock.step(seconds)
    return ended(one, runner, 0)


@kind("clock: one hour on", 3, "clock", needs="clock")
def clock_on(struck: Struck) -> str:
    return _stepped(struck, 3600)


@kind("clock: one hour back", 3, "clock", needs="clock")
def clock_back(struck: Struck) -> str:
    return _stepped(struck, -3600)


@kind("clock: an hour on or back while the runner is dead", 3, "resumed", needs="clock")
def clock_meanwhile(struck: Struck) -> str:
    one = struck.one
    clock = Clock(Path(one.tools["shim"]), one.folder / "clock")
    one.environment = clock.environment
    _killed(struck)
    step = one.rng.choice((3600, -3600))
    clock.step(step)
    one.say(f"{step:+d} s")
    return resumed(one)


@kind("two runners on one directory", 2, "is being run by process")
def two_runners(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    code = one.done("resume", one.root)
    if code != 2:
        raise TrialError(f"the second runner: exit {code}")
    return f"{ended(one, runner, 0)}, the other refused"


@kind("two that resume at once", 3, "is being run by process", "is locked by another process")
def two_resumers(struck: Struck) -> str:
    one = struck.one
    _killed(struck)
    both = [one.aging("resume", one.root) for _ in range(2)]
    codes = sorted(one.ended(each) for each in both)
    if codes != [0, 2]:
        raise TrialError(f"exits {codes}: {last_line(one)}")
    return "resumed, the other refused"


@kind("aging stop beside a dying runner", 3, "interrupted", "marked the campaign as interrupted", "waiting for it")
def stop_beside(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=8.0)
    struck.note()
    stop = one.aging("stop", one.root)
    pause = one.rng.uniform(0.3, 1.5)
    time.sleep(pause)
    one.kill(runner, sampling=False)
    one.say(f"killed {pause:.2f} s after `aging stop` began")
    if (code := one.ended(stop)) != 0:
        raise TrialError(f"aging stop: exit {code}: {last_line(one)}")
    return f"stopped, {resumed(one)}"


@kind("SIGINT, then resumed", 2, "resumed", "short")
def interrupted(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=8.0)
    struck.note()
    runner.send_signal(signal.SIGINT)
    return f"{ended(one, runner, 130)}, {resumed(one)}"


@kind("reboot (all killed, another boot in the journal)", 3, "resumed", "restarted")
def reboot(struck: Struck) -> str:
    one = struck.one
    _killed(struck)
    os.kill(one.keeper(), signal.SIGKILL)
    for pid in one.marked():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    further = 1e6
    for path in (one.root / "journal.jsonl", *one.root.rglob("*.live.jsonl")):
        rows = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        for row in rows:
            for name in ("mono", "load_start", "scheduled", "sent", "first_token", "last_token", "finished"):
                if row.get(name) is not None:
                    row[name] += further
            if "boot" in row:
                row["boot"] = "another"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    one.kills.clear()
    struck.before = {}
    struck.note()
    return resumed(one)
