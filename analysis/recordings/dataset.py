"""The recordings as arrays: ``for recording in load(half="tune"): ...``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from analysis import ROOT
from analysis.recordings.programs import Half, Truth

FOLDER = ROOT / "results" / "recordings"
INDEX, SERIES = "index.csv", "series.parquet"
PAGE = 4096
"""Bytes of a unit of stored memory."""
TICK = 0.01
"""Seconds of a unit of stored time."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Injected:
    """The leak that a server was given."""

    kind: str
    """The structure that grows."""
    payload: int
    """Bytes a leaking request keeps, without what its structure adds."""
    low: float
    """Bytes a request keeps, at least: the payload."""
    high: float
    """With what structure and allocator are known to add, counted in the server; a collector's headroom, unused
    capacity and threads' stacks are not in it."""
    after: int
    """Requests a worker served before it leaked."""
    worker: str | None
    """The one worker that leaks (``w0`` …); None: every one."""
    start: float
    """``t`` of the first sample with leaked bytes."""
    staircase: bool
    """Modeled on 600 bytes a request at 14 requests a second that show as a few jumps."""


@dataclass(frozen=True, slots=True, repr=False)
class Recording:
    """One server under load, sampled once a second; all arrays have the length of ``t``, a worker's may hold NaN.

    ``t`` are seconds since the process started. Bytes are of the whole process tree.
    """

    name: str
    program: str
    code: str
    """What the program does; one code lies in one half whole."""
    half: Half
    truth: Truth
    """``fills``: healthy, and its bounded cache is not full in the first quarter of the hour or never."""
    leak: Injected | None
    t: Floats
    memory: Floats
    """Anonymous memory and swap (RssAnon + VmSwap), bytes."""
    rss: Floats
    workers: Mapping[str, Floats]
    """Anonymous memory and swap by process, ``main`` and ``w0`` …; empty where there is one process."""
    fds: Counts
    threads: Counts
    requests: Counts
    """Answers so far."""
    worker_requests: Mapping[str, Counts]
    leaked: Counts
    """Payload bytes leaked so far, by the server's own count."""

    def __repr__(self) -> str:
        return f"<Recording {self.name}: {self.truth}, {self.half}, {len(self.t)} s>"

    def memory_of_leak(self) -> Floats:
        """Memory of the process that leaks: of the one worker where one leaks, else of the tree."""
        if self.leak is None or self.leak.worker is None or not self.workers:
            return self.memory
        return self.workers[self.leak.worker]


def read_index(folder: Path = FOLDER) -> pd.DataFrame:
    """One row a recording: all that is known of it but the series."""
    return pd.read_csv(folder / INDEX)


def _injected(row: Mapping[str, object]) -> Injected | None:
    if row["truth"] != "leak":
        return None
    worker = row["leak_worker"]
    return Injected(
        kind=str(row["leak_kind"]),
        payload=int(float(str(row["leak_payload_bytes"]))),
        low=float(str(row["bytes_per_request_low"])),
        high=float(str(row["bytes_per_request_high"])),
        after=int(float(str(row["leak_after_requests"]))),
        worker=worker if isinstance(worker, str) else None,
        start=float(str(row["leak_start_seconds"])),
        staircase=bool(row["staircase"]),
    )


def _recording(row: Mapping[str, object], series: pd.DataFrame) -> Recording:
    many = int(str(row["workers"])) > 1
    names = ("main", *(f"w{index}" for index in range(int(str(row["workers"]))))) if many else ()

    def counts(column: str) -> Counts:
        return series[column].to_numpy(dtype=np.int64)

    def memory(column: str) -> Floats:
        return series[column].to_numpy(dtype=np.float64) * PAGE

    half, truth = row["half"], row["truth"]
    assert half in ("tune", "held-out")
    assert truth in ("healthy", "fills", "leak")
    return Recording(
        name=str(row["name"]),
        program=str(row["program"]),
        code=str(row["code"]),
        half=half,
        truth=truth,
        leak=_injected(row),
        t=series["time"].to_numpy(dtype=np.float64) * TICK,
        memory=memory("memory"),
        rss=memory("rss"),
        workers={name: memory(f"memory:{name}") for name in names},
        fds=counts("fds"),
        threads=counts("threads"),
        requests=counts("requests"),
        worker_requests={name: counts(f"requests:{name}") for name in names if name != "main"},
        leaked=counts("leaked"),
    )


def load(
    folder: Path = FOLDER,
    *,
    half: Half | None = None,
    truth: Collection[Truth] = ("healthy", "fills", "leak"),
    names: Collection[str] | None = None,
) -> list[Recording]:
    """Recordings of a half (None: both), of these truths and, if given, of these names only.

    Raises:
        KeyError: a name that there is no recording of.
    """
    index = read_index(folder)
    if names is not None and (unknown := sorted(set(names) - set(index["name"]))):
        raise KeyError(f"no recording {', '.join(unknown)} in {folder / INDEX}")
    file = pq.ParquetFile(folder / SERIES)
    found = []
    for position in range(len(index)):
        row: dict[str, object] = {str(key): value for key, value in index.iloc[position].items()}
        wanted = (half is None or row["half"] == half) and row["truth"] in truth
        if wanted and (names is None or row["name"] in names):
            # One row group a recording, in the order of the index.
            found.append(_recording(row, file.read_row_group(position).to_pandas()))
    return found
