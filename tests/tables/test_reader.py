"""From a table to its series: axis, labels, what is left out, and every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.core.errors import MistakesError
from aging.core.measure import Measure
from aging.tables.choice import Choice
from aging.tables.reader import read, reading_of, series_of
from aging.tables.series import TableReading
from aging.tables.table import Table

R = range(30)


def read_text(tmp_path: Path, text: str, **choice: Any) -> TableReading:
    path = tmp_path / "a.txt"
    path.write_text(text)
    return read(path, Choice(**choice))


def names(reading: TableReading) -> list[str]:
    return [one.name for one in reading.series]


def test_nothing_vanishes(tmp_path: Path) -> None:
    reading = read_text(
        tmp_path,
        "timestamp,elapsed_s,index,gpu name,requests,state,empty,rss\n"
        + "".join(f"{1.78e9 + i * 60:.0f},{i * 60},0,H100,{i * 3},ok,,{100 + i}\n" for i in R),
    )
    assert names(reading) == ["rss"]
    left = {one.column: one for one in reading.left_out}
    assert set(left) == {"elapsed_s", "index", "gpu name", "requests", "state", "empty"}
    assert left["gpu name"].example == "H100"
    assert "text" in left["state"].reason
    assert "identifier" in left["index"].reason
    assert "--column requests" in left["requests"].reason
    assert "time" in left["elapsed_s"].reason
    assert list(reading.series[0].work) == ["requests"]
    assert reading.extent == "30 samples over 29 min, one every 60 s"
    assert reading.series[0].start == 1.78e9


@pytest.mark.parametrize("column", ["index", "pid", "port", "line", "gpu"])
def test_only_identifiers_is_no_success(column: str, tmp_path: Path) -> None:
    text = f"time,{column},name\n" + "".join(f"{i},7,H100\n" for i in R)
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, text)
    assert all(word in str(caught.value) for word in (column, "identifier", "H100", "--column"))
    assert names(read_text(tmp_path, text, columns=[column])) == [column]


def test_numbers_of_rows(tmp_path: Path) -> None:
    reading = read_text(tmp_path, ",time,n,rss\n" + "".join(f"{i},{10 * i},{i + 1},{100 + i}\n" for i in R))
    assert names(reading) == ["rss"]
    assert [one.column for one in reading.left_out] == ["1", "n"]


def test_use_of_a_gpu_is_no_identifier(tmp_path: Path) -> None:
    assert "gpu" in names(read_text(tmp_path, "time,gpu\n" + "".join(f"{i},{i * 7 % 100}\n" for i in R)))


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, "time,rss\n1,2\n2,3\n", time="tim", columns=["rs"], per=["pod"], timezone="Mars/Base")
    assert [mistake.where for mistake in caught.value.mistakes] == ["tim", "rs", "pod", "--timezone"]
    assert "time, rss" in str(caught.value)


def test_no_header_and_no_time_names_columns_and_the_way_out(tmp_path: Path) -> None:
    text = "".join(f"64 root {100 + i}m x\n" for i in R)
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, text)
    message = str(caught.value)
    assert all(word in message for word in ("header", "1 (like 64)", "2 (like root)", "--every 15s"))
    with pytest.raises(MistakesError, match="cpu, mem or time"):
        read_text(tmp_path, text, every=15.0, columns=["3"])


def test_rows_at_equal_distances(tmp_path: Path) -> None:
    reading = read_text(tmp_path, "".join(f"{100 + i}\n" for i in R), every=60.0)
    assert reading.series[0].t.tolist() == [60.0 * i for i in R]
    assert reading.series[0].start is None


def test_rows_at_equal_distances_of_several_subjects(tmp_path: Path) -> None:
    text = "".join(f"NAME   MEMORY\nweb-0   {i + 1}Mi\nweb-1   {2 * i + 1}Mi\n" for i in R)
    reading = read_text(tmp_path, text, every=60.0)
    assert names(reading) == ["MEMORY[NAME=web-0]", "MEMORY[NAME=web-1]"]
    assert all(one.t.tolist() == [60.0 * i for i in R] for one in reading.series)
    pids = read_text(tmp_path, "".join(f"{pid} {100 + i * pid}\n" for i in R for pid in (64, 65)), every=1.0)
    assert names(pids) == ["2[1=64]", "2[1=65]"]


def long_form(rows: Sequence[tuple[object, ...]], header: str) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)])


LONG: Mapping[str, tuple[str, Sequence[tuple[object, ...]], list[str]]] = {
    "interleaved": ("time,pod,rss", [(i, pod, i) for i in R for pod in "ab"], ["rss[pod=a]", "rss[pod=b]"]),
    "stacked": ("Series,Time,Value", [(pod, i, i) for pod in "ab" for i in R], ["Value[Series=a]", "Value[Series=b]"]),
    "in turn": ("time,pod,rss", [(i, "ab"[i % 2], i) for i in R], ["rss[pod=a]", "rss[pod=b]"]),
    "one after another": ("time,pod,rss", [(i, "ab"[i // 15], i) for i in R], ["rss[pod=a]", "rss[pod=b]"]),
    "by identifier": (
        "time,index,name,used",
        [(i, k, "H100", i) for i in R for k in (0, 1)],
        ["used[index=0]", "used[index=1]"],
    ),
    "by number": (
        "time,worker_no,rss",
        [(i, k, i) for i in R for k in (1, 2)],
        ["rss[worker_no=1]", "rss[worker_no=2]"],
    ),
    "two labels": (
        "time,pod,container,rss",
        [(i, pod, one, i) for i in R for pod in "ab" for one in "xy"],
        [f"rss[pod={pod},container={one}]" for pod in "ab" for one in "xy"],
    ),
    "without a label": ("time,pod,rss", [(i, pod, i) for i in R for pod in ("a", "")], ["rss[pod=a]", "rss"]),
    "a state is no subject": ("time,state,rss", [(i, ("cold", "hot")[i > 9], i) for i in R], ["rss"]),
    "one value": ("time,pod,rss", [(i, "a", i) for i in R], ["rss"]),
    "a name a row": ("time,name,rss", [(i, f"job-{i}", i) for i in R], ["rss"]),
    "clocks": (
        "time,pod,rss",
        [(f"12:{i:02d}:00", pod, i) for pod in "ab" for i in R],
        ["rss[pod=a]", "rss[pod=b]"],
    ),
}


@pytest.mark.parametrize("form", LONG)
def test_series_in_one_file(form: str, tmp_path: Path) -> None:
    header, rows, expected = LONG[form]
    reading = read_text(tmp_path, long_form(rows, header))
    assert names(reading) == expected
    assert all(one.t[0] == 0.0 for one in reading.series)


def test_per_by_hand(tmp_path: Path) -> None:
    text = long_form([(i, "ab"[i % 2], i % 3, i) for i in R], "time,state,kind,rss")
    assert names(read_text(tmp_path, text, per="state")) == [
        *("kind[state=a]", "rss[state=a]", "kind[state=b]", "rss[state=b]")
    ]
    assert len(read_text(tmp_path, text, per=["state", "kind"]).series) == 6


def test_runs_whose_elapsed_time_begins_again(tmp_path: Path) -> None:
    reading = read_text(tmp_path, "uptime_s,rss\n" + "".join(f"{i % 20 * 60},{i}\n" for i in range(60)))
    assert names(reading) == ["rss[run=1]", "rss[run=2]", "rss[run=3]"]
    assert "times_begin_again" in [note.code for note in reading.notes]


@pytest.mark.parametrize(
    ("header", "chosen", "count"),
    [
        ("req,rss", "req", "req"),
        ("req,rss", None, "req"),
        ("iteration,rss", None, "iteration"),
        ("foo,rss", "foo", "foo"),
        ("elapsed,rss", "elapsed", None),
    ],
)
def test_count_as_axis(header: str, chosen: str | None, count: str | None, tmp_path: Path) -> None:
    reading = read_text(tmp_path, f"{header}\n" + "".join(f"{10 * i},{100 + i}\n" for i in R), time=chosen)
    assert reading.series[0].axis.count == count
    assert reading.series[0].t[-1] == 290.0


def test_time_unit(tmp_path: Path) -> None:
    text = "time,rss\n" + "".join(f"{i},{100 + i}\n" for i in R)
    assert read_text(tmp_path, text, time_unit=60.0).series[0].t[-1] == 29 * 60
    assert [note.code for note in read_text(tmp_path, text).notes] == ["time_unit_assumed"]


@pytest.mark.parametrize(
    ("header", "row"),
    [("Date,Time,rss", "2026-08-01,{},{}"), ("day,rss,clock", "01.08.2026,{1},{0}")],
)
def test_date_and_clock_in_two_columns(header: str, row: str, tmp_path: Path) -> None:
    rows = (row.format(f"12:00:{i:02d}", 100 + i) for i in R)
    reading = read_text(tmp_path, "\n".join([header, *rows]))
    assert names(reading) == ["rss"]
    assert reading.series[0].t.tolist() == list(R)
    assert reading.series[0].start == 1785585600.0


def test_response_time_is_no_axis(tmp_path: Path) -> None:
    text = "timestamp,time,rss\n" + "".join(f"{1.78e9 + i:.0f},{0.3 + i % 3 / 10},{i}\n" for i in R)
    reading = read_text(tmp_path, text)
    assert names(reading) == ["time", "rss"]
    assert reading.series[0].t[-1] == 29.0


def test_epochs_of_training_are_a_count(tmp_path: Path) -> None:
    reading = read_text(tmp_path, "epoch,step,mem_mib\n" + "".join(f"{i // 10},{i},{i}\n" for i in R))
    assert reading.series[0].axis.count == "step"


def test_memory_is_no_time(tmp_path: Path) -> None:
    text = "".join(f"{2**30 + i * 2**20} {i % 3}\n" for i in R)
    with pytest.raises(MistakesError, match="no column looks like a time"):
        read_text(tmp_path, text)


def test_counters_and_metrics_in_long_form(tmp_path: Path) -> None:
    rows = [(f"2026-08-01T12:{i:02d}:00Z", one, i) for i in R for one in ("rss_kb", "http_requests_total")]
    rss, requests = read_text(tmp_path, long_form(rows, "timestamp,metric,value")).series
    assert (rss.counter, requests.counter) == (False, True)
    assert rss.measure == Measure("B", "kB", 1024.0)
    assert rss.y[1] == 1024.0


def test_a_total_that_falls_is_a_gauge(tmp_path: Path) -> None:
    values = [100 + i % 7 for i in R]
    (series,) = read_text(
        tmp_path, "time,threads_total\n" + "".join(f"{i},{v}\n" for i, v in zip(R, values, strict=True))
    ).series
    assert not series.counter


def test_names_of_labels_alone(tmp_path: Path) -> None:
    reading = read_text(tmp_path, 'time,{pod="a"},{pod="b"}\n'.replace('"', "") + "".join(f"{i},{i},{i}\n" for i in R))
    assert names(reading) == ["{pod=a}", "{pod=b}"]


def test_limit_of_pairs(tmp_path: Path) -> None:
    (series,) = read_text(tmp_path, "time,mem\n" + "".join(f"{i},{i + 1}MiB / 8GiB\n" for i in R)).series
    assert series.limit == 8 * 2**30


def test_what_a_format_knows() -> None:
    table = Table(
        {"at": np.arange(6.0), "rss": np.arange(6.0), "kind": np.array(list("aabbaa"), object), "n": np.arange(6)},
        time="at",
        labels=("kind",),
        measures={"rss": Measure("B", "KiB", 1024.0)},
        counters=frozenset({"n"}),
        limits={"rss": 9.0},
    )
    reading = reading_of(table, "a", Choice())
    assert [(one.name, one.counter, one.limit) for one in reading.series] == [
        *(
            ("rss[kind=a]", False, 9.0),
            ("n[kind=a]", True, None),
            ("rss[kind=b]", False, 9.0),
            ("n[kind=b]", True, None),
        )
    ]
    assert reading.series[0].y[1] == 1024.0


@pytest.mark.parametrize(
    ("times", "load_start", "first"),
    [
        (["12:00:00", "12:01:00"], "11:59:00", 60.0),
        (["2026-08-01T12:00:00Z", "2026-08-01T12:01:00Z"], "2026-08-01T11:00:00Z", 3600.0),
        (["0", "60"], "-30", 30.0),
    ],
)
def test_load_start(times: list[str], load_start: str, first: float) -> None:
    columns = {"time": np.array(times, object), "rss": np.array([1.0, 2.0])}
    (series,) = series_of(columns, "a", Choice(load_start=load_start))
    assert series.t[0] == first
    assert not series.origin_assumed


def test_columns_by_number_and_other_case(tmp_path: Path) -> None:
    text = "time,RSS,x\n" + "".join(f"{i},{i},{i}\n" for i in R)
    assert names(read_text(tmp_path, text, columns=["rss", "3"])) == ["RSS", "x"]


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(MistakesError, match="delimited"):
        read_text(tmp_path, "t,rss\n1,2\n", format="nonsense")


def test_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(MistakesError, match="cannot be read"):
            read(path, Choice())


@pytest.mark.parametrize(
    ("time", "choice", "option"),
    [
        ("2026-08-01T12:{:02d}:00Z", {"every": 10.0}, "--every"),
        ("{}", {"every": 10.0}, "--every"),
        ("2026-08-01T12:{:02d}:00Z", {"every": 10.0, "time": "time"}, "--every"),
        ("2026-08-01T12:{:02d}:00Z", {"time_unit": 60.0}, "--time-unit"),
        ("12:{:02d}:00", {"time_unit": 60.0}, "--time-unit"),
        ("{}", {"every": 10.0, "time_unit": 60.0}, "--time-unit"),
    ],
)
def test_options_that_do_not_apply_to_the_times(
    time: str, choice: Mapping[str, Any], option: str, tmp_path: Path
) -> None:
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, "time,rss\n" + "".join(f"{time.format(i)},{i}\n" for i in R), **choice)
    assert [mistake.where for mistake in caught.value.mistakes] == [option]


def test_every_beside_days_and_counts(tmp_path: Path) -> None:
    days = "".join(f"2026-08-{1 + i // 10:02d},{i}\n" for i in R)
    assert read_text(tmp_path, "date,rss\n" + days, every=60.0).series[0].t[-1] == 29 * 60
    counts = "".join(f"{i * 3},{i}\n" for i in R)
    assert read_text(tmp_path, "requests,rss\n" + counts, every=60.0).series[0].t[-1] == 29 * 60


def test_per_that_leaves_several_values_at_a_time(tmp_path: Path) -> None:
    rows = [(i, pod, "prod", port, i) for i in R for pod in "abc" for port in (80, 81)]
    text = long_form(rows, "time,pod,namespace,port,rss")
    for per, option in ((["namespace"], "--per namespace --per pod --per port"), (["pod"], "--per pod --per port")):
        with pytest.raises(MistakesError) as caught:
            read_text(tmp_path, text, per=per)
        assert caught.value.mistakes[0].where == "--per"
        assert option in str(caught.value)
    assert len(read_text(tmp_path, text, per=["pod", "port"]).series) == 6


def test_per_of_requests_at_one_time_is_fine(tmp_path: Path) -> None:
    rows = [(i // 4, "ab"[i % 2], i * 37 % 11) for i in range(120)]
    assert len(read_text(tmp_path, long_form(rows, "time,route,latency_ms"), per="route").series) == 2


def test_per_of_a_measurement(tmp_path: Path) -> None:
    text = long_form([(i, "a", 100.5 + i, i % 7) for i in R], "time,pod,rss,cpu")
    with pytest.raises(MistakesError) as caught:
        read_text(tmp_path, text, per="rss")
    assert caught.value.mistakes[0].where == "--per"
    assert "rss has 30" in str(caught.value)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    reading = read_text(tmp_path, "time,rss,rss\n" + "".join(f"{i},{i},5\n" for i in R))
    assert names(reading) == ["rss", "rss.1"]
    assert "names_twice" in [note.code for note in reading.notes]


def test_example_of_an_open_date_differs(tmp_path: Path) -> None:
    with pytest.raises(MistakesError) as caught:
        read_text(
            tmp_path, "time,rss\n" + "".join(f"{i + 1:02d}/{i + 1:02d}/2026,{i}\n" for i in range(2)) + "01/09/2026,3\n"
        )
    assert all(word in str(caught.value) for word in ("01/09/2026", "1 September 2026", "9 January 2026"))
