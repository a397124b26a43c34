"""Cells with units, groupings, limits and gaps as numbers in a base unit."""

from __future__ import annotations

import numpy as np
import pytest

from aging.core.measure import PLAIN, Measure
from aging.tables.cells import CellsError, read_cells

KIB, MIB, GIB = 2**10, 2**20, 2**30
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "cells", "values", "measure"),
    [
        ("used", ["60993 MiB", "1MiB"], [60993 * MIB, MIB], Measure("B", "MiB", MIB)),
        ("MEMORY(bytes)", ["4544Mi"], [4544 * MIB], Measure("B", "Mi", MIB)),
        ("mem", ["1.012GiB", "308MiB"], [1.012 * GIB, 308 * MIB], Measure("B")),
        ("mem", ["35MB"], [35e6], Measure("B", "MB", 1e6)),
        ("resident", ["20.5G", "+1.5G", "+0.0G"], [20.5 * GIB, 1.5 * GIB, 0], Measure("B", "G", GIB)),
        ("RES", ["3.6g", "400m", "5000"], [3.6 * GIB, 400 * MIB, 5000 * KIB], Measure("B")),
        ("VmRSS", ["12 kB"], [12 * KIB], Measure("B", "kB", KIB)),
        ("net", ["1kB", "2MB"], [1e3, 2e6], Measure("B")),
        ("used", ["0", "12MiB"], [0, 12 * MIB], Measure("B", "MiB", MIB)),
        ("io", ["12MB/s"], [12e6], Measure("B", "MB/s", 1e6, rate=True)),
        ("CPU(cores)", ["963m", "2"], [0.963, 2], Measure("CPU")),
        ("cpu", ["963m"], [0.963], Measure("CPU", "m", 1e-3)),
        ("CPU %", ["12.5%", "--"], [12.5, NAN], Measure("%", "%")),
        ("latency", ["1.2ms", "3s", "900us"], [1.2e-3, 3, 9e-4], Measure("s")),
        ("TIME+", ["2:11.88", "1:02:03"], [131.88, 3723], Measure("s")),
        ("etime", ["1-02:03:04", "00:10"], [93784, 10], Measure("s")),
        ("uptime", ["1 days 2:03:04", "2 days, 0:00:01"], [93784, 172801], Measure("s")),
        ("age", ["1h2m3s", "45s", "3m"], [3723, 45, 180], Measure("s")),
        ("power", ["70.1 W", "[N/A]"], [70.1, NAN], Measure("", "W")),
        ("requests", ["1.2k", "900"], [1200, 900], PLAIN),
        ("rss_kb", ["123", "N/A"], [123 * KIB, NAN], Measure("B", "kB", KIB)),
        ("Real (MB)", ["1.5"], [1.5e6], Measure("B", "MB", 1e6)),
        ("memory.used [MiB]", ["1.5"], [1.5 * MIB], Measure("B", "MiB", MIB)),
        ("x", ["4,262,637,568", "1"], [4262637568, 1], PLAIN),
        ("x", ["1\u202f234\u202f567", "12"], [1234567, 12], PLAIN),
        ("x", ["1'234'567.5"], [1234567.5], PLAIN),
        ("x", ["1_000"], [1000], PLAIN),
        ("x", ["1.234,5", "999,5", "1.000"], [1234.5, 999.5, 1000], PLAIN),
        ("x", ["18,157", "18,1"], [18.157, 18.1], PLAIN),
        ("x", ["985", "1,002"], [985, 1002], PLAIN),
        ("x", ["12.5", "1,234"], [12.5, 1234], PLAIN),
        ("x", ["1e5", "2.5E-3", "−3"], [1e5, 2.5e-3, -3], PLAIN),
        ("x", ["1", "error", "3", "4"], [1, NAN, 3, 4], PLAIN),
        ("x", ["inf", "nan", "1"], [float("inf"), NAN, 1], PLAIN),
        ("up", ["true", "False"], [1, 0], PLAIN),
    ],
)
def test_cells(name: str, cells: list[str], values: list[float], measure: Measure) -> None:
    read = read_cells(cells, name)
    np.testing.assert_allclose(read.values, values)
    assert read.measure == measure


@pytest.mark.parametrize(
    ("name", "cells", "words"),
    [
        ("x", ["963m", "964m"], ["12m", "cpu", "mem"]),
        ("x", ["18,157", "19,222"], ["18157", "18.157", "--decimal"]),
        ("x", ["1.5", "2,5"], ["1.5", "2,5"]),
        ("x", ["N/A", "-"], ["no values"]),
        ("x", ["web-0", "3"], ["text", "web-0"]),
        ("x", ["10.0.0.1", "10.0.0.2"], ["text"]),
        ("x", ["5 MiB", "3 s"], ["MiB", "s"]),
        ("x", ["5 MiB", "7"], ["7", "5MiB"]),
        ("x", ["3f9a", "12ab", "7de"], ["ab"]),
    ],
)
def test_refused(name: str, cells: list[str], words: list[str]) -> None:
    with pytest.raises(CellsError) as caught:
        read_cells(cells, name)
    assert all(word in str(caught.value) for word in words), caught.value


def test_pairs_have_a_limit() -> None:
    read = read_cells(["1.2GiB / 15.5GiB", "308MiB / 15.5GiB"], "MEM USAGE / LIMIT")
    assert read.limit == 15.5 * GIB
    np.testing.assert_allclose(read.values, [1.2 * GIB, 308 * MIB])
    assert read_cells(["1 / 4", "2 / 5"]).limit is None


@pytest.mark.parametrize(("decimal", "value"), [(".", 18157.0), (",", 18.157)])
def test_given_decimal_mark(decimal: str, value: float) -> None:
    assert read_cells(["18,157"], "x", decimal=decimal, sure=True).values.tolist() == [value]
    noted = read_cells(["18,157"], "x", decimal=decimal)
    assert noted.values.tolist() == [value]
    assert [note.code for note in noted.notes] == ["decimal_mark"]


def test_remarks() -> None:
    assert [note.code for note in read_cells(["1", "error", "3"], "x").notes] == ["cells_not_numbers"]
    assert [note.code for note in read_cells(["1g", "300"], "RES").notes] == ["kib_assumed"]
