"""What the instrument costs, each figure beside the simplest thing that could do the same: ``make bench``.

Prints one Markdown table, in about four minutes. Figures and ratios come from the
same run, medians of at least five repeats, the two sides of a ratio taken in turn.
Costs are CPU time, start times and lateness wall time. It judges nothing: what the
figures mean is in ``docs/measurement.md`` and, of the statistics, ``docs/methods.md``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice, takewhile
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pymannkendall
from scipy import stats

import aging.trends.tests
from aging.analysed import analyse_all
from aging.deployments import Endpoint
from aging.indicators import Series
from aging.load.bodies import body
from aging.load.job import Job, load_table
from aging.load.prompts import messages
from aging.model import Reading
from aging.plugins import discover
from aging.samplers import Target
from aging.samplers.process import ProcessSampler, read_process
from aging.store.reading import read_rows
from aging.store.sealing import seal
from aging.store.segments import LIVE, SEALED, Row, SegmentWriter
from aging.trends import hamed_rao, mann_kendall, sen_slope, trend_test
from aging.trends.tests import TrendTest

_REPEATS = 7
_SIZES = (1_000, 10_000, 100_000, 777_600)
_MOST_BYTES = 2 << 30
_CAMPAIGN, _CAMPAIGN_AT_1_HZ = 6 * 60, 24
_TARGETS = 6
_TARGET_MIB = 256
_HOUR_ROWS = 3600
_HOURS = 216
_INDICATORS = 60
_EPOCH = 1_800_000_000.0  # a full UTC hour, so that the rows fill one segment
_APPENDED_ROWS = 1000
_READS = 20
_RATE = 50.0
_LOAD_SECONDS = 10.0
_LOAD_REPEATS = 5
_BARE_ARRIVALS = 1_000_000
_BARE_SECONDS = 4.0
_BARE_REQUESTS = 200
_MOMENT_SECONDS = 0.5
_MAPPING_TARGET = f"""
import mmap, sys, time
held = b"x" * (1 << 30)
for _ in sys.stdin:
    longest, end = 0.0, time.monotonic() + {_MOMENT_SECONDS}
    while (began := time.monotonic()) < end:
        mmap.mmap(-1, 1 << 20).close()
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.0005)
    print(longest, flush=True)
