"""CSV and Parquet as people keep them: every oddity that pandas' Python engine reads is read alike."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aging.core.errors import MistakesError
from aging.tables import files
from aging.tables.files import read_csv, read_parquet
from aging.tables.reader import Choice, read_table, series_of
from aging.tables.table import Column

ODD = {
    "semicolons": "t;rss\n1;2,5\n2;3\n",
    "tabs": "t\trss\n1\t2\n",
    "runs of spaces": "t   rss\n1     2\n10   20\n",
    "spaces after commas": "t, rss, name\n1, 2, a b\n",
    "quotes": 't,"rss, all"\n1,"2"\n3,"4"\n',
    "a quoted line break": 't,name\n1,"a\nb"\n2,c\n',
    "a short row": "t,rss,pss\n1,2,3\n2,3\n",
    "blank lines": "t,rss\n\n1,2\n   \n3,4\n",
    "no name above the names of rows": "t,rss\n1,2,3\n2,3,4\n",
    "a column without a name": "t,,rss\n1,2,3\n",
    "two columns of one name": "t,rss,rss\n1,2,3\n",
    "missing values": "t,rss\n1,n/a\n2,\n3,NaN\n4,5\n",
    "a few words among numbers": "t,rss\n1,2\n2,error\n3,4\n",
    "truth values": "t,up\n1,True\n2,False\n",
    "leading zeros": "t,pid\n1,007\n",
    "exponents": "t,rss\n1e3,-1.5E-3\n2e3,inf\n",
    "very large whole numbers": "t,rss\n1,99999999999999999999\n",
    "Windows line ends": "t,rss\r\n1,2\r\n",
    "dates": "time,rss\n2026-01-01T00:00:00Z,1\n",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("rows_at_a_time", [1, 50_000])
def test_csv_against_pandas(name: str, rows_at_a_time: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_CHUNK_ROWS", rows_at_a_time)
    path = tmp_path / "a.csv"
    path.write_bytes(ODD[name].encode())
    ours = read_csv(path)
    theirs = pd.read_csv(path, sep=None, engine="python", skipinitialspace=True)
    assert list(ours) == list(theirs.columns)
    for column in ours:
        assert plain(ours[column]) == plain(theirs[column].to_numpy()), column


@pytest.mark.parametrize("content", ["t|rss\n1|2\n", "\ufefft,rss\n1,2\n", "\n\nt,rss\n1,2\n", "t:rss\n1:2\n"])
def test_csv_beyond_pandas(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    assert {name: column.tolist() for name, column in read_csv(path).items()} == {"t": [1], "rss": [2]}


def plain(values: Column) -> list[object]:
    """Numbers as floats, everything missing as None; a text that is a whole number as that number."""
    known: list[Any] = [None if value is None or value != value else value for value in values.tolist()]  # noqa: PLR0124
    return [float(one) if isinstance(one, int | float) or str(one).isdigit() else one for one in known]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Could not determine delimiter"),
        ("rss\n1\n2\n", "Could not determine delimiter"),
        ("t,rss\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ('t,rss\n1,"2\n', "unexpected end of data"),
        ("t,rss\n", "has no rows"),
    ],
)
def test_not_csv(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(MistakesError, match=words):
        read_table(path)


def test_compressed_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"t,rss\n1,2\n"))
    assert read_csv(path)["rss"].tolist() == [2]


def test_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"t,rss\n1,\xff\n")
    with pytest.raises(MistakesError, match="is neither CSV nor Parquet"):
        read_table(path)


def test_parquet_columns_of_any_type(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    zone = pd.to_datetime([0.0, 3600.0], unit="s", utc=True).tz_convert("Europe/Rome")
    frame = pd.DataFrame(
        {"at": zone, "whole": [1, 2], "gaps": [1.0, np.nan], "words": pd.Categorical(["a", None])}, index=[7, 9]
    )
    frame.to_parquet(path)
    columns = read_parquet(path)
    assert list(columns) == ["at", "whole", "gaps", "words"]
    assert columns["words"].tolist() == ["a", None]
    (series,) = series_of(columns, "a", Choice(columns=["whole"]))
    assert series.t.tolist() == [0.0, 3600.0]
    assert series.y.tolist() == [1.0, 2.0]


def test_group_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,pid,rss\n1,12,2\n2,12,3\n1,7,4\n")
    series = series_of(read_table(path), "a", Choice(columns=["rss"], per="pid"))
    assert [one.name for one in series] == ["rss[pid=12]", "rss[pid=7]"]
