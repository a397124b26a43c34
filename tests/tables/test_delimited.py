"""Shapes of text tables, read by Python and by pyarrow alike."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from aging.core.errors import MistakesError
from aging.tables.choice import Choice
from aging.tables.formats import delimited
from aging.tables.formats.delimited import Delimited
from aging.tables.reader import read, read_table

TWO = {"t": ["1", "2"], "rss": ["5", "6"]}
SHAPES = {
    "commas": "t,rss\n1,5\n2,6\n",
    "semicolons": "t;rss\n1;5\n2;6\n",
    "tabs": "t\trss\n1\t5\n2\t6\n",
    "pipes": "t|rss\n1|5\n2|6\n",
    "markdown": "| t | rss |\n|---|---|\n| 1 | 5 |\n| 2 | 6 |\n",
    "blanks": "t rss\n1 5\n2 6\n",
    "padded": "  t   rss\n  1     5\n  2     6\n",
    "BOM": "\ufefft,rss\n1,5\n2,6\n",
    "comment before the header": "# t,rss\n1,5\n2,6\n",
    "comments": "# by a tool\nt,rss\n1,5\n# pause\n2,6\n",
    "blank lines": "\n\nt,rss\n\n1,5\n   \n2,6\n\n",
    "Windows line ends": "t,rss\r\n1,5\r\n2,6\r\n",
    "quotes": '"t","rss"\n"1","5"\n"2","6"\n',
    "blanks after commas": "t, rss\n1, 5\n2, 6\n",
    "trailing separators": "t,rss,\n1,5,\n2,6,\n",
    "trailing separators of rows": "t,rss\n1,5,\n2,6,\n",
    "repeated headers": "t,rss\n1,5\nt,rss\n2,6\n",
    "Excel's first line": "sep=;\nt;rss\n1;5\n2;6\n",
    "a title": "Memory of the server\n\nt,rss\n1,5\n2,6\n",
    "R's names of rows": 't,rss\n"1",1,5\n"2",2,6\n',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(SHAPES[shape], encoding="utf-8", newline="")
    assert {name: column.tolist() for name, column in Delimited.read(path).columns.items()} == TWO


@pytest.mark.parametrize("shape", SHAPES)
def test_pyarrow_reads_the_same(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "FAST_FROM_BYTES", 0)
    path = tmp_path / "a.csv"
    path.write_text(SHAPES[shape], encoding="utf-8", newline="")
    columns = Delimited.read(path).columns
    assert {name: [float(cell) for cell in column.tolist()] for name, column in columns.items()} == {
        name: [float(cell) for cell in cells] for name, cells in TWO.items()
    }


@pytest.mark.parametrize(
    "content",
    [
        b"time,pod,rss\n2026-08-01T12:00:00Z,a,1\n2026-08-01T12:01:00Z,b,N/A\n2026-08-01T12:02:00Z,a,3\n",
        b"time,rss\n2026-08-01 12:00:00,1.5\n2026-08-01 12:01:00,-\n2026-08-01 12:02:00,2.5\n",
        b"time,rss\n12:00:00,1\n12:01:00,2\n12:02:00,3\n",
        b"time,rss,up\n1785585600.5,1,true\n1785585601.5,,false\n1785585602.5,3,true\n",
        b"time;rss\n01.08.2026 12:00;1,5\n01.08.2026 12:01;2,25\n",
        b"time,rss\n1,35MB\n2,36MB\n",
        b"time,rss\n1,5\n2,oops\n3,6\n4,7\n",
    ],
)
def test_series_are_the_same_by_both_ways(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    slow = read(path, Choice())
    monkeypatch.setattr(delimited, "FAST_FROM_BYTES", 0)
    fast = read(path, Choice())
    assert [(one.name, one.t.tolist(), one.y.tolist(), one.start, one.measure) for one in slow.series] == [
        (one.name, one.t.tolist(), one.y.tolist(), one.start, one.measure) for one in fast.series
    ]


def test_names_with_single_blanks(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("# Elapsed time   CPU (%)   Real (MB)\n   0.0   5.5   120.5\n   1.0   5.0   121.5\n")
    assert list(Delimited.read(path).columns) == ["Elapsed time", "CPU (%)", "Real (MB)"]


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (["2026-08-01 12:00:00 5 MiB", "2026-08-01 12:00:10 6 MiB"], ["2026-08-01 12:00:00", "5 MiB"]),
        (["Sat Aug  1 12:00:00 UTC 2026 5", "Sat Aug  1 12:00:10 UTC 2026 6"], ["Sat Aug  1 12:00:00 UTC 2026", "5"]),
        (["21:00:00 5 a", "21:00:10 6 a"], ["21:00:00", "5", "a"]),
        (["64 root   20 3.6g 2:11.88 x", "64 root   20 3.7g 2:33.88 x"], ["64", "root", "20", "3.6g", "2:11.88", "x"]),
    ],
)
def test_no_header(lines: list[str], first: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines))
    table = Delimited.read(path)
    assert list(table.columns) == [str(number) for number in range(1, len(first) + 1)]
    assert [column[0] for column in table.columns.values()] == first
    assert [note.code for note in table.notes] == ["no_header"]
    assert "header" in table.notes[0]


def test_line_breaks_in_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,msg,rss\n" + "".join(f'{i},"a\nb, c",{i}\n' for i in range(20)))
    assert read_table(path).columns["msg"][0] == "a b, c"
    assert read(path, Choice()).series[0].t.size == 20


def test_units_below_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,rss,cpu\ns,MiB,%\n1,5,10\n2,6,11\n")
    rss, cpu = read(path, Choice()).series
    assert rss.y.tolist() == [5 * 2**20, 6 * 2**20]
    assert (rss.measure.written, cpu.measure.written) == ("MiB", "%")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("t,rss\n", ["no rows"]),
        ("# only\n# comments\n", ["no rows"]),
        ("t,rss\nt,rss\n", ["no rows"]),
        ("time,rss\n1,2,3\n2,3,4\n", ["2 names", "3 values", "time, rss"]),
        ("Elapsed time CPU (%)\n1.0 2.0\n2.0 3.0\n", ["4 names", "2 values"]),
        ("time,rss,pss\n1,2,3\n2,3,4,5,6\n3,4,5\n", ["line 3", "3 values", "5"]),
        ("PK\x03\x04zip", ["Excel"]),
        ("\x00\x01\x02\x03\x04\x05\x06\x07binary", ["no text"]),
    ],
)
def test_refused(content: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(MistakesError) as caught:
        read_table(path)
    assert all(word in str(caught.value) for word in words), caught.value


def test_odd_rows_are_left_out_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,rss\n" + "".join(f"{row},{row}\n" for row in range(40)) + "OOM: killed, 9, 10\n40,40\n41")
    reading = read(path, Choice())
    assert reading.series[0].t.size == 41
    assert "rows_odd" in [note.code for note in reading.notes]


@pytest.mark.parametrize(
    "packed",
    [
        *(
            gzip.compress(b"t,rss\n1,5\n2,6\n", mtime=0),
            bz2.compress(b"t,rss\n1,5\n2,6\n"),
            lzma.compress(b"t,rss\n1,5\n2,6\n"),
        ),
        *("t,rss\n1,5\n2,6\n".encode("utf-16"), "t,rss\n1,5\n2,6\n".encode("utf-16-le")),
    ],
)
def test_encodings(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(packed)
    assert {name: column.tolist() for name, column in read_table(path).columns.items()} == TWO


def test_windows_1252(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("t,Größe\n1,5\n2,6\n".encode("cp1252"))
    assert list(read_table(path).columns) == ["t", "Größe"]


def test_narrow_blanks_are_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,x\n" + "".join(f"{i},1\u202f{100 + i}\u202f000\n" for i in range(20)), encoding="utf-8")
    assert read(path, Choice()).series[0].y[1] == 1101000.0


def test_damaged_compression(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"t,rss\n" + bytes(range(256)) * 100)[:-30])
    with pytest.raises(MistakesError, match="damaged"):
        read_table(path)
