"""Faults of disks: full, under their floor, out of inodes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from analysis.faults.campaign import SECONDS, TrialError, until
from analysis.faults.kinds import FAST, NO_FLOOR, Struck, ended, kind, last_line, resumed
from analysis.faults.tools import Disk, small_disk


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
