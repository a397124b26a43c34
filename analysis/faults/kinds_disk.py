"""Faults of disks: full, under their floor, out of inodes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from analysis.faults.campaign import SECONDS, Disturbed, TrialError, until
from analysis.faults.kinds import FAST, NO_FLOOR, Kinds, Strike, Struck, ended, last_line, resumed
from analysis.faults.tools import Disk, small_disk

KINDS = Kinds()

Take = Callable[[Random, Disk], str]
"""Takes the room of a disk, and says what it left."""


def _all_but(*rooms: int) -> Take:
    """All room but one of these, in bytes."""

    def take(rng: Random, disk: Disk) -> str:
        room = rng.choice(rooms)
        disk.fill(room)
        return f"{room} bytes left"

    return take


def _inodes(_rng: Random, disk: Disk) -> str:
    disk.take_inodes()
    return "no inode left"


@contextlib.contextmanager
def _on_a_disk(one: Disturbed) -> Iterator[Disk]:
    with small_disk(one.folder / "disk") as disk:
        one.results = Path("disk/results")
        try:
            yield disk
        finally:
            one.left = one.left_behind()
            one.keep(Path("results"))


@contextlib.contextmanager
def _running_on_a_disk(one: Disturbed) -> Iterator[tuple[Disk, Any]]:
    """The disk and the runner; so much is taken already that the rest is taken in an instant."""
    with _on_a_disk(one) as disk:
        runner = one.run()
        disk.prepare()
        yield disk, runner


def _halts(take: Take) -> Strike:
    """Without room under load: it halts, and can be resumed once there is room again."""

    def strike(struck: Struck) -> str:
        one = struck.one
        with _running_on_a_disk(one) as (disk, runner):
            one.under_load(latest=9.0)
            struck.note()
            one.say(take(one.rng, disk))
            ended(one, runner, 3)
            struck.note()
            disk.free()
            return f"halted, {resumed(one)}"

    return strike


KINDS.add(
    "disk full: under load",
    6,
    "aging resume",
    needs="mount",
    top=NO_FLOOR,
    strike=_halts(_all_but(0, 0, 4096, 20_000, 60_000)),
)
KINDS.add(
    "disk under its floor",
    2,
    "aging resume",
    needs="mount",
    top='watchdogs.disk_floor = "2MiB"',
    strike=_halts(_all_but(400_000, 1_500_000)),
)
KINDS.add(
    "inodes under their floor",
    2,
    "aging resume",
    needs="mount",
    top='watchdogs.disk_floor = "0B"',
    strike=_halts(_inodes),
)


def _ends(struck: Struck, disk: Disk, runner: Any) -> str:
    """It ends by itself, without room for all that it has to write; that is written once there is room again."""
    one = struck.one
    became = ended(one, runner, 0, 3)
    disk.free()
    return f"{became}, {resumed(one)}"


@KINDS.kind("inodes used up: under load", 3, "No space left", needs="mount", top=NO_FLOOR)
def inodes(struck: Struck) -> str:
    one = struck.one
    with _running_on_a_disk(one) as (disk, runner):
        one.under_load(latest=9.0)
        struck.note()
        one.say(_inodes(one.rng, disk))
        return _ends(struck, disk, runner)


def _sealing(one: Disturbed) -> None:
    until(lambda: "campaign_completed" in one.kinds(), "its end", pause=FAST)


def _analyzing(one: Disturbed) -> None:
    one.wait_for("campaign_completed")
    until(lambda: not any(one.root.rglob("*.live.jsonl")), "the seal", pause=FAST)


def _after_the_load(stage: Callable[[Disturbed], None], take: Take) -> Strike:
    """Without room from a stage after the load's end; the room is taken before anything is read, lest it be over."""

    def strike(struck: Struck) -> str:
        one = struck.one
        with _running_on_a_disk(one) as (disk, runner):
            one.under_load(earliest=SECONDS - 1.0, latest=SECONDS - 1.0)
            stage(one)
            one.say(take(one.rng, disk))
            struck.note()
            return _ends(struck, disk, runner)

    return strike


KINDS.add(
    "disk full: at the seal",
    3,
    "No space left",
    needs="mount",
    top=NO_FLOOR,
    strike=_after_the_load(_sealing, _all_but(0, 8192, 30_000)),
)
KINDS.add(
    "disk full: at the analysis",
    3,
    "No space left",
    needs="mount",
    top=NO_FLOOR,
    strike=_after_the_load(_analyzing, _all_but(0, 8192, 50_000)),
)


@KINDS.kind("disk full: before the start", 4, "No space left", "free", needs="mount", top=NO_FLOOR)
def disk_full_before(struck: Struck) -> str:
    one = struck.one
    with _on_a_disk(one) as disk:
        one.say(_all_but(0, 4096, 8192, 16_384, 40_960)(one.rng, disk))
        code = one.done("run", one.file, "--results", one.results)
        if code not in (2, 3):
            raise TrialError(f"aging run: exit {code}: {last_line(one)}")
        status = one.done("status", "--results", one.results)
        if status != 0:
            raise TrialError(f"aging status: exit {status}: {last_line(one)}")
        disk.free()
        if one.made():
            struck.note()
            return f"exit {code}, {resumed(one)}"
        ended(one, one.run(), 0)
        return f"exit {code}, refused"


@KINDS.kind("disk full: at a resume", 3, "aging resume", "No space left", needs="mount", top=NO_FLOOR)
def disk_full_at_a_resume(struck: Struck) -> str:
    one = struck.one
    with _running_on_a_disk(one) as (disk, runner):
        one.under_load(latest=6.0)
        one.kill(runner)
        struck.note()
        one.say(_all_but(0, 0, 4096, 16_384)(one.rng, disk))
        code = one.done("resume", one.root)
        if code != 3:
            raise TrialError(f"aging resume: exit {code}: {last_line(one)}")
        disk.free()
        return f"halted, {resumed(one)}"