"""

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what, its median and unit, and how many times ``to`` it is."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        return f"| {self.what:<61} | {self.value:>7.4g} | {self.unit:<14} | {ratio:>6} | {self.to:<46} |"


def main() -> None:
    """Print the table, each part as soon as it is measured."""
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    print(
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load average before: {load}\n"
    )
    print(f"| {'what':<61} | {'median':>7} | {'unit':<14} | {'ratio':>6} | {'to':<46} |")
    print(f"|{'-' * 63}|{'-' * 8}:|{'-' * 16}|{'-' * 7}:|{'-' * 48}|")
    for part in (
        process_tick,
        disturbance,
        append,
        seal_an_hour,
        nine_days,
        trends,
        campaign,
        start,
        schedules,
        load_client,
    ):
        for line in part():
            print(line, flush=True)


def process_tick() -> Iterator[Line]:
    """A tick of the process sampler, against ``smaps_rollup`` of the same processes."""
    with _target_processes() as pids:
        for count in (1, 4, _TARGETS):
            watched = ProcessSampler([Target("bench", str(pid), 1, (pid,)) for pid in pids[:count]].copy)
            tick, rollup = _medians(partial(_tick, watched), partial(_smaps_rollups, pids[:count]), number=_READS)
            what = f"process sampler, a tick of {count} {'tree' if count == 1 else 'trees'}"
            yield Line(what, tick * 1e3, "ms", tick / rollup, f"smaps_rollup of the same ({rollup * 1e3:.3g} ms)")
        read_one = partial(read_process, pids[0], {}, with_reaped=True)
        one, rollup = _medians(read_one, partial(_smaps_rollups, pids[:1]), number=_READS)
        what = f"process sampler, one process of {_TARGET_MIB} MiB"
        yield Line(what, one * 1e3, "ms", one / rollup, f"smaps_rollup of it ({rollup * 1e3:.3g} ms)")
        (bare,) = _medians(_pass_over_proc, number=_READS)
        yield Line(f"a bare pass over /proc, {len(psutil.pids())} processes", bare * 1e3, "ms")


def disturbance() -> Iterator[Line]:
    """How long a target waits for its own ``mmap`` while it is read, against when nobody reads."""
    argv = (sys.executable, "-c", _MAPPING_TARGET)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        reads: list[Call] = [
            lambda: None,
            partial(read_process, target.pid, {}, with_reaped=True),
            partial(_smaps_rollups, [target.pid]),
        ]
        waits: list[list[float]] = [[] for _ in reads]
        for _ in range(_REPEATS):
            for read, longest in zip(reads, waits, strict=True):
                longest.append(_longest_wait(target, read))
    alone, *others = (median(longest) * 1e3 for longest in waits)
    for what, wait in zip(("our sampler", "smaps_rollup"), others, strict=True):
        yield Line(
            f"a 1 GiB target's longest mmap, {what} reads it",
            wait,
            "ms",
            wait / alone,
            f"nobody reads it ({alone:.3g} ms)",
        )


def append() -> Iterator[Line]:
    """Appending a row to a live segment, against writing the same bytes."""
    rows = _hour()[:_APPENDED_ROWS]
    with TemporaryDirectory() as folder:
        writer = SegmentWriter(Path(folder) / "segment")
        _append(writer, rows)
        (live,) = (Path(folder) / "segment").iterdir()
        lines = live.read_bytes().splitlines(keepends=True)
        handle = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        ours, bare = _medians(partial(_append, writer, rows), lambda: [os.write(handle, line) for line in lines])
        os.close(handle)
        writer.close()
    ours, bare = ours / len(rows) * 1e6, bare / len(rows) * 1e6
    what = f"SegmentWriter.append, a row of {len(rows[0])} columns"
    yield Line(what, ours, "µs", ours / bare, f"os.write of the same bytes ({bare:.3g} µs)")


def seal_an_hour() -> Iterator[Line]:
    """Sealing an hour as the harness does it, in a short-lived process of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        writer = SegmentWriter(folder)
        rows = _hour()
        _append(writer, rows)
        writer.close()
        (written,) = folder.glob(f"*{LIVE}")
        kept = written.rename(folder / "kept")
        seal = (sys.executable, "-m", "aging.store.sealing", str(written))

        def sealed() -> None:
            shutil.copy(kept, written)
            subprocess.run(seal, check=True)

        importing = (sys.executable, "-c", "import pyarrow.parquet")
        cost, bare = _medians(sealed, lambda: subprocess.run(importing, check=True), clock=_cpu_of_children)
        (parquet,) = folder.glob(f"*{SEALED}")
        small, large = parquet.stat().st_size / len(rows), kept.stat().st_size / len(rows)
    what = f"sealing an hour, {len(rows)} rows × {len(rows[0])} columns"
    yield Line(what, cost, "s of CPU", cost / bare, f"python -c 'import pyarrow.parquet' ({bare:.3g} s)")
    yield Line("the sealed hour", small, "bytes a row", small / large, f"the same as JSON lines ({large:.0f} bytes)")


