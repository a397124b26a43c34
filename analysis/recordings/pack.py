"""Packs raw recordings: ``python -m analysis.recordings.pack RAW`` writes ``results/recordings``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.recordings.dataset import FOLDER, INDEX, PAGE, SERIES, TICK

_STAIRCASE_BYTES = 600
_MOST_WORKERS = 4
_MIN_ROWS = 600
_MEMORY = ("memory", "rss", "memory:main", *(f"memory:w{index}" for index in range(_MOST_WORKERS)))
_OTHERS = ("time", "fds", "threads", "requests", "leaked", *(f"requests:w{index}" for index in range(_MOST_WORKERS)))


def packed(raw: pd.DataFrame) -> pd.DataFrame:
    """The raw rows in integers: time in hundredths of a second, memory in pages."""
    columns = {
        "time": (raw["process_uptime_seconds"] / TICK).round(),
        "memory": raw["process_anon_swap_bytes"] / PAGE,
        "rss": raw["process_rss_bytes"] / PAGE,
        "fds": raw["process_fds"],
        "threads": raw["process_threads"],
        "requests": raw["requests"],
        "leaked": raw["leaked_payload_bytes"],
    }
    for name in raw.columns:
        if name.startswith("anon_swap_bytes:"):
            columns["memory:" + name.partition(":")[2]] = raw[name] / PAGE
        elif name.startswith("requests:"):
            columns[name] = raw[name]
    frame = pd.DataFrame(columns).reindex(columns=[*_OTHERS, *_MEMORY])
    return frame.round().astype("Int64")


def described(told: Mapping[str, object], raw: pd.DataFrame) -> dict[str, object]:
    """One row of the index."""
    load, requests, leak = told["load"], told["requests"], told["leak"]
    assert isinstance(load, dict)
    assert isinstance(requests, dict)
    row: dict[str, object] = {
        key: told[key] for key in ("name", "program", "code", "half", "truth", "language", "allocator", "workers")
    }
    row |= {"seconds": len(raw), "requests": int(raw["requests"].iloc[-1]), "cap_entries": told["cap_entries"]}
    row |= {f"load_{key}": value for key, value in load.items()}
    row |= {f"requests_{key}": value for key, value in requests.items()}
    if isinstance(leak, dict):
        leaked = raw["leaked_payload_bytes"].to_numpy()
        leaks = leaked[-1] / leak["payload"]
        first = int(np.argmax(leaked > 0))
        since = int(raw["requests"].iloc[-1] - raw["requests"].iloc[max(0, first - 1)])
        row |= {
            "leak_kind": leak["kind"],
            "leak_payload_bytes": leak["payload"],
            "leak_after_requests": leak["after"],
            "leak_worker": None if leak["worker"] is None else f"w{leak['worker']}",
            "leak_start_seconds": float(raw["process_uptime_seconds"].iloc[first]),
            "leaked_payload_bytes": int(leaked[-1]),
            "leaking_share": round(leaks / max(1, since), 4),
            "bytes_per_request_low": leak["payload"],
            "bytes_per_request_high": round(float(raw["leaked_counted_bytes"].iloc[-1]) / leaks, 1),
            "staircase": leak["payload"] == _STAIRCASE_BYTES,
        }
    return row | {"what": told["what"]}


def pack(raw: Path, folder: Path) -> pd.DataFrame:
    """Write the index and the series of all raw recordings of ten minutes or more; returns the index."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    schema = pa.schema([(name, pa.int64() if name == "leaked" else pa.int32()) for name in (*_OTHERS, *_MEMORY)])
    with pq.ParquetWriter(
        folder / SERIES,
        schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        column_encoding=dict.fromkeys(schema.names, "DELTA_BINARY_PACKED"),
        write_statistics=False,
    ) as writer:
        for description in sorted(raw.glob("*.json")):
            series = pd.read_csv(description.with_suffix(".csv"), on_bad_lines="skip")
            told = json.loads(description.read_text())
            if len(series) < _MIN_ROWS or (told["leak"] and not series["leaked_payload_bytes"].any()):
                continue
            series = series[series[["process_uptime_seconds", "leaked_payload_bytes"]].notna().all(axis=1)]
            rows.append(described(told, series))
            writer.write_table(pa.Table.from_pandas(packed(series), schema=schema, preserve_index=False))
    index = pd.DataFrame(rows)
    index.to_csv(folder / INDEX, index=False)
    return index


def main() -> None:
    """Pack, and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    told = parser.parse_args()
    index = pack(told.raw, told.folder)
    print(index.groupby(["half", "truth"]).size())
    print(f"{(told.folder / SERIES).stat().st_size:,} bytes of series")


if __name__ == "__main__":
    main()
