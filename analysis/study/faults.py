"""A study on local Ray nodes of which some are killed at random, and the disk of one is lost: is every row there once?

::

    python -m analysis.study.faults [--hosts 8] [--killed 3] [--disks 1] [--seed 1] [--duration 60s] [--spread 0]

Prints a row a cell: attempts, request rows expected, present and doubled. Exits 1 if a cell has no result, or a row is
lost or doubled. The nodes are real raylets on this machine, killed with SIGKILL and started again 5 s later; a host
whose disk is lost loses its runner and its folder, as a machine that is replaced. They are struck at random moments
within ``--spread`` seconds after all cells run, by default all at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.store.results import open_results
from aging.study.events import AttemptSeen
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import fold
from tests.cluster.raylets import AUTHENTICATION, LocalCluster, end, new_cluster, processes_naming
from tests.conftest import unused_port, write_campaign

_AWAY_SECONDS = 5.0
_STUDY_SECONDS = 1500.0
_RUNNING_SECONDS = 400.0


@dataclass(frozen=True, slots=True)
class CellRows:
    """The request rows of a cell's result; ``expected`` from the highest number of its schedule that was sent."""

    cell: str
    attempts: int
    expected: int = 0
    present: int = 0
    doubled: int = 0

    @property
    def good(self) -> bool:
        return self.present == self.expected > 0 and not self.doubled


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--killed", type=int, default=3)
    parser.add_argument("--disks", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duration", default="60s")
    parser.add_argument("--spread", type=float, default=0.0)
    options = parser.parse_args()
    status, rows = study_with_faults(
        options.hosts,
        options.killed,
        options.disks,
        options.seed,
        duration=options.duration,
        spread=options.spread,
    )
    print(f"{'cell':<44} {'attempts':>8} {'expected':>8} {'present':>8} {'doubled':>8}")
    for row in rows:
        print(f"{row.cell:<44} {row.attempts:>8} {row.expected:>8} {row.present:>8} {row.doubled:>8}")
    good = sum(row.good for row in rows)
    print(f"{good} of {options.hosts} cells whole; the study exited {status}.")
    return 0 if status == 0 and good == options.hosts else 1


def study_with_faults(  # noqa: PLR0913 - what befalls how many hosts, and where
    hosts: int,
    killed: int,
    disks: int,
    seed: int,
    *,
    duration: str = "60s",
    spread: float = 0.0,
    there: LocalCluster | None = None,
) -> tuple[int, Sequence[CellRows]]:
    """Run a study of one cell a host with faults drawn by ``seed``; its exit code, and the rows of every cell.

    ``spread``: within how many seconds after all cells run. ``there``: a cluster of ``hosts`` hosts that is used, and
    left with all of them, in place of one of its own.
    """
    names = there.hosts if there is not None else [f"h{number}" for number in range(1, hosts + 1)]
    chance = random.Random(seed)
    struck = chance.sample(names, killed + disks)
    moments = [chance.uniform(0.0, spread) for _ in struck]
    os.environ |= AUTHENTICATION
    with tempfile.TemporaryDirectory(prefix="aging-faults-") as temporary, contextlib.ExitStack() as own:
        cluster = there if there is not None else own.enter_context(_cluster(names))
        folder = Path(temporary)
        study = _write_study(folder, hosts, duration)
        log = folder / "log"
        head = _aging(folder, "run", study, "--cluster", cluster.address, "--results", folder / "results")
        try:
            _wait_until_running(head, folder, hosts, log)
            begin = time.monotonic()
            acts = [(moment, "kill", host) for moment, host in zip(moments, struck, strict=True)]
            acts += [(moment + _AWAY_SECONDS, "start", host) for moment, _, host in acts]
            for moment, act, host in sorted(acts):
                time.sleep(max(0.0, begin + moment - time.monotonic()))
                if act == "start":
                    cluster.start(host)
                    continue
                cluster.kill(host)
                if host in struck[killed:]:
                    _lose_disk(folder / "scratch" / host)
            return _outcome(head, folder)
        finally:
            head.kill()
            head.wait()
            end(processes_naming(str(folder)))


def study_after_head_lost(hosts: int, duration: str = "25s") -> tuple[int, Sequence[CellRows]]:
    """Lose the head with the nodes, and the process of the study; resume it on the cluster that comes after."""
    names = [f"h{number}" for number in range(1, hosts + 1)]
    os.environ |= AUTHENTICATION
    with tempfile.TemporaryDirectory(prefix="aging-faults-") as temporary, _cluster(names) as cluster:
        folder = Path(temporary)
        study = _write_study(folder, hosts, duration)
        log = folder / "log"
        head = _aging(folder, "run", study, "--cluster", cluster.address, "--results", folder / "results")
        try:
            _wait_until_running(head, folder, hosts, log)
            head.kill()
            head.wait()
            for host in (*names, "head"):
                cluster.kill(host)
            cluster.start_head()
            for host in names:
                cluster.start(host)
            head = _aging(folder, "resume", _root(folder))
            return _outcome(head, folder)
        finally:
            head.kill()
            head.wait()
            end(processes_naming(str(folder)))


def _outcome(head: subprocess.Popen[bytes], folder: Path) -> tuple[int, Sequence[CellRows]]:
    """The exit code of the study, once it has ended, and the rows of every cell; what it printed where it failed."""
    status = head.wait(_STUDY_SECONDS)
    if status != 0:
        print((folder / "log").read_text(errors="replace"), file=sys.stderr)
    return status, _rows(_root(folder))


def _aging(folder: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start the command line; what it prints is added to the file ``log``."""
    with (folder / "log").open("ab") as out:
        argv = [sys.executable, "-m", "aging", *map(str, arguments)]
        return subprocess.Popen(argv, stdout=out, stderr=out, cwd=folder)


@contextlib.contextmanager
def _cluster(names: Sequence[str]) -> Iterator[LocalCluster]:
    cluster = new_cluster(unused_port())
    try:
        cluster.start_head()
        for name in names:
            cluster.start(name)
        yield cluster
    finally:
        cluster.end()


def _write_study(folder: Path, cells: int, duration: str) -> Path:
    """One cell a host, of the leaking reference server, on a free port: all hosts are this machine."""
    campaign = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s", rate=5.0)
    text = campaign.read_text()
    first, second = text.index("[[deployment]]"), text.rindex("[[deployment]]")
    lines = (text[:first] + text[second:]).splitlines(keepends=True)
    campaign.write_text("".join(line for line in lines if not line.startswith("port")))
    study = folder / "study.toml"
    study.write_text(
        f'name = "faults"\ncampaign = "{campaign.name}"\nreplicates = {cells}\npatience = "300s"\n'
        f'[hosts]\nscratch = "{folder / "scratch"}"\n'
    )
    return study


def _root(folder: Path) -> Path:
    return next(path.parent for path in (folder / "results").glob("*/*/ledger.jsonl"))


def _wait_until_running(head: subprocess.Popen[bytes], folder: Path, cells: int, log: Path) -> None:
    deadline = time.monotonic() + _RUNNING_SECONDS
    while True:
        with contextlib.suppress(StopIteration, FileNotFoundError):
            events = read_ledger(StudyLayout(_root(folder)).ledger)
            running = {one.cell for one in events if isinstance(one, AttemptSeen) and one.state == "running"}
            if len(running) == cells:
                return
        if head.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"not all cells run:\n{log.read_text(errors='replace')}")
        time.sleep(0.5)


def _lose_disk(folder: Path) -> None:
    end(processes_naming(str(folder)))
    shutil.rmtree(folder)


def _rows(root: Path) -> Sequence[CellRows]:
    rows = []
    for cell in fold(read_ledger(StudyLayout(root).ledger)).cells.values():
        if cell.result is None:
            rows.append(CellRows(cell.name, len(cell.attempts)))
            continue
        numbers = open_results(StudyLayout(root).attempt(cell.name, cell.result.number)).requests("leak")["index"]
        distinct = numbers.nunique()
        rows.append(CellRows(cell.name, len(cell.attempts), int(numbers.max()) + 1, distinct, len(numbers) - distinct))
    return rows


if __name__ == "__main__":
    sys.exit(main())
