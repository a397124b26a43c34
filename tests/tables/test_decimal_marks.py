"""Numbers like 818.100 and 18,157: thousands or decimals, by the column, the file, or the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aging.core.errors import MistakesError
from aging.tables.choice import Choice
from aging.tables.reader import read
from aging.tables.series import TableReading

R = range(30)
ISO = "2026-08-01T12:{:02d}:00Z"
DOTTED = "01.08.2026 12:{:02d}"


def read_rows(tmp_path: Path, header: str, rows: list[str], **choice: Any) -> TableReading:
    path = tmp_path / "a.txt"
    path.write_text("\n".join([header, *rows]))
    return read(path, Choice(**choice))


def rows_of(time: str, mark: str, cell: str) -> list[str]:
    return [mark.join((time.format(i), cell.format(100 + i))) for i in R]


OPEN = {
    "semicolons, ISO": (ISO, ";"),
    "semicolons, dotted dates": (DOTTED, ";"),
    "tabs, dotted dates": (DOTTED, "\t"),
    "commas, dotted dates": (DOTTED, ","),
}


@pytest.mark.parametrize("form", OPEN)
def test_open_points_are_refused_until_the_user_decides(form: str, tmp_path: Path) -> None:
    time, mark = OPEN[form]
    rows, header = rows_of(time, mark, "818.{}"), mark.join(("time", "rss"))
    with pytest.raises(MistakesError) as caught:
        read_rows(tmp_path, header, rows)
    assert all(word in str(caught.value) for word in ("818100", "818.100", "--decimal ,", "--decimal ."))
    assert read_rows(tmp_path, header, rows, decimal=",").series[0].y[1] == 818101.0
    assert read_rows(tmp_path, header, rows, decimal=".").series[0].y[1] == 818.101


@pytest.mark.parametrize("mark", [",", "\t", "  "])
def test_points_without_signs_of_a_comma_are_decimal(mark: str, tmp_path: Path) -> None:
    reading = read_rows(tmp_path, mark.join(("time", "rss")), rows_of(ISO, mark, "818.{}"))
    assert reading.series[0].y[1] == 818.101


@pytest.mark.parametrize(
    ("cell", "value", "codes"),
    [
        ("114,5{}", 818101.0, ["decimal_mark"]),
        ("114.5{}", 818.101, []),
        ("0.{}", 818.101, []),
        ("2.000,{}", 818101.0, ["decimal_mark"]),
    ],
)
def test_another_column_decides(cell: str, value: float, codes: list[str], tmp_path: Path) -> None:
    rows = [f"{DOTTED.format(i)};818.{100 + i};{cell.format(100 + i)}" for i in R]
    reading = read_rows(tmp_path, "time;rss;x", rows)
    assert reading.series[0].y[1] == value
    assert [note.code for note in reading.notes] == codes


def test_whole_numbers_up_to_999_decide(tmp_path: Path) -> None:
    cells = [str(990 + i) if i < 10 else f"1.{i - 10:03d}" for i in R]
    rows = [f"{ISO.format(i)};{cell}" for i, cell in enumerate(cells)]
    reading = read_rows(tmp_path, "time;rss", rows)
    assert reading.series[0].y.tolist() == [990.0 + i for i in R]
    assert "decimal_mark" in [note.code for note in reading.notes]
    with pytest.raises(MistakesError, match="--decimal"):
        read_rows(tmp_path, "time\trss", [row.replace(";", "\t") for row in rows])


def test_zeros_beside_decimals(tmp_path: Path) -> None:
    rows = [f"{i}\t{'0' if i % 3 else f'1.{100 + i}'}" for i in R]
    assert read_rows(tmp_path, "time\tx", rows).series[0].y[3] == 1.103


def test_scaled_units_have_a_decimal_point(tmp_path: Path) -> None:
    assert read_rows(tmp_path, "time;mem", rows_of(DOTTED, ";", "1.{}GiB")).series[0].y[0] == 1.1 * 2**30


@pytest.mark.parametrize(
    ("cell", "decimal"), [("{}.44", ","), ("0.{}", ","), ("{},5", "."), ("1,{},000", ","), ("1.{},5", ".")]
)
def test_a_mark_that_does_not_fit_is_refused(cell: str, decimal: str, tmp_path: Path) -> None:
    with pytest.raises(MistakesError) as caught:
        read_rows(tmp_path, "time\trss\tn", [f"{row}\t5" for row in rows_of(ISO, "\t", cell)], decimal=decimal)
    assert all(word in str(caught.value) for word in ("rss", cell.format(100), f"--decimal {decimal}"))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_long_files_as_short_ones(mark: str, tmp_path: Path) -> None:
    times = [f"2026-08-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z" for i in range(40_000)]
    rows = [f"{time}{mark}818.{100 + i % 7}{mark}0" for i, time in enumerate(times)]
    header = mark.join(("time", "rss", "n"))
    if mark == ";":
        with pytest.raises(MistakesError, match="--decimal"):
            read_rows(tmp_path, header, rows, columns=["rss"])
    else:
        assert read_rows(tmp_path, header, rows).series[0].y[1] == 818.101
    if mark != ",":
        assert read_rows(tmp_path, header, rows, decimal=",").series[0].y[1] == 818101.0


def test_times_with_thousands(tmp_path: Path) -> None:
    rows = [f"{1 + i}.000;{i}" for i in R]
    assert read_rows(tmp_path, "elapsed_ms;rss", rows, decimal=",").series[0].t[-1] == 29.0
