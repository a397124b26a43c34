"""What becomes of a campaign when something goes wrong? Faults by the hundred, in real campaigns and directories.

Short campaigns of two reference servers (one clean, one that leaks 16 KiB a request) meet a fault each: their processes
are killed or stopped at random instants, their disk fills, their clock is set, a sampler misbehaves, their directory is
damaged. Each is then resumed, or analyzed, and judged from what lies on the disk: no row that was written may be lost
or doubled, no gap be without a reason, no verdict be wrong without a mark, no fault untold. Exit 1 if one is::

    python -m analysis.faults.study --results results/faults         # all of them: 40 minutes, two at a time
    python -m analysis.faults.study --results results/some --only "server: SIGKILL" --rounds 2

The clock is not the host's: a shim before libc's ``clock_gettime`` adds a step to the wall clock of the campaign's
processes, all of them. A full disk is a real one, in memory (a mount, which needs root;
without it the table has no such rows).
Outcomes are kept in ``outcomes.jsonl`` below ``--results``; those that are there already are not run again, and
directories of those that failed are kept beside it. With neither ``--only`` nor ``--rounds`` the table is written.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from analysis import ROOT
from analysis.faults import kinds_clock, kinds_disk, kinds_process, kinds_runner
from analysis.faults.campaign import LEAK_BYTES, SECONDS, Disturbed
from analysis.faults.kinds import Kind
from analysis.faults.kinds_damage import DAMAGES, Base, Damage
from analysis.faults.tools import clock_shim, may_mount
from analysis.faults.trial import Outcome, harm, strike

_BESIDE = 2
"""Campaigns at a time: most of one is waiting."""

KINDS: Sequence[Kind] = (*kinds_clock.KINDS, *kinds_disk.KINDS, *kinds_process.KINDS, *kinds_runner.KINDS)
ALL: Sequence[Kind | Damage] = (*KINDS, *DAMAGES)

Recorded = Mapping[str, Any]


def main() -> int:
    """Run what is not there yet, print the table, say whether any fault lost data or went untold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="where outcomes are kept")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="kinds whose name begins so")
    parser.add_argument("--rounds", type=int, help="of each kind; default: as many as the table has")
    parser.add_argument("--tell", action="store_true", help="run nothing more; the table of what is there")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where tables/ lies")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        study = Study(options.results, options.seed, Path(scratch), options.only, options.rounds)
        if not options.tell:
            study.run()
        text = table(study.outcomes(), study.skipped)
    print(text)
    if not options.only and options.rounds is None:
        (options.docs / "tables" / "faults.md").write_text(text)
    return int(any(outcome["failures"] for outcome in study.outcomes()))


