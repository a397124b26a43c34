"""How fast a schedule of nine days is drawn, and what memory that takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import accumulate, islice
from random import Random
from statistics import median

from analysis.benchmarks.figures import Line

_RATE = 50.0
_HOURS = 216
_BARE_ARRIVALS = 1_000_000
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
        outputs = [subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split() for _ in range(5)]
        times, requests, grown, count = (median(map(float, each)) for each in zip(*outputs, strict=True))
        what = f"schedule of 9 days at {_RATE:g} requests/s, {arrivals['kind']}"
        yield Line(
            f"{what}: arrivals", times / 1e6, "million a s", times / bare, f"expovariate, summed ({bare / 1e6:.3g})"
        )
        yield Line(f"{what}: whole requests", requests / 1e6, "million a s", requests / times, "the arrivals alone")
        yield Line(f"{what}: memory added", grown, "KiB", None, f"by {count:,.0f} requests after the first 100,000")
