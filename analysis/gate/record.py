"""Record real reference servers under load, each with a known kind of aging, for the study of the gate.

``python -m analysis.gate.record WAVE FOLDER`` runs a campaign of the package with the servers of one wave side by
side, and adds their memory, descriptors, threads and requests, once a second, to ``results/gate``. A wave takes its
seconds of load and half a minute, 100 requests a second to each server, and about two thirds of a core.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from aging.store.events import LoadStarted
from aging.store.results import Results, open_results
from analysis import ROOT

FOLDER = ROOT / "results" / "gate"
INDEX, SERIES = FOLDER / "servers.csv", FOLDER / "series.csv.gz"

PER_SECOND = 100.0
_SEED = 20_261_129
_MIB = 1024 * 1024

Truth = Literal["clean", "look-alike", "leak"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a wave: keys of its deployment, and how fast it grows under load, in bytes per request.

    A ``look-alike`` grows steadily for ``until`` requests: once, or again and again where ``teeth``.
    """

    name: str
    truth: Truth
    keys: Mapping[str, str | float] = field(default_factory=dict)
    per_request: float = 0.0
    until: float = 0.0
    teeth: bool = False
    indicator: Literal["memory", "fds", "threads"] = "memory"
    """What ages; ``per_request`` is in bytes or in its count."""


def leak(size: int) -> Server:
    """A server that keeps ``size`` bytes of every request."""
    return Server(f"leak-{size}", "leak", {"leak_per_request": f"{size}B"}, size)


def cache(size: int, limit: int) -> Server:
    """A cache that takes ``size`` bytes of every request until it is full."""
    name = f"cache-{limit // _MIB}-mib-at-{size}"
    keys = {"leak_per_request": f"{size}B", "cache_limit": f"{limit}B"}
    return Server(name, "look-alike", keys, until=limit / size)


def sawtooth(size: int, height: int) -> Server:
    """Growth that is freed as a whole whenever it reaches ``height``."""
    name = f"sawtooth-{height // _MIB}-mib-at-{size}"
    keys = {"leak_per_request": f"{size}B", "sawtooth": f"{height}B"}
    return Server(name, "look-alike", keys, until=height / size, teeth=True)


def step(height: int, after: int) -> Server:
    """One jump."""
    name = f"step-{height // _MIB}-mib-after-{after}"
    return Server(name, "look-alike", {"step": f"{height}B", "step_after": after})


def clean(name: str) -> Server:
    """A server without aging."""
    return Server(name, "clean")


PER_HOUR = 36 * _MIB

WAVES: Mapping[str, tuple[float, Sequence[Server]]] = {
    "leaks": (180.0, [leak(size) for size in (16, 64, 256, 1024, 4096, 65536)]),
    "look-alikes": (
        180.0,
        [
            clean("clean"),
            cache(1024, 4 * _MIB),
            cache(16384, 16 * _MIB),
            sawtooth(4096, 4 * _MIB),
            sawtooth(2048, 8 * _MIB),
            step(8 * _MIB, 6000),
        ],
    ),
    "kinds": (
        180.0,
        [
            clean("clean-too"),
            Server("leak-by-time", "leak", {"leak_per_hour": f"{PER_HOUR}B"}, PER_HOUR / 3600 / PER_SECOND),
            Server(
                "leak-256-beside-cache",
                "leak",
                {"leak_per_request": "256B", "cache_per_request": "2048B", "cache_limit": "4MiB"},
                256,
                4 * _MIB / 2048,
            ),
            Server("descriptors", "leak", {"fds_per_request": 0.02}, 0.02, indicator="fds"),
            Server("threads", "leak", {"threads_per_request": 0.01}, 0.01, indicator="threads"),
            Server("latency", "clean", {"latency_per_hour": "20ms"}),
        ],
    ),
    "minutes": (
        600.0,
        [
            clean("clean-10min"),
            leak(64),
            leak(16),
            cache(512, 8 * _MIB),
            sawtooth(2048, 12 * _MIB),
            step(2 * _MIB, 15000),
        ],
    ),
}


