"""What a study costs a measured host beside the campaign's own processes. Run: ``python analysis/study/overhead.py``.

In one run, so that ratios hold on any host: the same campaign by ``aging run --detach`` and by ``start`` of a study,
A B B A, each measured over SECONDS of its load; which processes ``start`` leaves beside the campaign's; and the CPU
seconds of a look, in a fresh interpreter as a task of a cluster has one, at a result directory of 216 hours.
What Ray adds to both: ``python -m analysis.study.ray_node``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aging.core.processes.ownership import campaign_processes, mark
from aging.study.fleet import AttemptKey, Order
from aging.study.host import look, start
from aging.study.supervision import look_pause

HOURS = 216
SOURCES = 13
"""Folders with an hourly file: three deployments at a time, and the harness, as in :mod:`analysis.study.collection`."""

KEY = AttemptKey("overhead", "idle", 1)
CAMPAIGN = """
schema = 1
name = "idle"
seed = 1
duration = "20m"
warmup = "1s"
sanity = "0s"
[load]
arrivals = {{ kind = "poisson", rate = 0.5 }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
[[deployment]]
name = "server"
kind = "reference"
port = {port}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of several processes over some time: share of a core, proportional set size in MB, and how many they are."""

    core: float
    megabytes: float
    processes: int


def cost(pids: Sequence[int], seconds: float) -> Cost:
    processes = [psutil.Process(pid) for pid in pids]
    before, begun = sum(map(cpu_of, processes)), time.monotonic()
    time.sleep(seconds)
    used, elapsed = sum(map(cpu_of, processes)) - before, time.monotonic() - begun
    return Cost(used / elapsed, sum(one.memory_full_info().pss for one in processes) / 1e6, len(processes))


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def plain(folder: Path) -> Path:
    """The result directory of a campaign that ``aging run --detach`` started."""
    (folder / "campaign.toml").write_text(CAMPAIGN.format(port=free_port()))
    argv = [sys.executable, "-P", "-m", "aging", "run", "campaign.toml", "--results", "results", "--detach"]
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (journal,) = folder.glob("results/*/*/journal.jsonl")
    return journal.parent


def of_study(folder: Path) -> Path:
    """The same, by ``start`` in a process that ends, as a task of a cluster does."""
    (folder / "campaign.toml").write_text(CAMPAIGN.format(port=free_port()))
    subprocess.run([sys.executable, __file__, "--start", str(folder)], check=True)
    directory = look("h", [KEY], str(folder))[0].directory
    assert directory is not None
    return Path(directory)


def left_beside(directory: Path, before: set[int]) -> list[str]:
    """Processes that began since ``before``, name this folder, and are not the campaign's, its keeper included."""
    campaign = {one.pid for one in campaign_processes(mark(directory), ())}
    runner = look("h", [KEY], str(directory.parents[6]))[0].runner
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if (
            process.pid not in before | campaign | {runner}
            and str(directory.parents[6]) in line
            and "keeper.py" not in line
        ):
            found.append(line)
    return found


def run_once(kind: str, seconds: float) -> tuple[Cost, Cost, list[str]]:
    """Cost of the runner, of all the campaign's processes, and what is left beside them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = set(psutil.pids())
        directory = plain(folder) if kind == "plain" else of_study(folder)
        try:
            runner = json.loads((directory / "lock").read_text())["pid"]
            time.sleep(15)  # start and warm-up of server and load
            everything = [runner, *(one.pid for one in campaign_processes(mark(directory), ()) if one.pid != runner)]
            left = left_beside(directory, before) if kind == "study" else []
            half = seconds / 2
            return cost([runner], half), cost(everything, half), left
        finally:
            subprocess.run(
                [sys.executable, "-m", "aging", "stop", str(directory)], stdout=subprocess.DEVNULL, check=False
            )


def long_campaign(scratch: Path, host: str = "h") -> None:
    """The sealed files of 216 hours on a host."""
    directory = scratch / host / KEY.study / KEY.cell / "a01" / "results" / "idle" / "20260101T000000Z"
    content = os.urandom(150_000)  # the mean of an hour of a source
    for source in range(SOURCES):
        folder = directory / "server" / "r01" / f"source{source}"
        folder.mkdir(parents=True)
        for hour in range(HOURS):
            (folder / f"{hour:03d}.parquet").write_bytes(content)
    (directory / "manifest.json").write_text("{}")
    (directory / "journal.jsonl").write_text("")


def looks() -> tuple[float, float, int]:
    """CPU seconds of the first and of a later look at 216 hours, and how many looks the rule of pauses makes."""
    with tempfile.TemporaryDirectory() as name:
        long_campaign(Path(name))
        first, later = (look_seconds(name) for _ in range(2))
    remaining, count = HOURS * 3600.0, 0
    while remaining > 0:
        remaining -= look_pause(remaining)
        count += 1
    return first, later, count


def look_seconds(scratch: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, __file__, "--look", scratch], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--start", metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--look", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start is not None:
        text = (Path(options.start) / "campaign.toml").read_text()
        begun = start("h", Order(KEY, text, options.start, {}))
        assert begun.state == "running", begun.why
        os._exit(0)
    if options.look is not None:
        look("h", [KEY], options.look)
        return
    report: dict[str, object] = {}
    first, later, count = looks()
    report["look_first_cpu_seconds"], report["look_later_cpu_seconds"] = round(first, 3), round(later, 3)
    report["looks_in_216_hours"] = count
    report["looks_share_of_a_core"] = round((first + count * later) / (HOURS * 3600), 6)
    runners: dict[str, list[Cost]] = {"plain": [], "study": []}
    for kind in ("plain", "study", "study", "plain"):
        runner, everything, left = run_once(kind, options.seconds)
        runners[kind].append(runner)
        print(kind, runner, everything, left, flush=True)
    for what in ("core", "megabytes"):
        plain_, study_ = (sum(getattr(one, what) for one in runners[kind]) / 2 for kind in ("plain", "study"))
        report[f"runner_{what}"] = [round(plain_, 4), round(study_, 4), round(study_ / plain_, 3)]
    print(json.dumps(report, indent=1), flush=True)


if __name__ == "__main__":
    main()