def nine_days() -> Iterator[Line]:
    """Nine days of six deployments at 1 Hz on the disk, and one indicator of one of them back from it."""
    rng = np.random.default_rng(0)
    walks = 4096 * (100_000 + np.cumsum(rng.integers(-1, 2, (_HOUR_ROWS, _INDICATORS)), axis=0))
    indicators = [{f"indicator_{k:02d}_bytes": float(walk[k]) for k in range(_INDICATORS)} for walk in walks]
    stamps = [{key: row[key] for key in ("wall", "mono", "generation", "entity", "late")} for row in _hour()]
    with TemporaryDirectory() as name:
        folder = Path(name) / "segments"
        writer = SegmentWriter(folder)
        _append(writer, [one | values for one, values in zip(stamps, indicators, strict=True)])
        writer.close()
        (live,) = folder.iterdir()
        sealed = seal(live)
        assert sealed is not None
        size = sealed.stat().st_size
        for hour in range(1, _HOURS):
            shutil.copy(sealed, folder / f"20270115T{hour:05d}{SEALED}")
        columns = ("mono", "indicator_07_bytes")
        one, everything = _medians(partial(_frame, folder, columns), partial(_frame, folder, None))
        rows = read_rows(folder, columns).table.num_rows
    what = f"9 days × {_TARGETS} deployments × {_INDICATORS} indicators at 1 Hz"
    yield Line(what, size * _HOURS * _TARGETS / 1e9, "GB on the disk", None, f"extrapolated from an hour of {size:,} B")
    what = f"one indicator of one deployment, {rows:,} rows, read"
    yield Line(what, one, "s", one / everything, f"all {_INDICATORS} of them ({everything:.3g} s)")


def trends() -> Iterator[Line]:
    """Tests and slopes of one series, against the field's tools, where those need neither 2 GiB nor a minute."""
    for n in _SIZES:
        t, y = _series(n)
        scattered = np.random.default_rng(0).normal(size=n)
        kendall = partial(stats.kendalltau, t, y)
        pairs = [
            Pair("mann_kendall", partial(mann_kendall, y), "scipy.stats.kendalltau", kendall),
            Pair(
                "hamed_rao",
                partial(hamed_rao, t, y),
                "pymannkendall",
                partial(pymannkendall.hamed_rao_modification_test, y),
                bytes_needed=4 * n**2,
            ),
            Pair(
                "sen_slope, with its interval",
                partial(sen_slope, t, y),
                "scipy.stats.theilslopes",
                partial(stats.theilslopes, y, t),
                bytes_needed=3 * 8 * n**2,
            ),
            Pair("sen_slope, of white noise", partial(sen_slope, t, scattered), "its stable sort", _sort(scattered)),
            Pair("trend_test, the whole analysis", partial(trend_test, t, y), "scipy.stats.kendalltau", kendall),
        ]
        yield from (pair.measured(n) for pair in pairs)
        spent = _in_a_fresh_process(t, y)
        what, later = f"trend_test, n = {n:,}", f"a later one ({spent.steady * 1e3:.4g} ms)"
        yield Line(f"{what}: a process' first", spent.first * 1e3, "ms", spent.first / spent.steady, later)
        imported = f"the import alone ({spent.imported_mib:.3g} MiB)"
        yield Line(f"{what}: peak memory", spent.peak_mib, "MiB", spent.peak_mib / spent.imported_mib, imported)


@dataclass(frozen=True, slots=True)
class Pair:
    """Our call and another tool's, which is not made where it would need more than 2 GiB."""

    what: str
    ours: Call
    other: str
    theirs: Call
    bytes_needed: int = 0

    def measured(self, n: int) -> Line:
        what = f"{self.what}, n = {n:,}"
        if self.bytes_needed > _MOST_BYTES:
            (cost,) = _medians(self.ours, repeats=5)
            return Line(what, cost * 1e3, "ms", None, f"{self.other} needs {self.bytes_needed / 2**30:,.0f} GiB")
        cost, bare = _medians(self.ours, self.theirs, repeats=5)
        return Line(what, cost * 1e3, "ms", cost / bare, f"{self.other} ({bare * 1e3:.4g} ms)")


def _sort(y: np.ndarray) -> Call:
    return lambda: np.sort(y, kind="stable")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process' first call and of a later one, and what memory it peaked at before them and at all."""

    first: float
    steady: float
    imported_mib: float
    peak_mib: float


