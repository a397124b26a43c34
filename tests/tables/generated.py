"""Files of a known content in many formats, units and shapes."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from aging.tables.choice import Choice

KIB, MIB, GIB = 2**10, 2**20, 2**30


def clock(seconds: float, form: str) -> str:
    return (datetime(2026, 8, 14, 22, 50, tzinfo=UTC) + timedelta(seconds=seconds)).strftime(form)


EPOCH = datetime(2026, 8, 14, 22, 50, tzinfo=UTC).timestamp()

TIMES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "ISO, UTC": ("ts", lambda t: clock(t, "%Y-%m-%dT%H:%M:%SZ")),
    "ISO, blank": ("Time", lambda t: clock(t, "%Y-%m-%d %H:%M:%S")),
    "ISO, ms": ("@timestamp", lambda t: clock(t, "%Y-%m-%dT%H:%M:%S.000Z")),
    "ISO, zone": ("date", lambda t: clock(t, "%Y-%m-%dT%H:%M:%S+02:00")),
    "ISO, comma": ("timestamp", lambda t: clock(t, "%Y-%m-%d %H:%M:%S,000")),
    "epoch s": ("epoch", lambda t: f"{EPOCH + t:.0f}"),
    "epoch s, float": ("time", lambda t: f"{EPOCH + t:.3f}"),
    "epoch ms": ("timestamp", lambda t: f"{(EPOCH + t) * 1e3:.0f}"),
    "epoch us": ("ts_us", lambda t: f"{(EPOCH + t) * 1e6:.0f}"),
    "epoch ns": ("time_unix_nano", lambda t: f"{int(EPOCH + t) * 10**9}"),
    "clock": ("time", lambda t: clock(t, "%H:%M:%S")),
    "clock, AM": ("Time", lambda t: clock(t, "%I:%M:%S %p")),
    "date": ("date", lambda t: clock(t, "%a %b %e %H:%M:%S UTC %Y")),
    "syslog": ("when", lambda t: clock(t, "%b %e %H:%M:%S")),
    "nvidia-smi": ("timestamp", lambda t: clock(t, "%Y/%m/%d %H:%M:%S.000")),
    "dots": ("Datum", lambda t: clock(t, "%d.%m.%Y %H:%M:%S")),
    "day first": ("Time", lambda t: clock(t, "%d/%m/%Y %H:%M:%S")),
    "month first": ("Time", lambda t: clock(t, "%m/%d/%Y %I:%M:%S %p")),
    "web server": ("time", lambda t: clock(t, "%d/%b/%Y:%H:%M:%S +0000")),
    "elapsed s": ("elapsed_s", lambda t: f"{t:g}"),
    "elapsed": ("Elapsed time", lambda t: f"{t:.3f}"),
    "hours": ("uptime_hours", lambda t: repr(t / 3600)),
    "minutes": ("time (min)", lambda t: repr(t / 60)),
    "ms": ("elapsed_ms", lambda t: f"{t * 1e3:.0f}"),
    "clock that counts": ("elapsed", lambda t: f"{int(t // 3600)}:{int(t % 3600 // 60):02d}:{t % 60:02.0f}"),
}
"""By kind: the name of the column, and a time so many seconds after the first as text."""


def _docker(k: int) -> tuple[str, float]:
    return (f"{k}MiB", k * MIB) if k < 1024 else (f"{k / 1000:.3f}GiB", k / 1000 * GIB)


VALUES: Mapping[str, tuple[str, Callable[[int], tuple[str, float]]]] = {
    "bytes": ("rss_bytes", lambda k: (str(k * 4096), k * 4096)),
    "MiB": ("used", lambda k: (f"{k} MiB", k * MIB)),
    "Mi": ("MEMORY(bytes)", lambda k: (f"{k}Mi", k * MIB)),
    "MB": ("mem", lambda k: (f"{k}MB", k * 1e6)),
    "GB, decimals": ("resident", lambda k: (f"{k / 100:.2f} GB", k * 1e7)),
    "g": ("RES", lambda k: (f"{k / 10:.1f}g", k / 10 * GIB)),
    "signed": ("delta", lambda k: (f"+{k / 10:.1f}G", k / 10 * GIB)),
    "docker": ("MEM USAGE", _docker),
    "pair": ("mem usage", lambda k: (f"{k}MiB / 15.5GiB", k * MIB)),
    "kB by name": ("rss_kb", lambda k: (str(k), k * KIB)),
    "MiB by name": ("memory.used [MiB]", lambda k: (f"{k}.25", (k + 0.25) * MIB)),
    "MB by name": ("Real (MB)", lambda k: (f"{k}.125", (k + 0.125) * 1e6)),
    "percent": ("load", lambda k: (f"{k % 100}.5%", k % 100 + 0.5)),
    "percent by name": ("cpu_percent", lambda k: (f"{k % 100}.5", k % 100 + 0.5)),
    "millicores": ("CPU(cores)", lambda k: (f"{k}m", k / 1000)),
    "thousands": ("resident", lambda k: (f"{k * 4096:,}", k * 4096)),
    "thousands, blank": ("resident", lambda k: (f"{k * 4096:,}".replace(",", "\u202f"), k * 4096)),
    "thousands, apostrophe": ("resident", lambda k: (f"{k * 4096:,}".replace(",", "'"), k * 4096)),
    "decimal comma": ("level", lambda k: (f"{k},{k % 90 + 10}", k + (k % 90 + 10) / 100)),
    "ms": ("latency", lambda k: (f"{k}.5ms", (k + 0.5) / 1000)),
    "ms by name": ("latency_ms", lambda k: (f"{k}.5", (k + 0.5) / 1000)),
    "CPU time": ("TIME+", lambda k: (f"{k // 60}:{k % 60:02d}.50", k + 0.5)),
    "count": ("open_fds", lambda k: (str(k), k)),
    "exponent": ("x", lambda k: (f"{k}.0e+03", k * 1e3)),
    "fraction": ("x", lambda k: (f"{k / 7:.6f}", float(f"{k / 7:.6f}"))),
}
"""By kind: the name of the column, and a whole number as a cell and as its value in the base unit."""

SHAPES = (
    *("csv", "tsv", "semicolons", "pipes", "wide", "blanks", "csv, quoted", "csv, trailing", "csv, BOM", "csv, UTF-16"),
    *(
        "csv, gzip",
        "csv, #",
        "csv, Windows",
        "csv, comments",
        "wide, repeated",
        "csv, repeated",
        "csv, units",
        "markdown",
    ),
    *("json lines", "json array", "key=value", "log", "parquet", "csv, no header", "tsv, no header"),
)


@dataclass(frozen=True)
class Case:
    """A file, the choice that its user makes, and by series the times from its first and the values."""

    content: bytes
    choice: Choice
    series: Mapping[str, tuple[list[float], list[float]]]
    about: str


@dataclass
class _Column:
    name: str
    cells: list[str]
    values: list[float] = field(default_factory=list)


def make(time: str, value: str, shape: str, labelled: str, seed: int) -> Case:
    """A file of one or more series; raises KeyError for an unknown kind."""
    rng = Random(seed)
    rows = rng.randrange(12, 60)
    step = rng.choice((1, 5, 15, 60, 61))
    time_name, time_cell = TIMES[time]
    value_name, value_cell = VALUES[value]
    value_name = "cpu_load" if value_name == time_name else value_name
    subjects = {"one": [""], "interleaved": ["vllm-0", "vllm-1"], "stacked": ["a", "b", "c"], "constant": ["vllm-0"]}
    pods = subjects[labelled]
    records = []
    for subject, pod in enumerate(pods):
        start, slope = rng.randrange(900, 1100) * (subject + 1), rng.randrange(0, 40)
        for row in range(rows):
            records.append((row * step, pod, *value_cell(start + slope * row + rng.randrange(3))))
    if labelled == "interleaved":
        records.sort(key=lambda record: record[0])
    missing = {row for row in range(3, len(records)) if rng.random() < 0.05}
    cells = [rng.choice(("N/A", "-", "[N/A]")) if row in missing else one[2] for row, one in enumerate(records)]
    columns = [_Column(time_name, [time_cell(one[0]) for one in records]), _Column(value_name, cells)]
    if pods != [""]:
        columns.insert(rng.choice((0, 1, 2)), _Column("pod", [one[1] for one in records]))
    series = {
        pod: (
            [float(one[0]) for row, one in enumerate(records) if one[1] == pod and row not in missing],
            [one[3] for row, one in enumerate(records) if one[1] == pod and row not in missing],
        )
        for pod in pods
    }
    if shape == "csv, units":
        series = {pod: (times, [one * MIB for one in values]) for pod, (times, values) in series.items()}
    about = f"{time}; {value}; {shape}; {labelled}; {seed}"
    open_ = value == "MB by name" and (shape == "semicolons" or time == "dots")  # 950.125: thousands or decimals
    return Case(_written(shape, columns, rng), Choice(decimal="." if open_ else ""), series, about)


@dataclass(frozen=True)
class Leak:
    """A file of a process that leaks ``per_hour`` in the base unit of its column and was restarted so many times."""

    content: bytes
    per_hour: float
    restarts: int
    about: str


def leak(time: str, value: str, shape: str, restarts: int, seed: int) -> Leak:
    """A leak of a constant rate over lives of 70 to 100 samples, 3 minutes apart: 3.5 h and more."""
    rng = Random(seed)
    step, slope = 180, rng.randrange(16, 40)
    time_name, time_cell = TIMES[time]
    value_name, value_cell = VALUES[value]
    value_name = "cpu_load" if value_name == time_name else value_name
    lives = [rng.randrange(70, 100) for _ in range(restarts + 1)]
    if not restarts:
        lives = [rng.randrange(150, 300)]
    level = rng.randrange(1100, 1300)
    grown = [level + slope * row + rng.randrange(slope + 1) for life in lives for row in range(life)]
    times = [row * step for row in range(len(grown))]
    columns = [
        _Column(time_name, [time_cell(t) for t in times]),
        _Column(value_name, [value_cell(k)[0] for k in grown]),
    ]
    per_unit = (value_cell(101 * 100)[1] - value_cell(1 * 100)[1]) / 1e4
    about = f"{time}; {value}; {shape}; {restarts} restarts; {seed}"
    factor = MIB if shape == "csv, units" else 1
    return Leak(_written(shape, columns, rng), slope * per_unit * factor * 3600 / step, restarts, about)


def impossible(time: str, value: str, shape: str) -> bool:
    """Whether a file of these would not be understood by a person either."""
    name, _ = VALUES[value]
    if shape == "csv, units":
        return value != "count"
    if "no header" in shape:
        # Without a name nothing says what ``m``, a clock or a number of minutes is.
        return value in ("millicores", "CPU time") or value.endswith("by name") or _needs_name(time)
    if shape == "blanks":
        return " " in name or " " in TIMES[time][0] or time == "web server"
    return shape == "log" and (" " in name or time == "web server")


def _needs_name(time: str) -> bool:
    return time in ("elapsed s", "elapsed", "hours", "minutes", "ms", "clock that counts")


def _written(shape: str, columns: Sequence[_Column], rng: Random) -> bytes:  # noqa: PLR0911
    names = [column.name for column in columns]
    rows = [list(row) for row in zip(*(column.cells for column in columns), strict=True)]
    kind, _, detail = shape.partition(", ")
    if kind in ("json lines", "json array"):
        objects = [dict(zip(names, map(_json_cell, row), strict=True)) for row in rows]
        if kind == "json array":
            return json.dumps(objects, indent=rng.choice((None, 1))).encode()
        return "".join(json.dumps(one) + "\n" for one in objects).encode()
    if kind == "parquet":
        sink = io.BytesIO()
        parquet.write_table(pa.table({column.name: column.cells for column in columns}), sink)
        return sink.getvalue()
    if kind in ("key=value", "log"):
        return _log(kind, names, rows)
    header: list[list[str]] = [] if detail == "no header" else [names]
    if detail == "#":
        header = [["# " + names[0], *names[1:]]]
    if detail == "units":
        header.append(["MiB" if name == "open_fds" else "" for name in names])
    lines = [*header, *rows]
    if detail == "repeated":
        lines = [line for place, row in enumerate(rows) for line in (([names] if place % 7 == 0 else []) + [row])]
    text = _table_text(kind, detail, lines)
    if detail == "comments":
        text = "# made by a tool\n# on host gpu-3\n" + text
    if detail == "BOM":
        return b"\xef\xbb\xbf" + text.encode()
    if detail == "UTF-16":
        return text.encode("utf-16")
    return gzip.compress(text.encode()) if detail == "gzip" else text.encode()


def _table_text(kind: str, detail: str, lines: Sequence[Sequence[str]]) -> str:
    end = "\r\n" if detail == "Windows" else "\n"
    if kind in ("wide", "blanks"):
        gap = "   " if kind == "wide" else " "
        if kind == "wide":
            widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
            lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
        return "".join(gap.join(line) + end for line in lines)
    if kind == "markdown":
        table = [f"| {' | '.join(line)} |" for line in lines]
        return end.join([table[0], "|" + "---|" * len(lines[0]), *table[1:]]) + end
    mark = {"csv": ",", "tsv": "\t", "semicolons": ";", "pipes": "|"}[kind]
    quoted = detail == "quoted"
    return "".join(
        mark.join(f'"{cell}"' if quoted or mark in cell else cell for cell in line)
        + (mark if detail == "trailing" else "")
        + end
        for line in lines
    )


def _json_cell(cell: str) -> object:
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _log(kind: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    keys = [
        name.replace(" ", "_").replace("(", "_").replace(")", "").replace("[", "").replace("]", "") for name in names
    ]
    lines = []
    for row in rows:
        pairs = [
            f'{key}="{cell}"' if len(cell.split()) > 1 else f"{key}={cell}" for key, cell in zip(keys, row, strict=True)
        ]
        lines.append(f'level=info {" ".join(pairs)} msg="heap is fine, really"\n')
    return "".join(lines).encode()


def assert_read(case: Case, reading: Sequence[tuple[Mapping[str, str], np.ndarray, np.ndarray]]) -> None:
    """Every series of the case, and no other, with its times and values."""
    found = {
        labels.get("pod", labels.get("1", labels.get("2", labels.get("3", "")))): (t, y) for labels, t, y in reading
    }
    expected = case.series if len(case.series) > 1 else {"": next(iter(case.series.values()))}
    assert set(found) == set(expected), case.about
    for pod, (times, values) in expected.items():
        t, y = found[pod]
        assert len(t) == len(times), case.about
        assert np.allclose(np.asarray(t) - t[0], np.asarray(times) - times[0], atol=2e-3), case.about
        assert np.allclose(y, values, rtol=1e-9), case.about
