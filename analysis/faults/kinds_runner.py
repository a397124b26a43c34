"""Faults of runners: killed at every stage, two at once, interrupted, gone with the host."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

from analysis.faults.campaign import SECONDS, TrialError, until
from analysis.faults.kinds import FAST, Kinds, Struck, ended, killed, last_line, resumed

KINDS = Kinds()


@KINDS.kind("none (undisturbed)", 5)
def undisturbed(struck: Struck) -> str:
    return ended(struck.one, struck.one.run(), 0)


@KINDS.kind("runner: SIGKILL before its journal", 2)
def before_the_journal(struck: Struck) -> str:
    one = struck.one
    runner = one.aging("run", one.file)
    time.sleep(one.rng.uniform(0.3, 1.2))
    one.kill(runner, sampling=False)
    with contextlib.suppress(TrialError):
        struck.note()
        return resumed(one)
    return ended(one, one.run(), 0)  # it had begun nothing


@KINDS.kind("runner: SIGKILL while it starts", 4, "resumed", "short")
def starting(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    pause = one.rng.uniform(0.0, 2.5)
    time.sleep(pause)
    one.kill(runner, sampling=False)
    one.say(f"{pause:.2f} s after its first line")
    struck.note()
    return resumed(one)


@KINDS.kind("runner: SIGKILL under load", 12, "resumed", "short")
def under_load(struck: Struck) -> str:
    killed(struck)
    time.sleep(struck.one.rng.uniform(0.0, 2.0))
    return resumed(struck.one)


@KINDS.kind("runner: SIGKILL while it drains and stops", 3, "resumed", "short")
def draining(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(earliest=SECONDS - 0.1, latest=SECONDS + 0.35)
    one.kill(runner)
    struck.note()
    return resumed(one)


@KINDS.kind("runner: SIGKILL while it seals", 3)
def sealing(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(earliest=SECONDS - 1.0, latest=SECONDS - 1.0)
    until(lambda: "campaign_completed" in one.kinds(), "its end", pause=FAST)
    struck.note()
    time.sleep(one.rng.uniform(0.0, 0.1))
    one.kill(runner, sampling=False)
    return resumed(one)


@KINDS.kind("runner: SIGKILL while it analyzes", 3)
def analyzing(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.wait_for("campaign_completed")
    until(lambda: not any(one.root.rglob("*.live.jsonl")), "the seal", pause=FAST)
    struck.note()
    time.sleep(one.rng.uniform(0.0, 1.5))
    one.kill(runner, sampling=False)
    return resumed(one)


@KINDS.kind("runner: SIGKILL in a cooldown", 3, "resumed", duration=8.0, slot='slot = "one"', top='cooldown = "3s"')
def cooldown(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.wait_for("deployment_stopped")
    time.sleep(one.rng.uniform(0.0, 3.0))
    one.kill(runner, sampling=False)
    struck.note()
    return resumed(one)


@KINDS.kind("runner and keeper: SIGKILL at once", 4, "resumed", "short")
def runner_and_keeper(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    os.kill(one.keeper(), signal.SIGKILL)
    one.kill(runner)
    struck.note()
    return resumed(one)


@KINDS.kind("runner, then its resumer, then another: SIGKILL", 4, "resumed", "short")
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


@KINDS.kind("two runners on one directory", 2, "is being run by process")
def two_runners(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load()
    struck.note()
    code = one.done("resume", one.root)
    if code != 2:
        raise TrialError(f"the second runner: exit {code}")
    return f"{ended(one, runner, 0)}, the other refused"


@KINDS.kind("two that resume at once", 3, "is being run by process", "is locked by another process")
def two_resumers(struck: Struck) -> str:
    one = struck.one
    killed(struck)
    both = [one.aging("resume", one.root) for _ in range(2)]
    codes = sorted(one.ended(each) for each in both)
    if codes != [0, 2]:
        raise TrialError(f"exits {codes}: {last_line(one)}")
    return "resumed, the other refused"


@KINDS.kind(
    "aging stop beside a dying runner", 3, "interrupted", "marked the campaign as interrupted", "waiting for it"
)
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


@KINDS.kind("SIGINT, then resumed", 2, "resumed", "short")
def interrupted(struck: Struck) -> str:
    one = struck.one
    runner = one.run()
    one.under_load(latest=8.0)
    struck.note()
    runner.send_signal(signal.SIGINT)
    return f"{ended(one, runner, 130)}, {resumed(one)}"


@KINDS.kind("reboot (all killed, another boot in the journal)", 3, "resumed", "restarted")
def reboot(struck: Struck) -> str:
    one = struck.one
    killed(struck)
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
