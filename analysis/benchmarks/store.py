"""What it costs to write rows, to seal an hour of them, and to read nine days back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from aging.sampling.samplers.process import read_process
from aging.store.reader import read_rows
from aging.store.sealing import seal
from aging.store.segments import LIVE, SEALED, Row, SegmentWriter
from analysis.benchmarks.figures import Line, cpu_of_children, medians

_APPENDED_ROWS = 1000
_HOUR_ROWS = 3600
_HOURS = 216
_TARGETS = 6
_INDICATORS = 60
_EPOCH = 1_800_000_000.0  # a full UTC hour, so that the rows fill one segment


def append() -> Iterator[Line]:
    """Appending a row to a live segment, against writing the same bytes."""
    rows = _hour()[:_APPENDED_ROWS]
    with TemporaryDirectory() as folder:
        writer = SegmentWriter(Path(folder) / "segment")
        _append(writer, rows)
        (live,) = (Path(folder) / "segment").iterdir()
        lines = live.read_bytes().splitlines(keepends=True)
        handle = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        ours, bare = medians(partial(_append, writer, rows), lambda: [os.write(handle, line) for line in lines])
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
        cost, bare = medians(sealed, lambda: subprocess.run(importing, check=True), clock=cpu_of_children)
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
        one, everything = medians(partial(_frame, folder, columns), partial(_frame, folder, None))
        rows = read_rows(folder, columns).table.num_rows
    what = f"9 days × {_TARGETS} deployments × {_INDICATORS} indicators at 1 Hz"
    yield Line(what, size * _HOURS * _TARGETS / 1e9, "GB on the disk", None, f"extrapolated from an hour of {size:,} B")
    what = f"one indicator of one deployment, {rows:,} rows, read"
    yield Line(what, one, "s", one / everything, f"all {_INDICATORS} of them ({everything:.3g} s)")


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
