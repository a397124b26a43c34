"""One trial: a fault, what the command line says afterwards, and the judge's word, as one outcome."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from aging.cli.main import main
from aging.store.results import open_results
from analysis.faults.campaign import LEAK_BYTES, PATIENCE_SECONDS, Disturbed, TrialError
from analysis.faults.campaign import told as told_of
from analysis.faults.judge import Judgement, Rows, judge, rows_of
from analysis.faults.kinds import Kind, Struck
from analysis.faults.kinds_damage import Damage

_FINE = (0, 2, 3, 130)
"""Exit codes that say something on purpose."""

_commands = multiprocessing.get_context("forkserver")
_commands.set_forkserver_preload(
    ["aging.app.run", "aging.report.campaign_list", "aging.report.live", "aging.report.terminal"]
)


@dataclass(frozen=True)
class Outcome:
    """``failures`` is what must not be, in words; ``destroyed`` are rows that the damage itself took."""

    kind: str
    number: int
    seed: int
    at: str
    became: str
    judgement: Mapping[str, Any] | None
    told: bool
    destroyed: int = 0
    failures: Sequence[str] = ()
    decided: Sequence[tuple[float, float]] = ()
    seconds: float = 0.0
    exits: Mapping[str, int] = field(default_factory=dict)


def strike(kind: Kind, number: int, seed: int, folder: Path, tools: Mapping[str, str]) -> Outcome:
    """Run a campaign, have a fault happen to it, see it to its end, judge it."""
    began = time.monotonic()
    one = Disturbed(folder, Random(f"{seed} {kind.name} {number}"), tools=tools, **kind.made)
    struck = Struck(one)
    became, failures, judged = "failed", [], None
    try:
        became = kind.strike(struck)
    except (TrialError, OSError, AssertionError, subprocess.SubprocessError) as error:
        failures.append(f"{type(error).__name__}: {error}")
    left = [*one.left, *one.left_behind()]
    failures += [f"left behind: {told}" for told in left]
    output = one.output()
    if "Traceback" in output:
        failures.append(f"a traceback: {output[output.rindex('Traceback') :].strip().splitlines()[-1][:200]}")
    failures += [
        f"exit {code} of {told_of(process)}"
        for process in one.started
        if (code := process.returncode) not in _FINE and code != -9
    ]
    if not failures:
        try:
            judged = judge(one.root, struck.before, one.kills, LEAK_BYTES)
            failures += judged.faults
        except Exception as error:  # noqa: BLE001 - whatever opening it raises is a failure of this trial, not of the study
            failures.append(f"cannot be judged: {type(error).__name__}: {error}")
    told = not kind.tells or (kind.name.startswith("runner") and became == "completed")
    if judged is not None and not told:
        told = any(word in judged.told or word in output for word in kind.tells)
        if not told:
            failures.append(f"not told: {judged.told}")
    longest = judged.lost_seconds if judged is not None else 0.0
    if longest > 1.0:
        failures.append(f"lost: the last {longest:.2f} s before the kill")
    return Outcome(
        kind=kind.name,
        number=number,
        seed=seed,
        at=one.at,
        became=became,
        judgement=None if judged is None else _summary(judged),
        told=told,
        failures=failures,
        decided=one.decided,
        seconds=time.monotonic() - began,
    )


def _summary(judged: Judgement) -> Mapping[str, Any]:
    counted = {
        name: len(getattr(judged, name)) for name in ("lost", "changed", "duplicates", "gaps", "wrong", "marked")
    }
    return asdict(judged) | counted


VERBS = ("status", "status --json", "open", "analyze", "resume")


def harm(kind: Damage, number: int, seed: int, folder: Path, base: Path) -> Outcome:
    """Damage a copy of a directory, put every verb to it, judge what it says in the end."""
    began = time.monotonic()
    rng = Random(f"{seed} {kind.name} {number}")
    root = folder / "results" / "faulted" / base.name
    shutil.copytree(base, root)
    intact = rows_of(root)
    at = kind.hurt(root, rng)
    damaged = rows_of(root)
    sound = {key: content for key, content in damaged.items() if intact.get(key) == content}
    destroyed = len(intact) - len(sound)
    exits, outputs, failures = {}, {}, []
    for verb in VERBS:
        code, output = command(verb, root, folder)
        exits[verb], outputs[verb] = code, output
        if code not in _FINE or "Traceback" in output:
            failures.append(f"{verb}: exit {code}: {_last(output)}")
        elif code and not output.strip():
            failures.append(f"{verb}: exit {code} without a word")
    refused = {verb for verb in ("analyze", "resume") if exits[verb]}
    judged = None
    if "analyze" not in refused and not failures:
        judged = _judged(root, sound, failures)
    elif kept := _missing(sound, rows_of(root)):
        failures.append(f"lost: {kept} rows of a directory that was refused")
    told = _is_told(judged, destroyed, refused)
    if not told:
        assert judged is not None
        failures.append(f"silent: {destroyed} rows were destroyed, told only {judged.told}")
    if not kind.opens and not refused and judged is not None and not judged.told:
        failures.append("it was neither refused nor told")
    became = "refused" if "analyze" in refused else "resumed" if "resume" not in refused else "analysed"
    return Outcome(
        kind=kind.name,
        number=number,
        seed=seed,
        at=at,
        became=became,
        judgement=None if judged is None else _summary(judged),
        told=told,
        destroyed=destroyed,
        failures=failures,
        seconds=time.monotonic() - began,
        exits=exits,
    )


def _judged(root: Path, sound: Rows, failures: list[str]) -> Judgement | None:
    try:
        judged = judge(root, sound, [], LEAK_BYTES)
    except Exception as error:  # noqa: BLE001 - as above
        failures.append(f"cannot be judged: {type(error).__name__}: {error}")
        return None
    # A file that is damaged is left out as a whole, and that is told.
    excused = ("lost: ", "gap: ") if "trimmed" in judged.told else ()
    failures += [fault for fault in judged.faults if not fault.startswith(excused)] if excused else judged.faults
    return judged


def _is_told(judged: Judgement | None, destroyed: int, refused: set[str]) -> bool:
    """One line may go without a word: it was being written."""
    return judged is None or destroyed <= 1 or "trimmed" in judged.told or "analyze" in refused


def _missing(before: Rows, now: Rows) -> int:
    return sum(now.get(key) != content for key, content in before.items())


def _last(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "")[:200]


def command(verb: str, root: Path, folder: Path) -> tuple[int, str]:
    """A verb of the command line on a directory, in a process of its own whose imports are done; exit code, output."""
    output = folder / f"{verb.replace(' ', '')}.out"
    process = _commands.Process(target=_command, args=(verb, str(root), str(folder), str(output)))
    process.start()
    process.join(PATIENCE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return 124, "did not end"
    return process.exitcode or 0, output.read_text(errors="replace")


def _command(verb: str, root: str, folder: str, output: str) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(folder)
    code = 70
    try:
        code = (
            main(["status", "--json", root])
            if verb == "status --json"
            else _opened(root)
            if verb == "open"
            else main([verb, root])
        )
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
    os._exit(code)


def _opened(root: str) -> int:
    """What a notebook does."""
    from aging.core.errors import AgingError  # noqa: PLC0415

    try:
        results = open_results(root)
        print(json.dumps({"trimmed": results.trimmed(), "phase": results.state.phase}))
        for name in results.deployments:
            print(name, len(results.requests(name)), len(results.samples(name, "process")), flush=True)
    except AgingError as error:
        print(f"refused: {error}", flush=True)
        return int(error.exit_code)
    return 0
