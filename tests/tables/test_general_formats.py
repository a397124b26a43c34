"""JSON, Prometheus' answers, logs with named values, Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from aging.core.errors import MistakesError
from aging.tables.choice import Choice
from aging.tables.reader import read
from aging.tables.series import TableReading

R = range(20)
MIB = 2**20


def read_text(tmp_path: Path, text: str) -> TableReading:
    path = tmp_path / "a"
    path.write_text(text)
    return read(path, Choice())


def test_json_lines(tmp_path: Path) -> None:
    lines = [json.dumps({"ts": 1.78e9 + i, "mem": {"rss_kb": i, "host": "a"}, "used": f"{i} MiB"}) for i in R]
    lines[5] = "starting up"
    reading = read_text(tmp_path, "\n".join(lines))
    assert reading.format == "json"
    assert [one.name for one in reading.series] == ["mem.rss_kb", "used"]
    assert reading.series[1].y[1] == MIB
    assert [one.column for one in reading.left_out] == ["mem.host"]
    assert [note.code for note in reading.notes] == ["rows_odd"]


@pytest.mark.parametrize("indent", [None, 2])
def test_json_array(indent: int | None, tmp_path: Path) -> None:
    text = json.dumps([{"time": i, "rss": i * 2} for i in R], indent=indent)
    assert read_text(tmp_path, text).series[0].y.tolist() == [2.0 * i for i in R]
    assert read_text(tmp_path, text[: text.rindex("{") - 1].rstrip(", \n")).series[0].t.size == 19  # ends early


def test_json_within_an_object(tmp_path: Path) -> None:
    text = json.dumps({"host": "a", "samples": [{"time": i, "rss": i} for i in R]}, indent=1)
    assert read_text(tmp_path, text).series[0].t.size == 20


@pytest.mark.parametrize(("text", "words"), [('{"a": 1}', "--every"), ("[1, 2, {", "bracket"), ('[{"a": ]', "bracket")])
def test_wrong_json(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(MistakesError, match=words):
        read_text(tmp_path, text)


def answer(*metrics: dict[str, str]) -> str:
    result = [{"metric": one, "values": [[1.78e9 + 60 * i, str(i)] for i in R]} for one in metrics]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_prometheus(tmp_path: Path) -> None:
    rss, total = {"__name__": "rss_bytes", "job": "llm"}, {"__name__": "requests_total", "job": "llm"}
    reading = read_text(tmp_path, answer(rss | {"pod": "a"}, rss | {"pod": "b"}, total | {"pod": "a"}))
    assert reading.format == "prometheus"
    assert [one.name for one in reading.series] == ["rss_bytes[pod=a]", "rss_bytes[pod=b]"]
    assert reading.series[0].measure.base == "B"
    assert list(reading.series[0].work) == ["requests"]
    (alone,) = read_text(tmp_path, answer(total)).series
    assert alone.counter


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"resultType": "vector", "result": []}, "query_range"),
        ({"resultType": "matrix", "result": []}, "without data"),
    ],
)
def test_wrong_prometheus(data: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(MistakesError, match=words):
        read_text(tmp_path, json.dumps({"status": "success", "data": data}))


LOGS = {
    "logfmt": ('ts=2026-08-01T12:00:{0:02d}Z level=info rss={1}MB msg="a, b" fds={0}', ["rss", "fds"]),
    "time in front": ("2026-08-01 12:00:{0:02d},123 INFO rss={1}MB fds={0}", ["rss", "fds"]),
    "colons": ("2026-08-01 12:00:{0:02d} [INFO] server: rss: {1} MB, fds: {0}", ["rss", "fds"]),
    "words": ("[INFO] 2026-08-01 12:00:{0:02d} Memory usage: {1} MB, CPU usage: {0}", ["Memory usage", "CPU usage"]),
    "syslog": ("Aug  1 12:00:{0:02d} host app[7]: rss={1}MB fds={0}", ["rss", "fds"]),
    "no blanks": ("Aug  1 12:00:{0:02d} host kernel: cgroup stats: rss:{1}MB fds:{0}", ["rss", "fds"]),
    "brackets": ("[2026-08-01 12:00:{0:02d}] (rss={1}MB) fds={0}", ["rss", "fds"]),
}


@pytest.mark.parametrize("kind", LOGS)
def test_logs(kind: str, tmp_path: Path) -> None:
    form, names = LOGS[kind]
    reading = read_text(tmp_path, "\n".join(form.format(i, 100 + i) for i in R))
    assert reading.format == "key-value"
    assert [one.name for one in reading.series] == names
    assert reading.series[0].y.tolist() == [(100 + i) * 1e6 for i in R]
    assert reading.series[0].t.tolist() == list(R)


def test_numbers_without_names_are_no_log(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("".join(f"Heap:  64213 {20000 + i} 30000 10\n" for i in R))
    assert [one.name for one in read(path, Choice(every=60.0)).series] == ["2", "3", "4", "5"]


def test_objects_of_javascript(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("".join(f"{{ rss: {1000 + i}, heapUsed: {i * 2} }}\n" for i in R))
    assert [one.name for one in read(path, Choice(every=60.0)).series] == ["rss", "heapUsed"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    zone = pd.to_datetime([1.78e9 + 60.0 * i for i in R], unit="s", utc=True).tz_convert("Europe/Rome")
    frame = pd.DataFrame({"rss": list(R), "pod": pd.Categorical(["a"] * 10 + ["b"] * 10), "gaps": [None, 1.0] * 10})
    for index in (zone, zone.tz_convert(None), zone.rename("when")):
        frame.set_index(index).to_parquet(path)
        reading = read(path, Choice())
        assert [one.name for one in reading.series] == ["rss[pod=a]", "gaps[pod=a]", "rss[pod=b]", "gaps[pod=b]"]
        assert reading.series[0].t.tolist() == [60.0 * i for i in range(10)]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("wrap", ["samples", "inner"])
def test_json_array_around(wrap: str, indent: int | None, tmp_path: Path) -> None:
    rows = [{"time": i, "rss": i} for i in R]
    whole = {"data": rows} if wrap == "samples" else {"status": "ok", "data": {"of": "a", "points": rows}}
    assert read_text(tmp_path, json.dumps(whole, indent=indent)).series[0].t.size == 20


def test_json_lines_with_arrays_of_objects(tmp_path: Path) -> None:
    lines = [json.dumps({"time": f"2026-08-01T12:{i:02d}:00Z", "gpu": [{"m": 1}, {"m": 2}], "rss": i}) for i in R]
    reading = read_text(tmp_path, "\n".join(lines))
    assert [one.name for one in reading.series] == ["rss"]
    assert reading.series[0].t.size == 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body><table><tr><td>1</td></tr></table></body></html>", ("HTML", "CSV")),
        ("\n<!DOCTYPE html>\n<html>", ("HTML", "CSV")),
        ('<?xml version="1.0"?>\n<a/>', ("XML", "CSV")),
    ],
)
def test_markup(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, text)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(("name", "word"), [("rss.csv", "ZIP archive"), ("xl/workbook.xml", "Excel")])
def test_zip(name: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with ZipFile(path, "w") as archive:
        archive.writestr(name, "time,rss\n1,2\n")
    with pytest.raises(MistakesError, match=word):
        read(path, Choice())