_FRESH = """
import sys, time
import numpy as np
from aging.trends import trend_test

def peak():  # of this process alone: ru_maxrss begins at what its parent held
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

before = peak()
t, y = np.load(sys.argv[1])
took = []
for _ in range(4):
    began = time.process_time()
    trend_test(t, y)
    took.append(time.process_time() - began)
print(took[0], sorted(took[1:])[1], before, peak())
"""


def _in_a_fresh_process(t: np.ndarray, y: np.ndarray) -> Spent:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.npy"
        np.save(path, np.array([t, y]))
        argv = (sys.executable, "-c", _FRESH, str(path))
        told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return Spent(*map(float, told.split()))


def campaign() -> Iterator[Line]:
    """The published campaign, 216 hours of 6 deployments × 60 indicators, every test reported; wall time."""
    tests = discover(aging.trends.tests, TrendTest)
    for what, n, analysed in (("60 s medians", 216 * 60, _CAMPAIGN), ("1 Hz", 216 * 3600, _CAMPAIGN_AT_1_HZ)):
        series = [_indicator(n, k) for k in range(analysed)]
        began = time.perf_counter()
        analyse_all(series, tests)
        wall = (time.perf_counter() - began) * _CAMPAIGN / analysed
        told = f"{_CAMPAIGN} series of {what} and 216 h, every test"
        yield Line(told, wall, "s of wall time", None, "" if analysed == _CAMPAIGN else f"extrapolated from {analysed}")


def _indicator(n: int, k: int) -> Series:
    """Leaks, walks, high-water marks and noise in turn, in pages."""
    rng = np.random.default_rng(k)
    t, noise = np.arange(1.0, n + 1), rng.normal(size=n)
    level = (t / n + 0.1 * noise, np.cumsum(noise) / math.sqrt(n), np.maximum.accumulate(noise), noise)[k % 4]
    return Series(f"deployment-{k % 6}", 1, 1, f"indicator_{k // 6}", t, 4096 * np.round(1000 * level), {})


def start() -> Iterator[Line]:
    """Start times, against that of the interpreter alone."""
    commands = {
        "import aging": ("-c", "import aging"),
        "import aging, and open_results, so pandas": ("-c", "import aging; aging.open_results"),
        "aging --help": ("-m", "aging", "--help"),
    }
    runs = [_python(*arguments) for arguments in (("-c", "pass"), *commands.values())]
    bare, *ours = _medians(*runs, clock=time.perf_counter)
    for what, wall in zip(commands, ours, strict=True):
        yield Line(what, wall * 1e3, "ms", wall / bare, f"python -c pass ({bare * 1e3:.3g} ms)")


_SCHEDULE = """
import json, sys, time
from collections import deque
from aging.load.classes import classes_of
from aging.load.draws import Draws
from aging.load.job import load_table
from aging.load.schedule import merged

def memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

table, seconds, days = json.loads(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
(load_class,) = classes_of(load_table(table))
began, count = time.process_time(), 0
for times in load_class.arrivals.times(Draws("bench")):
    count += times.size
    if times[-1] > seconds * 1e9:
        break
arrivals = count / (time.process_time() - began)
requests = merged([load_class], 1, days * 86400)
for _ in zip(requests, range(100_000)):
    pass
before, began, count = memory(), time.process_time(), 0
for request in requests:
    count += 1
print(arrivals, count / (time.process_time() - began), memory() - before, count)
"""