def campaign_text(wave: str) -> str:
    """The campaign file of a wave."""
    seconds, servers = WAVES[wave]
    lines = [
        "schema = 1",
        f'name = "gate-{wave}"',
        f"seed = {_SEED}",
        f'duration = "{seconds:g}s"',
        "[load]",
        f'arrivals = {{ kind = "poisson", rate = {PER_SECOND} }}',
        "prompt_tokens = { median = 8, p95 = 12, min = 4, max = 16 }",
        "output_tokens = { median = 2, p95 = 3, min = 1, max = 4 }",
        "streaming_share = 0.1",
        "[sampling]",
        'process = "1s"',
        "[analysis]",
        'grid = "1s"',
    ]
    for server in servers:
        lines += ["[[deployment]]", f'name = "{server.name}"', 'kind = "reference"', 'ttft = "1ms"', 'token = "0ms"']
        lines += [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in
                  server.keys.items()]  # fmt: skip
    return "\n".join(lines) + "\n"


def run(wave: str, folder: Path) -> Results:
    """Run the campaign of a wave, its files in ``folder``. Raises CalledProcessError if the command fails."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{wave}.toml"
    file.write_text(campaign_text(wave))
    argv = [sys.executable, "-m", "aging", "run", str(file), "--results", str(folder)]
    subprocess.run(argv, check=True)
    *_, journal = sorted(folder.glob(f"gate-{wave}/*/journal.jsonl"))
    return open_results(journal.parent)


def series(results: Results, wave: str) -> pd.DataFrame:
    """One row a server and second: ``t`` since load began, requests answered so far, bytes, descriptors, threads."""
    start = next(event.load_start for event in results.events if isinstance(event, LoadStarted))
    seconds, servers = WAVES[wave]
    frames = []
    for server in servers:
        samples = results.samples(server.name, "process")
        t = samples["mono"].to_numpy(dtype=np.float64) - start
        ended = np.sort(results.requests(server.name)["finished"].dropna().to_numpy(dtype=np.float64)) - start
        frame = pd.DataFrame(
            {
                "wave": wave,
                "server": server.name,
                "t": np.round(t, 2),
                "requests": np.searchsorted(ended, t, side="right"),
                "memory": samples["process_anon_swap_bytes"].to_numpy(),
                "fds": samples["process_fds"].to_numpy(),
                "threads": samples["process_threads"].to_numpy(),
            }
        )
        inside = frame[(t >= 0) & (t <= seconds)].dropna()
        frames.append(inside.astype({"memory": "int64", "fds": "int64", "threads": "int64"}))
    return pd.concat(frames, ignore_index=True)


def index() -> pd.DataFrame:
    """One row a server: its truth and its keys."""
    rows = [
        {
            "wave": wave,
            "server": server.name,
            "truth": server.truth,
            "seconds": seconds,
            "per_request": server.per_request,
            "until": server.until,
            "teeth": server.teeth,
            "indicator": server.indicator,
            "keys": " ".join(f"{key}={value}" for key, value in server.keys.items()),
        }
        for wave, (seconds, servers) in WAVES.items()
        for server in servers
    ]
    return pd.DataFrame(rows)


def add(recorded: pd.DataFrame) -> None:
    """Put a wave into ``results/gate``, in place of an earlier recording of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = [pd.read_csv(SERIES)] if SERIES.exists() else []
    kept = [frame[~frame["wave"].isin(set(recorded["wave"]))] for frame in kept]
    table = pd.concat([*kept, recorded], ignore_index=True)
    table.to_csv(SERIES, index=False, compression={"method": "gzip", "mtime": 0}, lineterminator="\n")
    index().to_csv(INDEX, index=False, lineterminator="\n")


def main() -> None:
    """Record a wave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wave", choices=[*WAVES])
    parser.add_argument("folder", type=Path, help="where the campaign's results go")
    options = parser.parse_args()
    add(series(run(options.wave, options.folder), options.wave))


if __name__ == "__main__":
    main()