class Study:
    """All trials of a seed: those whose outcome is in ``results`` are done."""

    def __init__(self, results: Path, seed: int, scratch: Path, only: Sequence[str], rounds: int | None) -> None:
        self._file = results / "outcomes.jsonl"
        self._failed = results / "failed"
        self._seed, self._scratch = seed, scratch
        shim = clock_shim(scratch)
        self._tools = {} if shim is None else {"shim": str(shim)}
        missing = {"": False, "clock": shim is None, "mount": not may_mount(scratch / "mount")}
        self._only, self._rounds = only, rounds
        self._kinds: list[Kind | Damage] = [kind for kind in ALL if self._wanted(kind.name)]
        self.skipped = [kind.name for kind in self._kinds if isinstance(kind, Kind) and missing[kind.needs]]
        self._bases: dict[Base, Path] = {}
        self._writing = threading.Lock()

    def outcomes(self) -> list[Recorded]:
        """Every outcome of this seed, of the kinds that are wanted."""
        if not self._file.exists():
            return []
        recorded = [json.loads(line) for line in self._file.read_text().splitlines()]
        known = {kind.name for kind in self._kinds}
        return [one for one in recorded if one["seed"] == self._seed and one["kind"] in known]

    def run(self) -> None:
        done = {(one["kind"], one["number"]) for one in self.outcomes()}
        due = [
            (number, kind)
            for kind in self._kinds
            for number in range(kind.rounds if self._rounds is None else self._rounds)
            if kind.name not in self.skipped and (kind.name, number) not in done
        ]
        campaigns = sorted(((number, kind) for number, kind in due if isinstance(kind, Kind)), key=lambda pair: pair[0])
        copies = [(number, kind) for number, kind in due if isinstance(kind, Damage)]
        with ThreadPoolExecutor(_BESIDE) as pool:
            made: list[Base] = list(dict.fromkeys(kind.base for _, kind in copies))
            for base, path in zip(made, pool.map(self._base, made), strict=True):
                self._bases[base] = path
            for _ in pool.map(self._trial, [*copies, *campaigns]):
                pass

    def _wanted(self, name: str) -> bool:
        return not self._only or any(name.startswith(wanted) for wanted in self._only)

    def _base(self, base: Base) -> Path:
        """A directory to damage copies of."""
        one = Disturbed(self._scratch / base, Random(base))
        runner = one.run()
        if base == "completed":
            assert one.ended(runner) == 0, one.output()
        else:
            one.under_load(earliest=SECONDS - 4.0, latest=SECONDS - 4.0)
            os.kill(one.keeper(), 9)
            one.kill(runner)
            for pid in one.marked():
                os.kill(pid, 9)
            threading.Event().wait(6.0)  # its time passes: what is resumed is over at once
        one.left_behind()
        return one.root

    def _trial(self, due: tuple[int, Kind | Damage]) -> None:
        number, kind = due
        folder = self._scratch / f"{_folder(kind.name)}-{number}"
        folder.mkdir()
        outcome = (
            strike(kind, number, self._seed, folder, self._tools)
            if isinstance(kind, Kind)
            else harm(kind, number, self._seed, folder, self._bases[kind.base])
        )
        with self._writing, self._file.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
        if outcome.failures:
            shutil.copytree(folder, self._failed / folder.name, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        print(_line(outcome), flush=True)


def _folder(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _line(outcome: Outcome) -> str:
    failed = f": {'; '.join(outcome.failures)}" if outcome.failures else ""
    return f"{outcome.kind} {outcome.number} ({outcome.at}): {outcome.became}, {outcome.seconds:.0f} s{failed}"


def table(outcomes: Sequence[Recorded], skipped: Sequence[str]) -> str:
    """All outcomes as a page of Markdown."""
    return "\n".join(_page(outcomes, skipped)) + "\n"


def _page(outcomes: Sequence[Recorded], skipped: Sequence[str]) -> Iterator[str]:
    faults = [one for one in outcomes if not one["kind"].startswith("none")]
    struck = {kind.name for kind in KINDS}
    campaigns = [one for one in faults if one["kind"] in struck]
    failed = [one for one in faults if one["failures"]]
    yield "# Injected faults"
    yield ""
    yield (
        f"{len(faults)} faults, {len(campaigns)} of them in running campaigns, the others in directories; "
        f"{len(failed)} lost data, were not reported, or led to a wrong verdict. Made by `analysis/faults/study.py`"
        f" (seed {outcomes[0]['seed'] if outcomes else '-'})."
    )
    yield ""
    yield from _comparison(outcomes, campaigns)
    yield ""
    yield (
        "*Lost*: rows that had been written and are not there, or not as they were. *Before*: the longest that had not"
        " been sampled when the runner was killed. *Unsent*: arrivals without a record that the journal explains."
        " *Destroyed*: rows that the damage itself took; a damaged Parquet file is left out"
        " as a whole, which is reported. *Conclusive*: campaigns in which the leak was found and the"
        " clean server was judged. *Wrong*: verdicts that are not so without a mark; in brackets with one (short,"
        " broken)."
    )
    yield ""
    yield (
        "| fault | n | result | lost | before, s | twice | gaps | unsent | destroyed | reported | conclusive |"
        " wrong | failed |"
    )
    yield "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for name in dict.fromkeys(kind.name for kind in ALL):
        mine = [one for one in outcomes if one["kind"] == name]
        if mine:
            yield _row(name, mine)
        elif name in skipped:
            yield f"| {name} | 0 | not run: this host does not allow it |" + " |" * 10
    if failed:
        yield ""
        yield "What failed:"
        yield ""
        yield from (f"- {one['kind']}, {one['number']} ({one['at']}): {'; '.join(one['failures'])}" for one in failed)


def _comparison(outcomes: Sequence[Recorded], campaigns: Sequence[Recorded]) -> Iterator[str]:
    """Undisturbed campaigns against the disturbed ones."""
    calm = [one["judgement"] for one in outcomes if one["kind"].startswith("none") and one["judgement"]]
    rates = [one["per_request"] for one in calm if one["per_request"]]
    judged = [one["judgement"] for one in campaigns if one["judgement"]]
    conclusive = [one for one in judged if one["conclusive"]]
    intervals = [one["interval"] for one in judged if one["interval"]]
    if not rates:
        return
    mean = statistics.fmean(rates)
    yield (
        f"The leak is {LEAK_BYTES} bytes a request. {len(rates)} undisturbed campaigns found {min(rates):.0f} to"
        f" {max(rates):.0f}, on average {mean:.0f}. Of {len(judged)} disturbed ones {len(conclusive)} were conclusive;"
        f" of {len(intervals)} intervals (95 %) {_held(intervals, mean)} hold the undisturbed average and"
        f" {_held(intervals, LEAK_BYTES)} the known rate."
    )
    first = [one["decided"][0][0] for one in campaigns if one["decided"]]
    last = [decided[1] for one in campaigns for decided in one["decided"]]
    if first:
        yield (
            f"A resume had taken over after at most {max(first):.1f} s, and decided what becomes of every server after"
            f" {max(last):.1f} s (median {statistics.median(last):.1f} s; {len(last)} resumes)."
        )


def _held(intervals: Sequence[Sequence[float]], rate: float) -> int:
    return sum(low <= rate <= high for low, high in intervals)


def _row(name: str, mine: Sequence[Recorded]) -> str:
    judged = [one["judgement"] for one in mine if one["judgement"]]

    def total(what: str) -> int:
        return sum(one[what] for one in judged)

    became = "; ".join(f"{count} {what}" for what, count in Counter(_short(one) for one in mine).most_common())
    before = max((one["lost_seconds"] for one in judged), default=0.0)
    marked = total("marked")
    values = (
        name,
        len(mine),
        became,
        total("lost") + total("changed"),
        f"{before:.2f}" if before else "",
        total("duplicates"),
        total("gaps"),
        total("unsent"),
        sum(one["destroyed"] for one in mine) or "",
        sum(one["reported"] for one in mine),
        f"{sum(one['conclusive'] for one in judged)} of {len(judged)}" if judged else "",
        f"{total('wrong')}" + (f" ({marked})" if marked else ""),
        sum(bool(one["failures"]) for one in mine) or "",
    )
    return "| " + " | ".join(map(str, values)) + " |"


def _short(one: Recorded) -> str:
    return str(one["became"])


if __name__ == "__main__":
    sys.exit(main())