def schedules() -> Iterator[Line]:
    """Drawing nine days at 50 requests/s: the arrivals alone, and a day of whole requests with what memory they add."""
    lengths = {
        "prompt_tokens": {"median": 1500, "p95": 3500, "min": 256, "max": 7500},
        "output_tokens": {"median": 200, "p95": 800, "min": 32, "max": 1500},
    }
    rng = Random(0)
    began = time.process_time()
    deque(islice(accumulate(iter(lambda: rng.expovariate(_RATE), None)), _BARE_ARRIVALS), maxlen=0)
    bare = _BARE_ARRIVALS / (time.process_time() - began)
    for arrivals in ({"kind": "poisson", "rate": _RATE}, {"kind": "gamma", "rate": _RATE, "cv": 2.0}):
        table = json.dumps(lengths | {"arrivals": arrivals})
        argv = (sys.executable, "-c", _SCHEDULE, table, str(_HOURS * 3600), "1")
        told = [subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split() for _ in range(5)]
        times, requests, grown, count = (median(map(float, each)) for each in zip(*told, strict=True))
        what = f"schedule of 9 days at {_RATE:g} requests/s, {arrivals['kind']}"
        yield Line(
            f"{what}: arrivals", times / 1e6, "million a s", times / bare, f"expovariate, summed ({bare / 1e6:.3g})"
        )
        yield Line(f"{what}: whole requests", requests / 1e6, "million a s", requests / times, "the arrivals alone")
        yield Line(f"{what}: memory added", grown, "KiB", None, f"by {count:,.0f} requests after the first 100,000")


def load_client() -> Iterator[Line]:
    """The load client at a Poisson load: its CPU, against bare httpx, and its lateness, against bare asyncio."""
    costs, bare_costs, late, bare_late = [], [], [], []
    with _reference_server() as url, TemporaryDirectory() as folder:
        for repeat in range(_LOAD_REPEATS):
            job = _job(url, repeat, Path(folder) / str(repeat))
            cost, lateness = _drive(job)
            costs.append(cost * 1e3)
            late.append(np.quantile(lateness, (0.5, 0.99)) * 1e3)
            bare_costs.append(_bare_httpx(job) * 1e3)
            bare_late.append(np.quantile(asyncio.run(_bare_asyncio(repeat)), (0.5, 0.99)) * 1e3)
    what = f"load client at {_RATE:g} requests/s, Poisson"
    cost, bare = median(costs), median(bare_costs)
    yield Line(f"{what}: CPU", cost, "ms a request", cost / bare, f"bare httpx, one at a time ({bare:.3g} ms)")
    for which, quantile in enumerate(("p50", "p99")):
        lateness = median(each[which] for each in late)
        bare = median(each[which] for each in bare_late)
        to = f"bare asyncio.sleep ({bare:.3g} ms)"
        yield Line(f"{what}: sent late, {quantile}", lateness, "ms", lateness / bare, to)


