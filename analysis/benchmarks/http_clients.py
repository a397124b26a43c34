"""What a request costs the load client and its peers: CPU, and memory that is kept, at the same paced load in one run.

``python -m analysis.benchmarks.http_clients --install`` makes an environment for each peer under the user's cache
folder (a gigabyte each, mostly what they import); without it those that are there are measured. Each tool is run with
few and with many requests: the difference is what a request costs, and its start is left out. Memory is anonymous
memory of all its processes at their peak.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from aging.campaign.schema import LoadTable
from aging.core.endpoint import Endpoint
from aging.deployments.models.cache import model_cache
from aging.deployments.models.huggingface import cached_folder
from aging.deployments.models.presets import PRESETS
from aging.load.arrivals.poisson import PoissonOptions
from aging.load.job import Job
from analysis.benchmarks.figures import Line
from analysis.benchmarks.load_client import server

_REPEATS = 3
_RATE = 50.0
_FEW, _MANY = 200, 2000
_PROMPT, _TOKENS = 48, 32
_REHEARSED_SECONDS = 4.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """A run: where, how many requests, and a folder for what it writes."""

    url: str
    requests: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A load tool: what pip installs, and the command line of a run."""

    requirement: str
    command: Callable[[Asked], Sequence[str]]

    @property
    def environment(self) -> Path:
        return model_cache().parent / "peers" / self.requirement

    @property
    def installed(self) -> bool:
        return (self.environment / "installed").exists()

    def install(self) -> None:
        subprocess.run([sys.executable, "-m", "venv", self.environment], check=True)
        python = self.environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", self.requirement], check=True)
        (self.environment / "installed").touch()


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a request: milliseconds of CPU, bytes of memory."""

    cpu: float
    kept: float


def _aiperf(asked: Asked) -> Sequence[str]:
    flags = {
        "-m": "bench",
        "--url": asked.url,
        "--endpoint-type": "completions",
        "--tokenizer": _tokenizer(),
        "--request-rate": f"{_RATE:g}",
        "--arrival-pattern": "poisson",
        "--request-count": str(asked.requests),
        "--isl": str(_PROMPT),
        "--osl": str(_TOKENS),
        "--ui": "none",
        "--artifact-dir": str(asked.folder),
    }
    return [
        "aiperf",
        "profile",
        "--streaming",
        "--use-server-token-count",
        *(word for pair in flags.items() for word in pair),
    ]


def _guidellm(asked: Asked) -> Sequence[str]:
    backend = f"kind=openai_http,target={asked.url},model=bench,request_format=/v1/completions,validate_backend=false"
    flags = {
        "--backend": backend,
        "--profile": f"kind=poisson,rate={_RATE:g}",
        "--constraint": f"kind=max_requests,count={asked.requests}",
        "--tokenizer": f"kind=huggingface_auto,model={_tokenizer()}",
        "--data": f"kind=synthetic_text,prompt_tokens={_PROMPT},output_tokens={_TOKENS}",
        "--output": f"kind=json,path={asked.folder / 'guidellm.json'}",
    }
    return ["guidellm", "run", "--disable-console", *(word for pair in flags.items() for word in pair)]


PEERS: Mapping[str, Peer] = {
    "aiperf": Peer("aiperf==0.13.0", _aiperf),
    "guidellm": Peer("guidellm==0.8.1", _guidellm),
}


def costs() -> Iterator[tuple[str, Cost]]:
    """What a request costs us, and each peer that is installed; medians of runs taken in turn."""
    runs: dict[str, Callable[[Asked], tuple[float, float]]] = {"ours": _ours}
    runs |= {name: _run_of(peer) for name, peer in PEERS.items() if peer.installed}
    taken: dict[str, list[Cost]] = {name: [] for name in runs}
    with server("--ttft", "0.02", "--token", "0.01") as url:
        for _ in range(_REPEATS):
            for name, run in runs.items():
                taken[name].append(_cost(run, url))
    for name, repeats in taken.items():
        yield name, Cost(median(one.cpu for one in repeats), median(one.kept for one in repeats))


def tools() -> Iterator[Line]:
    """The load client against the tools that people use, as far as ``--install`` has brought them."""
    figures = dict(costs())
    ours = figures.pop("ours")
    for name, cost in figures.items():
        yield Line(
            "a streamed request of 32 tokens: CPU", ours.cpu, "ms", ours.cpu / cost.cpu, f"{name} ({cost.cpu:.3g} ms)"
        )
        kept = f"{name} ({cost.kept / 1000:.3g} kB)"
        yield Line("a streamed request: memory kept", ours.kept, "bytes", ours.kept / cost.kept, kept)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="make the environments that are not there")
    if parser.parse_args().install:
        for peer in PEERS.values():
            if not peer.installed:
                peer.install()
    print(f"| tool, {_RATE:g} requests/s, {_TOKENS} tokens | CPU ms a request | bytes kept a request |")
    print("|---|--:|--:|")
    for name, cost in costs():
        print(f"| {name} | {cost.cpu:.3f} | {cost.kept:,.0f} |", flush=True)


def _cost(run: Callable[[Asked], tuple[float, float]], url: str) -> Cost:
    spent = []
    for requests in (_FEW, _MANY):
        with TemporaryDirectory() as folder:
            spent.append(run(Asked(url, requests, Path(folder))))
    (few_cpu, few_memory), (many_cpu, many_memory) = spent
    more = _MANY - _FEW
    return Cost((many_cpu - few_cpu) / more * 1e3, (many_memory - few_memory) / more)


def _run_of(peer: Peer) -> Callable[[Asked], tuple[float, float]]:
    def run(asked: Asked) -> tuple[float, float]:
        program, *flags = peer.command(asked)
        return _spent([str(peer.environment / "bin" / program), *flags], "")

    return run


def _ours(asked: Asked) -> tuple[float, float]:
    load = LoadTable.model_validate(
        {
            "arrivals": PoissonOptions(kind="poisson", rate=_RATE),
            "prompt_tokens": _constant(_PROMPT),
            "output_tokens": _constant(_TOKENS),
            "streaming_share": 1.0,
        }
    )
    start = time.monotonic() + _REHEARSED_SECONDS
    job = Job(Endpoint(asked.url, "bench"), load, None, 1, asked.requests / _RATE, start, asked.folder)
    return _spent([sys.executable, "-m", "aging.load"], job.to_json() + "\n")


def _constant(tokens: int) -> Mapping[str, int]:
    return {"median": tokens, "p95": tokens, "min": tokens, "max": tokens}


def _spent(argv: Sequence[str], text: str) -> tuple[float, float]:
    """CPU seconds of a command and all its processes, and bytes of their anonymous memory at the peak."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, nowhere = 0, subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.flush()
        while process.poll() is None:  # its input stays open: our client would take its end for the end of its runner
            peak = max(peak, _anonymous(process.pid))
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"{Path(argv[0]).name} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def _anonymous(pid: int) -> int:
    total = 0
    try:
        tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0
    for one in tree:
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
    return total


def _tokenizer() -> str:
    return str(cached_folder(PRESETS["small"], model_cache()))


if __name__ == "__main__":
    main()
