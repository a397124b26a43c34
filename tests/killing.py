"""Campaigns that are killed: started, shot at, taken up again, and what must hold of them afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from aging import open_results
from aging.belonging import MARKER
from aging.journal import read_journal
from aging.keeping import keepers
from aging.store.results import Results
from tests.conftest import result_directory, unused_port, wait_for, write_campaign

SAMPLING_SECONDS = 0.2


@dataclass(frozen=True)
class Started:
    """A campaign under way in a folder of its own."""

    folder: Path
    runner: subprocess.Popen[bytes]

    @property
    def root(self) -> Path:
        wait_for(lambda: any(self.folder.glob("results/*/*/journal.jsonl")), "no journal")
        return result_directory(self.folder / "results")

    def wait_for_event(self, kind: str, count: int = 1) -> None:
        root = self.root
        wait_for(lambda: kinds(root).count(kind) >= count, f"no {kind}", seconds=30.0)

    def kill(self) -> float:
        """SIGKILL to the runner; when, in monotonic seconds."""
        at = time.monotonic()
        self.runner.kill()
        self.runner.wait()
        return at

    def output(self) -> str:
        return (self.folder / "output").read_text()


def kinds(root: Path) -> list[str]:
    return [event.kind for event in read_journal(root / "journal.jsonl")]


def campaign(folder: Path, duration: str = "10s", grace: str = "30s", extra: str = "") -> Path:
    text = f'{extra}\norphan_grace = "{grace}"'
    path = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s")
    path.write_text(path.read_text().replace("schema = 1", f"schema = 1\n{text}"))
    return path


def start(folder: Path, *arguments: str | Path) -> Started:
    with (folder / "output").open("ab") as output:
        argv = [sys.executable, "-m", "aging", *map(str, arguments)]
        return Started(folder, subprocess.Popen(argv, cwd=folder, stdout=output, stderr=subprocess.STDOUT))


def aging(folder: Path, *arguments: str | Path, timeout: float = 90.0) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "aging", *map(str, arguments)]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)


def marked(root: Path) -> list[psutil.Process]:
    """Every living process that carries the campaign's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARKER) == str(root.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def servers(root: Path) -> set[int]:
    """The pids of the campaign's reference servers that live."""
    found = set()
    for process in marked(root):
        with contextlib.suppress(psutil.Error):  # another of its processes that has just ended
            if "aging.reference" in process.cmdline():
                found.add(process.pid)
    return found


def end_all(root: Path) -> None:
    """Whatever a test that failed has left."""
    for pid in (*keepers(str(root.resolve())), *(process.pid for process in marked(root))):
        os.kill(pid, signal.SIGKILL)


def problems(results: Results) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(results.layout.findings.read_text())["problems"]
    return told


def assert_nothing_lost(
    root: Path,
    kills: Sequence[float],
    deployments: Sequence[str] = ("clean", "leak"),
    interval: float = SAMPLING_SECONDS,
) -> Results:
    """No sample older than a moment before a kill lost, no duplicate, and no gap without a reason."""
    results = open_results(root)
    absences = [
        (event.details["gone_since"], event.stamp.mono) for event in results.events if event.kind == "campaign_resumed"
    ]
    told = problems(results)
    assert not [problem for problem in told if problem["kind"] in ("lost", "trimmed", "schedule", "died")], told
    for name in deployments:
        requests = results.requests(name)
        assert requests.empty or requests["index"].is_unique
        if any(problem["kind"] == "short" and problem["deployment"] == name for problem in told):
            arrived = 0  # its time had passed before another runner came, and that is told
        else:
            arrived = max(event.details["requests"] for event in results.events if event.kind == "load_finished")
        unsent = sum(
            int(problem["message"].split()[0])
            for problem in told
            if problem["kind"] == "unsent" and problem["deployment"] == name
        )
        assert len(requests) + unsent >= arrived - 1, "an arrival without a record or a reason"
        samples = results.samples(name, "process")
        times = samples["mono"].to_numpy()
        assert (times[1:] > times[:-1]).all()
        for (begin, end), missed in zip(pairwise(times), samples["missed"].to_numpy()[1:], strict=True):
            told_late = (missed + 5) * interval  # a busy host: the row says so
            absent = any(begin < back and end > gone for gone, back in absences)
            assert end - begin < told_late or absent, f"gap of {end - begin}"
        for kill in kills:
            begun = max(
                event.stamp.mono for event in results.events if "campaign" in event.kind and event.stamp.mono < kill
            )
            before = times[times < kill]
            if before.size and before.size < times.size and kill - begun > 2.0:
                missed = samples["missed"].to_numpy()[: before.size].max()
                assert kill - before[-1] < max(1.0, 2 * interval) + missed * interval, (
                    "samples before the kill were lost"
                )
    return results


def assert_the_leak_is_found(results: Results) -> None:
    """As undisturbed: what leaks is aging at its known rate, within the interval; what does not is not."""
    findings = json.loads(results.layout.findings.read_text())
    controls = {control["deployment"]: control for control in findings["controls"]}
    assert controls["clean"]["verdict"] != "aging"
    leak = controls["leak"]
    if leak["ci_per_hour"] is not None:
        low, high = leak["ci_per_hour"]
        margin = 0.1 * leak["expected_per_hour"]
        assert low - margin <= leak["expected_per_hour"] <= high + margin
        assert leak["verdict"] in ("aging", "inconclusive")