def _medians(
    *calls: Call, repeats: int = _REPEATS, number: int = 1, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Median seconds of one call of each, taken in turn, so that what else the machine does meets all alike."""
    for call in calls:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, taken, strict=True):
            gc.collect()
            began = clock()
            for _ in range(number):
                call()
            times.append((clock() - began) / number)
    return [median(times) for times in taken]


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _python(*arguments: str) -> Call:
    return lambda: subprocess.run((sys.executable, *arguments), check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _target_processes() -> Iterator[Sequence[int]]:
    """Processes that hold memory and wait."""
    hold = f"import sys; held = b'x' * ({_TARGET_MIB} << 20); print(flush=True); sys.stdin.read()"
    with contextlib.ExitStack() as stack:
        pids = []
        for _ in range(_TARGETS):
            argv = (sys.executable, "-c", hold)
            target = stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert target.stdout is not None
            target.stdout.readline()
            pids.append(target.pid)
        yield pids


def _tick(sampler: ProcessSampler) -> list[Reading]:
    return list(sampler.read())


def _smaps_rollups(pids: Sequence[int]) -> list[str]:
    return [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]


def _longest_wait(target: subprocess.Popen[str], read: Call) -> float:
    """Seconds of the target's longest ``mmap`` in a moment in the middle of which ``read`` is called."""
    assert target.stdin is not None
    assert target.stdout is not None
    target.stdin.write("measure\n")
    target.stdin.flush()
    time.sleep(_MOMENT_SECONDS / 2)
    read()
    return float(target.stdout.readline())


def _pass_over_proc() -> list[str]:
    """What finding the children of every target costs at the least: each process's ``stat`` once."""
    read = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                read.append(Path("/proc", entry, "stat").read_text())
    return read


def _hour() -> list[dict[str, Any]]:
    """Process samples of an hour at 1 Hz: this process's, then walking at random by pages and counts."""
    rng = Random(0)
    values = read_process(os.getpid(), {}, with_reaped=True)
    rows = []
    for second in range(_HOUR_ROWS):
        for name in values:
            if name.endswith("_bytes"):
                values[name] += 4096 * rng.randint(-2, 3)
            elif name.endswith("_total"):
                values[name] = round(values[name] + rng.randint(0, 3) / 100, 2)
        at = second + rng.random() / 1000
        stamps = {"wall": round(_EPOCH + at, 6), "mono": round(5000 + at, 6), "generation": 1, "entity": "tree"}
        rows.append(stamps | {"late": round(rng.random() / 1000, 6), "missed": 0, "missing": None} | values)
    return rows


def _frame(folder: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    frame: pd.DataFrame = read_rows(folder, columns).table.to_pandas()
    return frame


def _append(writer: SegmentWriter, rows: Sequence[Row]) -> None:
    for row in rows:
        writer.append(row["wall"], [row])


def _series(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A slow leak under a random walk, in whole pages: what memory looks like, ties included."""
    t = 60.0 * np.arange(1, n + 1)
    walk = np.cumsum(np.random.default_rng(n).normal(0.0, 300.0, n))
    return t, 4096.0 * np.round((0.01 * t + walk) / 4096.0)


@contextlib.contextmanager
def _reference_server() -> Iterator[str]:
    argv = (sys.executable, "-m", "aging.reference", "--port", "0")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def _job(url: str, seed: int, folder: Path) -> Job:
    load = load_table(
        {
            "arrivals": {"kind": "poisson", "rate": _RATE},
            "prompt_tokens": {"median": 48, "p95": 96, "min": 8, "max": 192},
            "output_tokens": {"median": 12, "p95": 24, "min": 4, "max": 48},
        }
    )
    return Job(Endpoint(url, "reference"), load, None, seed, _LOAD_SECONDS, 0.0, folder)


def _drive(job: Job) -> tuple[float, np.ndarray]:
    """CPU seconds a request of one load process, rehearsal not counted, and how late each request was sent."""
    argv = (sys.executable, "-m", "aging.load")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdout.readline()  # "started": rehearsed, and ready for its job
        process = psutil.Process(client.pid)
        before = process.cpu_times()
        job = Job(job.endpoint, job.load, job.rate, job.seed, job.duration, time.monotonic() + 1.0, job.folder)
        client.stdin.write(job.to_json() + "\n")
        client.stdin.flush()
        client.stdout.readline()  # "finished"
        after = process.cpu_times()
    requests = read_rows(job.folder).table.to_pandas()
    assert (requests["status"] == "ok").all()
    cpu = after.user + after.system - before.user - before.system
    return cpu / len(requests), (requests["sent"] - requests["scheduled"]).to_numpy()


def _bare_httpx(job: Job) -> float:
    """CPU seconds a request when the same requests are sent one after the other and their answers only read."""
    requests = list(islice(job.requests(), _BARE_REQUESTS))
    asked = [body(job.endpoint, request, messages(request, job.seed)) for request in requests]
    with httpx.Client(base_url=job.endpoint.base_url, trust_env=False) as http:
        began = time.process_time()
        for each in asked:
            with http.stream("POST", job.endpoint.path, json=each) as response:
                for _ in response.iter_lines():
                    pass
        return (time.process_time() - began) / len(requests)


async def _bare_asyncio(seed: int) -> list[float]:
    """How late ``asyncio.sleep`` wakes at such arrivals."""
    rng = Random(seed)
    gaps = iter(lambda: rng.expovariate(_RATE), None)
    late = []
    began = time.monotonic()
    for at in takewhile(lambda at: at < _BARE_SECONDS, accumulate(gaps)):
        await asyncio.sleep(began + at - time.monotonic())
        late.append(time.monotonic() - began - at)
    return late


if __name__ == "__main__":
    main()
