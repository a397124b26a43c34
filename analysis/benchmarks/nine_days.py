"""A result directory of the published campaign: 216 hours of six deployments, sampled at 1 Hz, a request a second.

The first hour of every source is written and sealed by the store itself; the others are that hour with other times,
other values and the same schema, written as the store seals them: 9.4 million rows take a minute that way, not an hour.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aging.core.format import hour_name
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS, RequestRecord, request_row
from aging.sampling.samplers.process import read_process
from aging.store.layout import Layout
from aging.store.sealing import seal
from aging.store.segments import LIVE, SEALED, SegmentWriter

HOURS, SERVERS = 216, 6
EPOCH = 472_222 * 3600.0
"""A full UTC hour, so that every hour of load fills one segment; long ago, so that findings are newer than the end."""

MONO = 5000.0
MIB = 2.0**20
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Spike:
    """One sample of ``deployment``, ``at`` seconds after the load began, that is far above its neighbors."""

    deployment: str
    at: int
    value: float


def write_nine_days(root: Path, hours: int = HOURS, servers: int = SERVERS) -> Sequence[Spike]:
    """Write the directory; the spikes of its leak indicator, one a deployment and each of a single sample."""
    layout = Layout(root)
    root.mkdir(parents=True)
    names = [f"server-{place + 1}" for place in range(servers)]
    layout.manifest.write_text(json.dumps(_manifest(names, hours)), encoding="utf-8")
    layout.campaign.write_text('name = "nine-days"\n', encoding="utf-8")
    layout.journal.write_text("".join(f"{json.dumps(line)}\n" for line in _journal(names, hours)), encoding="utf-8")
    process = _sealed(layout.source(names[0], "process"), _process_rows("tree"))
    requests = _sealed(layout.source(names[0], "requests"), _request_rows())
    harness = _sealed(layout.source(HARNESS, "process"), _process_rows("runner"))
    spikes = []
    for place, name in enumerate(names):
        rng = np.random.default_rng(place)
        at = int(rng.integers(hours * _HOUR // 3, hours * _HOUR))
        level = (500 + 100 * place) * MIB
        spikes.append(Spike(name, at, 3 * level))
        memory = level + place * 0.4 * MIB * np.arange(hours * _HOUR) / _HOUR
        memory += 4096 * np.cumsum(rng.integers(-1, 2, hours * _HOUR)) % (8 * MIB)
        memory[at] = 3 * level
        slower = 1 + 0.3 * place * np.arange(hours) / hours
        for hour in range(hours):
            part = memory[hour * _HOUR : (hour + 1) * _HOUR]
            _write(layout.source(name, "process"), hour, _with(_moved(process, hour), {PRIMARY: part}))
            _write(layout.source(name, "requests"), hour, _slower(_moved(requests, hour), float(slower[hour]), rng))
    for hour in range(hours):
        _write(layout.source(HARNESS, "process"), hour, _moved(harness, hour))
    return spikes


def _sealed(folder: Path, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """An hour of rows, as the store writes, seals and reads them."""
    writer = SegmentWriter(folder)
    for row in rows:
        writer.append(EPOCH, [row])
    writer.close()
    (live,) = folder.glob(f"*{LIVE}")
    file = seal(live)
    assert file is not None
    table = pq.read_table(file)
    file.unlink()
    return table


def _process_rows(entity: str) -> list[dict[str, Any]]:
    """An hour of this process, walking at random by pages and counts."""
    rng = Random(0)
    values = read_process(os.getpid(), {}, with_reaped=True)
    rows = []
    for second in range(_HOUR):
        for name in values:
            if name.endswith("_bytes"):
                values[name] += 4096 * rng.randint(-2, 2)
            elif name.endswith("_total"):
                values[name] = round(values[name] + rng.randint(0, 3) / 100, 2)
        at = second + rng.random() / 1000
        stamps = {"wall": round(EPOCH + at, 6), "mono": round(MONO + at, 6), "generation": 1, "entity": entity}
        rows.append(stamps | {"late": round(rng.random() / 1000, 6), "missed": 0, "missing": None} | values)
    return rows


def _request_rows() -> list[dict[str, Any]]:
    rows = []
    for second in range(_HOUR):
        sent = MONO + second + 0.3
        told: dict[str, Any] = {
            "index": second,
            "generation": 1,
            "scheduled": sent,
            "sent": sent,
            "first_token": sent + 0.05,
            "last_token": sent + 0.2,
            "finished": sent + 0.2,
            "streaming": True,
            "prompt_tokens": 32,
            "output_tokens_asked": 12,
            "output_tokens": 12,
            "http_status": 200,
            "status": "ok",
            "error": None,
            "held": False,
        }
        rows.append(request_row(RequestRecord(**told)))
    return rows


_TIMES = ("mono", "wall", "scheduled", "sent", "first_token", "last_token", "finished")


def _moved(table: pa.Table, hour: int) -> pa.Table:
    moved = {name: table[name].to_numpy() + hour * _HOUR for name in _TIMES if name in table.column_names}
    return _with(table, moved)


def _slower(requests: pa.Table, factor: float, rng: np.random.Generator) -> pa.Table:
    """Times to first token with a long tail, ``factor`` times as long."""
    sent = requests["sent"].to_numpy()
    ttft = factor * (0.03 + rng.gamma(2.0, 0.01, sent.size))
    first = sent + ttft
    return _with(requests, {"first_token": first, "last_token": first + 0.15, "finished": first + 0.15})


def _with(table: pa.Table, columns: Mapping[str, np.ndarray]) -> pa.Table:
    for name, values in columns.items():
        place, field = table.column_names.index(name), table.schema.field(name)
        table = table.set_column(place, field, pa.array(values).cast(field.type, safe=False))
    return table


def _write(folder: Path, hour: int, table: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{hour_name(EPOCH + hour * _HOUR)}{SEALED}"
    pq.write_table(table, target, compression="zstd", write_page_checksum=True)


def _manifest(names: Sequence[str], hours: int) -> Mapping[str, Any]:
    return {
        "schema": 1,
        "seed": 1,
        "host": {"name": "bench", "cores": 8, "memory_bytes": 64 * 2**30},
        "schedule_hashes": {},
        "campaign": {
            "name": "nine-days",
            "replicas": 1,
            "duration_seconds": float(hours * _HOUR),
            "warmup_seconds": 3600.0,
            "sampling_seconds": {"process": 1.0},
            "analysis": {"grid_seconds": 60.0, "q": 0.1, "test": "series_har"},
            "load": {
                "arrivals": {"kind": "poisson", "rate": 1.0},
                "objectives": {"ttft": "80ms", "e2e": "250ms"},
            },
        },
        "deployments": [{"name": name, "kind": "command", "known_ageing": None, "packages": {}} for name in names],
    }


def _journal(names: Sequence[str], hours: int) -> list[Mapping[str, Any]]:
    """The lines of the journal, as the runner writes them."""

    def line(kind: str, at: float, **details: Any) -> Mapping[str, Any]:
        return {"wall": EPOCH + at, "mono": MONO + at, "event": kind, **details}

    lines = [line("campaign_started", -10.0, name="nine-days", pid=1)]
    for name in names:
        of = {"deployment": name, "replica": 1}
        lines += [
            line("deployment_started", -8.0, **of, generation=1, pid=2, command=["server"]),
            line("deployment_ready", -2.0, **of, generation=1, seconds=6.0),
            line("load_started", 0.0, **of, load_start=MONO, planned_seconds=float(hours * _HOUR), pid=3),
        ]
    end = float(hours * _HOUR)
    lines += [line("load_finished", end, deployment=name, replica=1, exit=0, schedule_hash=None) for name in names]
    return [*lines, line("campaign_completed", end + 1)]


def main() -> None:
    """Write one for a look: ``python -m analysis.benchmarks.nine_days FOLDER``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--servers", type=int, default=SERVERS)
    asked = parser.parse_args()
    for spike in write_nine_days(asked.folder, asked.hours, asked.servers):
        print(f"{spike.deployment}: {spike.value / MIB:.0f} MiB, {spike.at} s after the load began")


if __name__ == "__main__":
    main()
