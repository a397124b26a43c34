"""What does being measured cost a server? Throughput and tail latency with and without sampling, in turn.

A server that holds a resident GiB and maps and unmaps memory at every request is driven in a closed loop, so
that whatever it loses shows. Short windows follow each other in an order drawn anew for every round: nobody
looks; the samplers of a campaign (process at 1 Hz, host, engine, footprint once a minute); what USS at 1 Hz
would cost (``smaps_rollup`` every second). A round's windows are compared with each other alone, so that
whatever else the machine does meets all of them; the interval is the bootstrap's over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np

from aging.core.targets import Target
from aging.sampling.loop import Plan, Sampling
from aging.sampling.samplers.engine import EngineSampler
from aging.sampling.samplers.footprint import FootprintSampler, memory_of
from aging.sampling.samplers.host import HostSampler
from aging.sampling.samplers.process import ProcessSampler
from analysis import ROOT

ARMS = ("nobody", "sampling", "uss")
ROUNDS, SECONDS = 60, 4.0
_SERVER = """
import http.server, mmap, sys
held = b"x" * (1 << 30)
text = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one packet
    def do_GET(self):
        if self.path == "/metrics":
            answer = text
        else:
            for _ in range(8):
                with mmap.mmap(-1, 1 << 20) as mapped:
                    mapped[:65536] = bytes(65536)
            answer = b"done"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
_SCRAPE = ROOT / "tests" / "samplers" / "data" / "vllm-0.32.0.txt"


@contextlib.contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Pid and port of the server."""
    argv = [sys.executable, "-c", _SERVER, str(_SCRAPE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.pid, int(server.stdout.readline())
        finally:
            server.kill()


def window(port: int, seconds: float) -> list[float]:
    """Latencies in seconds of requests sent one after the other."""
    http_ = http.client.HTTPConnection("127.0.0.1", port)
    latencies, end = [], time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        http_.request("GET", "/")
        http_.getresponse().read()
        latencies.append(time.monotonic() - began)
    http_.close()
    return latencies


@contextlib.contextmanager
def watching(arm: str, pid: int, port: int) -> Iterator[None]:
    """Look at the server from a process of its own, as an arm does, while the block runs."""
    if arm == "nobody":
        yield
        return
    argv = [sys.executable, "-m", "analysis.benchmarks.perturbation", "--watch", arm, str(pid), str(port)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        try:
            yield
        finally:
            watcher.kill()


def watch(arm: str, pid: int, port: int) -> None:
    """An arm's watcher; never returns."""
    if arm == "uss":
        print("ready", flush=True)
        while True:
            memory_of(pid)
            time.sleep(1.0)
    with tempfile.TemporaryDirectory() as folder:
        target = Target("server", "tree", 1, (pid,), metrics_url=f"http://127.0.0.1:{port}/metrics")
        asyncio.run(_sample(Path(folder), target))


async def _sample(folder: Path, target: Target) -> None:
    targets = [target].copy
    sampling = Sampling(lambda owner, source: folder / owner / source, lambda _: None, lambda _: None)
    plans = [
        Plan(ProcessSampler(targets), 1.0),
        Plan(HostSampler(targets), 5.0),
        Plan(EngineSampler(targets), 10.0),
        Plan(FootprintSampler(targets), 60.0),
    ]
    # Each window is shorter than most intervals: where in its interval it begins is left to chance.
    start = time.monotonic()
    rng = Random()
    tasks = [sampling.run(plan, start + rng.random() * plan.interval) for plan in plans]
    print("ready", flush=True)
    await asyncio.gather(*tasks)


def compared(rounds: Sequence[dict[str, list[float]]]) -> dict[str, dict[str, list[float]]]:
    """Throughput and p99 of each arm over those of ``nobody``, in percent more: estimate, low, high."""
    rng = np.random.default_rng(0)
    percent: dict[str, dict[str, list[float]]] = {}
    for arm in sorted(set(rounds[0]) - {"nobody"}):
        percent[arm] = {}
        for name, of in (("throughput", _count), ("p99", _p99)):
            logs = np.array([np.log(of(one[arm]) / of(one["nobody"])) for one in rounds])
            means = rng.choice(logs, (4000, logs.size)).mean(axis=1)
            percent[arm][name] = [100 * float(np.expm1(x)) for x in (logs.mean(), *np.quantile(means, [0.025, 0.975]))]
    return percent


def _count(latencies: Sequence[float]) -> float:
    return float(len(latencies))


def _p99(latencies: Sequence[float]) -> float:
    return float(np.quantile(np.asarray(latencies), 0.99))


def main() -> None:
    """Run the rounds and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--arms", nargs="+", choices=ARMS[1:], default=ARMS[1:], help="compared with nobody")
    parser.add_argument("--watch", nargs=3, metavar=("ARM", "PID", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        arm, pid, port = options.watch
        watch(arm, int(pid), int(port))
    arms = ["nobody", *options.arms]
    rng, rounds = Random(0), []
    with served() as (pid, port):
        window(port, SECONDS)
        for _ in range(options.rounds):
            found = {}
            for arm in rng.sample(arms, len(arms)):
                with watching(arm, pid, port):
                    found[arm] = window(port, SECONDS)
            rounds.append(found)
    rate = np.median([len(one["nobody"]) / SECONDS for one in rounds])
    p99 = np.median([_p99(one["nobody"]) for one in rounds])
    summary = {"rounds": len(rounds), "requests_per_second": float(rate), "p99_ms": float(p99) * 1e3}
    print(json.dumps(summary | {"percent_more_than_nobody": compared(rounds)}, indent=1))


if __name__ == "__main__":
    main()
