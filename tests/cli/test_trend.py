"""``aging trend``: common table formats, and errors for wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aging.core.errors import MistakesError
from aging.findings.table_analysis import analyze_series
from aging.tables.reader import Choice, read_table, series_of
from tests.conftest import Aging
from tests.prometheus_standin import StandIn, Value, serving

N = 300
T = np.arange(N) * 10.0
LEAK = 1e8 + 5000.0 * T + np.random.default_rng(1).normal(0, 20_000, N)
FLAT = 1e8 + np.random.default_rng(2).normal(0, 20_000, N)
EPOCH = 1.78e9


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"rss": LEAK, "other": FLAT, **columns})


def trend_json(cli: Aging, *arguments: str | Path) -> dict[str, dict[str, Any]]:
    ran = cli("trend", *arguments, "--json")
    answer = json.loads(ran.stdout)
    undecided = all(series["verdict"] == "inconclusive" for series in answer["series"])
    assert ran.returncode == (3 if undecided else 0), ran.stderr
    assert answer["schema"] == 1
    return {series["column"]: series for series in answer["series"]}


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("elapsed_seconds", T),
        ("timestamp", EPOCH + T),
        ("timestamp", (EPOCH + T) * 1e3),
        ("time", pd.to_datetime((EPOCH + T) * 1e9, utc=True).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("Date", pd.to_datetime((EPOCH + T) * 1e9, utc=True).tz_convert("Europe/Rome").strftime("%Y-%m-%d %H:%M:%S%z")),
    ],
)
def test_time_formats(tmp_path: Path, name: str, times: Any) -> None:
    path = tmp_path / "a.csv"
    frame(**{name: times}).to_csv(path, index=False)
    (series,) = series_of(read_table(path), "a.csv", Choice(columns=["rss"]))
    assert series.t == pytest.approx(T, abs=1e-3)
    assert series.y == pytest.approx(LEAK)


def test_json_keys_of_a_leak(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame(time=T).to_parquet(path)
    series = trend_json(cli, path)
    assert series["rss"]["verdict"] == "aging"
    assert series["rss"]["slope_per_hour"] == pytest.approx(5000 * 3600, rel=0.01)
    assert series["rss"]["ci_per_hour"][0] <= 5000 * 3600 <= series["rss"]["ci_per_hour"][1]
    assert series["rss"]["exact"]["sen_slope_per_second"] == pytest.approx(5000, rel=0.01)
    assert series["other"]["verdict"] == "stable"
    keys = "column n verdict shape direction slope_per_hour ci_per_hour p n_effective minimum_detectable_per_hour tests"
    assert {*keys.split(), "exact"} <= set(series["other"])
    assert set(series["rss"]["exact"]) == {"S", "var_S", "sen_slope_per_second"}


def test_long_format(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "pidstat.csv"
    long = pd.concat(
        [pd.DataFrame({"Time": T, "PID": 7, "RSS": LEAK}), pd.DataFrame({"Time": T, "PID": 8, "RSS": FLAT})]
    ).sort_values("Time")
    long.to_csv(path, index=False, sep=";")
    series = trend_json(cli, path, "--per", "PID", "--column", "RSS")
    assert {name: one["verdict"] for name, one in series.items()} == {"RSS[PID=7]": "aging", "RSS[PID=8]": "stable"}


def test_resample_warmup_and_counters(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    settling = LEAK + 5e7 * (1 - np.exp(-T / 60))
    counter = np.concatenate([np.arange(200.0), np.arange(100.0)]) * 30
    frame(t=T, settling=settling, requests_total=counter).to_csv(path, index=False)
    series = trend_json(cli, path, "--resample", "60s", "--warmup", "10m")
    assert series["rss"]["restarts"]["count"] == 1  # the counter beside it was reset
    assert series["rss"]["n"] == 31  # of each generation, the first 10 minutes are left out
    assert series["settling"]["slope_per_hour"] == pytest.approx(5000 * 3600, rel=0.05)
    assert series["requests_total"]["slope_per_hour"] == pytest.approx(0.0, abs=1e-6)
    assert "counter" in series["requests_total"]["note_codes"]
    found = trend_json(cli, path, "--column", "settling", "--warmup", "auto")["settling"]
    assert "warmup" in found["note_codes"]


def test_load_start_moves_origin(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame(timestamp=EPOCH + T).to_csv(path, index=False)
    table = read_table(path)
    (later,) = series_of(table, "a", Choice(columns=["rss"], load_start=str(EPOCH + 100)))
    assert later.t[0] == 0.0
    assert [(note.code, note.split()[0]) for note in later.notes] == [("rows_before_load", "10")]
    iso = pd.Timestamp(EPOCH - 50, unit="s", tz="UTC").isoformat()
    (earlier,) = series_of(table, "a", Choice(columns=["rss"], load_start=iso))
    assert earlier.t[0] == 50.0


def test_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    values = LEAK.copy()
    values[10:20] = np.nan
    values[30] = np.inf
    pd.DataFrame({"t": T, "rss": values}).to_csv(path, index=False)
    (series,) = series_of(read_table(path), "a", Choice())
    assert series.t.size == N - 11
    assert [(note.code, note.split()[0]) for note in series.notes] == [("rows_not_finite", "11")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--warmup", "20h"), ("--warmup", "20h 00m", "49m 50s")),
        (("--resample", "20h"), ("--resample", "20h 00m", "49m 50s")),
        (("--load-start", "5000"), ("--load-start", "5000", "over 49.8 min")),
        (("--ratio", "a", "b"), ("Correct --ratio",)),
        (("--limit", "100%"), ("--limit", "'100%' is no limit")),
        (("--plot", "x.txt"), ("--plot", ".png")),
    ],
)
def test_options_beside_the_file(cli: Aging, tmp_path: Path, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    frame(elapsed_seconds=T).to_csv(path, index=False)
    ran = cli("trend", path, *arguments)
    assert ran.returncode == 2
    assert "usage:" not in ran.stderr
    for part in said:
        assert part in ran.stderr, ran.stderr


@pytest.mark.filterwarnings("error")
def test_huge_values_are_refused_without_a_warning() -> None:
    (series,) = series_of(pd.DataFrame({"t": T, "rss": 1e300 * (1 + T)}), "a", Choice())
    analysed = analyze_series(series, {}, None, None)
    assert (analysed.verdict, [note.code for note in analysed.notes]) == ("inconclusive", ["not_analyzed"])


@pytest.mark.parametrize(
    ("name", "values", "verdict", "notes"),
    [
        ("y", np.full(N, 7.0), "stable", []),
        ("y", np.where(T < 110, LEAK, np.nan), "inconclusive", ["289 of 300", "11 distinct times; at least 12"]),
        ("y_total", T % 1000 * 3, "stable", ["fell 2 times"]),
        ("y_total", 0.1 * T, "stable", ["its rate per second"]),
        ("y", [*map(str, LEAK[:-1]), "n/a"], "aging", ["1 of 300 rows without a finite time and value"]),
    ],
)
def test_odd_values(name: str, values: Any, verdict: str, notes: list[str]) -> None:
    (series,) = series_of(pd.DataFrame({"t": T, name: values}), "a", Choice())
    analysed = analyze_series(series, {}, None, None)
    assert analysed.verdict == verdict
    for note in notes:
        assert any(note in one for one in analysed.notes), analysed.notes


@pytest.mark.parametrize(
    ("times", "verdict", "note"),
    [
        (T[::-1], "declining", "times were not in order"),
        (np.repeat(T[: N // 2], 2), "aging", "150 samples share a time"),
        (T + 1e6 * (T > 1500), "inconclusive", "gap of 1000010 s covers 100% of the window"),
        (np.where(T == 50, np.nan, T), "aging", "1 of 300 rows"),
    ],
)
def test_odd_times(times: np.ndarray, verdict: str, note: str) -> None:
    (series,) = series_of(pd.DataFrame({"t": times, "rss": LEAK}), "a", Choice())
    analysed = analyze_series(series, {}, None, None)
    assert analysed.verdict == verdict
    assert any(note in one for one in analysed.notes), analysed.notes


def test_counter_with_repeated_times() -> None:
    table = pd.DataFrame({"t": np.repeat(T, 3), "y_total": np.repeat(3 * T, 3)})
    (series,) = series_of(table, "a", Choice())
    assert analyze_series(series, {}, None, None).y == pytest.approx(np.full(N - 1, 3.0))


def test_mixed_time_zones(tmp_path: Path) -> None:
    stamps = pd.to_datetime((EPOCH + T) * 1e9, utc=True)
    rome, utc = stamps.tz_convert("Europe/Rome"), stamps.tz_convert("UTC")
    mixed = [(rome if k % 2 else utc)[k].isoformat() for k in range(N)]
    path = tmp_path / "a.csv"
    frame(time=mixed).to_csv(path, index=False)
    (series,) = series_of(read_table(path), "a.csv", Choice(columns=["rss"]))
    assert series.t == pytest.approx(T)
    assert series.notes == ()


def test_non_numeric_columns_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame(t=T, host=["a"] * N, at=pd.to_datetime(T, unit="s")).to_csv(path, index=False)
    assert [series.column for series in series_of(read_table(path), "a.csv", Choice())] == ["rss", "other"]
    table = frame(t=T, at=pd.to_datetime(T, unit="s"))
    assert [series.column for series in series_of(table, "a", Choice())] == ["rss", "other"]
    with pytest.raises(MistakesError, match="at: holds times"):
        series_of(table, "a", Choice(columns=["rss", "at"]))


@pytest.mark.parametrize("times", [np.full(N, np.nan), np.full(N, np.datetime64("NaT", "s"))])
def test_invalid_times_refused(times: Any) -> None:
    with pytest.raises(MistakesError, match="t: holds no times"):
        series_of(frame(t=times), "a", Choice(time="t"))


def test_assumed_load_start_noted(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    since = np.linspace(0, 1, N + 1) + 1.001  # a logarithm, seen only after load had run for as long as it is seen
    late = np.cumsum(np.random.default_rng(5).poisson(1000 * np.diff(np.log(since)) / np.log(2))) * 8192.0
    frame(timestamp=EPOCH + T, late=late).to_csv(path, index=False)
    series = trend_json(cli, path)
    assert series["rss"]["note_codes"] == ["origin_robust"]
    assert "49m 50s" in series["rss"]["notes"][0]
    assert series["other"]["note_codes"] == ["falls"]
    assert series["late"]["verdict"] == "aging"
    assert series["late"]["note_codes"] == ["origin_sensitive"]
    known = trend_json(cli, path, "--load-start", str(EPOCH))
    assert not any(code.startswith("origin") for one in known.values() for code in one["note_codes"])


def test_growth_by_requests_where_load_falls(cli: Aging, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    done = rng.poisson(200 * np.exp(-T / 900))
    memory = 2**27 + 4096 * np.cumsum(rng.poisson(done))
    table = pd.DataFrame({"t": T, "rss": memory, "http_requests_total": np.cumsum(done)})
    with_requests, without = tmp_path / "with.csv", tmp_path / "without.csv"
    table.to_csv(with_requests, index=False)
    table.drop(columns="http_requests_total").to_csv(without, index=False)
    assert trend_json(cli, with_requests, "--column", "rss")["rss"]["verdict"] == "aging"
    assert trend_json(cli, without)["rss"]["verdict"] in ("bounded", "inconclusive")


def test_series_too_short(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame(t=T).head(5).to_csv(path, index=False)
    ran = cli("trend", path)
    assert ran.returncode == 3
    assert "inconclusive" in ran.stdout
    assert "at least" in ran.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        ("t,rss\n", [], "has no rows"),
        ("", [], "is empty"),
        ("a,b\n1,2\n3,4\n", [], "no column looks like a time; the columns are: a (like 1), b (like 2)"),
        ("t,rss\n1,2\n", ["--column", "rs", "--per", "pid"], "rs: no such column; the columns are: t, rss"),
        ("t,name\n1,x\n2,y\n", [], "name (like x) holds text"),
        ("t,name\n1,x\n2,y\n", ["--column", "name"], "name: holds text, like 'x'"),
        ("time,rss\nyesterday,2\n", [], "'yesterday' is no time that can be read"),
        ("t,rss\n1,2\n", ["--load-start", "noon"], "neither a number of seconds nor an ISO 8601 time"),
        ("t,rss\n1,2\n", ["--load-start", "2026-01-01T00:00"], "count from the start of recording"),
        ("t,rss\n1,2\n", ["--resample", "60"], "is not a duration"),
    ],
)
def test_wrong_input(cli: Aging, tmp_path: Path, content: str, arguments: list[str], words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    ran = cli("trend", path, *arguments)
    assert ran.returncode == 2, ran.stdout
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(MistakesError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(MistakesError, match="Is a directory"):
        read_table(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(MistakesError, match="is damaged"):
        read_table(tmp_path / "a.parquet")


def test_plot(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame(t=T).to_csv(path, index=False)
    assert cli("trend", path, "--plot", tmp_path / "a.png").returncode == 0
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    ran = cli("trend", path, "--plot", tmp_path / "none" / "a.png")
    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (["--step", "30s"], "--step"),
        (["--range", "2h"], "--range"),
        (["--query", "up"], "--query"),
        (["--resample", "0s"], "0s"),
        (["--plot", "no/such/folder/a.png"], "--plot"),
        (["--worse", "left"], "left"),
        (["--ratio", "rss", "rss"], "--ratio"),
    ],
)
def test_wrong_options(cli: Aging, tmp_path: Path, options: list[str], key: str) -> None:
    path = tmp_path / "a.csv"
    frame(t=T).to_csv(path, index=False)
    ran = cli("trend", path, *options)
    assert ran.returncode == 2
    assert key in ran.stderr
    assert "Traceback" not in ran.stderr


def test_exit_code_of_undecided_series(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    steps = np.random.default_rng(11).normal(0, 1, 40).cumsum()
    pd.DataFrame({"t": np.arange(40) * 60.0, "load": steps}).to_csv(path, index=False)
    ran = cli("trend", path, "--json")
    (series,) = json.loads(ran.stdout)["series"]
    assert (series["verdict"], ran.returncode) == ("inconclusive", 3)


def test_ratio_and_growth_per_count(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    done = np.cumsum(np.random.default_rng(4).poisson(50, N)).astype(float)
    table = frame(t=T, http_requests_total=done, busy_seconds_total=done * 0.2)
    (table := table.assign(kept=1e6 + 100.0 * done)).to_csv(path, index=False)
    (mean,) = trend_json(cli, path, "--ratio", "busy_seconds_total", "http_requests_total").values()
    assert mean["verdict"] == "stable"
    (kept,) = trend_json(cli, path, "--column", "kept", "--per", "http_requests_total").values()
    assert kept["rate"][0] == pytest.approx(100 * 1000, rel=0.01)
    assert kept["axis"] == "http_requests"
    assert trend_json(cli, path, "--column", "kept")["kept"]["per_request"][0] == pytest.approx(100, rel=0.01)


def test_process_id_beside_a_series(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    again = np.where(T < 1500, LEAK, LEAK - 5000.0 * 1500)
    pd.DataFrame({"t": T, "pid": np.where(T < 1500, 17, 52), "rss_bytes": again}).to_csv(path, index=False)
    series = trend_json(cli, path)["rss_bytes"]
    assert series["restarts"]["reasons"] == ["process"]
    assert series["restarts"]["at"] == [1500.0]
    assert series["rate"][0] == pytest.approx(5000 * 3600, rel=0.03)


@pytest.fixture
def prometheus() -> Iterator[str]:
    series: list[tuple[dict[str, str], Value]] = [
        ({"__name__": "rss", "pid": "7"}, lambda at: 1e8 + 5000.0 * (at - EPOCH)),
        ({"__name__": "hits_total", "pid": "7"}, lambda at: 5.0 * (at - EPOCH)),
    ]
    with serving(StandIn(series)) as one:
        yield one.url


def test_prometheus_range(cli: Aging, prometheus: str) -> None:
    (series,) = trend_json(cli, "--prometheus", prometheus, "--query", "rss", "--range", "2h").values()
    assert series["column"] == "rss[pid=7]"
    assert series["verdict"] == "aging"
    assert series["slope_per_hour"] == pytest.approx(5000 * 3600, rel=0.01)


def test_prometheus_counter(cli: Aging, prometheus: str) -> None:
    (series,) = trend_json(cli, "--prometheus", prometheus, "--query", "hits_total", "--range", "2h").values()
    assert "counter" in series["note_codes"]
    assert series["verdict"] == "stable"


@pytest.mark.parametrize(("query", "words"), [("{", "refused the query '{'"), ("none", "has no data in the last")])
def test_prometheus_errors(cli: Aging, prometheus: str, query: str, words: str) -> None:
    ran = cli("trend", "--prometheus", prometheus, "--query", query)
    assert ran.returncode == 2
    assert words in ran.stderr


@pytest.mark.thorough
def test_outlook(cli: Aging, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame(t=T).rename(columns={"rss": "rss_bytes"}).to_csv(path, index=False)
    series = trend_json(cli, path, "--limit", "200MB", "--horizon", "2d")
    outlook = series["rss_bytes"]["outlook"]
    assert outlook["answer"] == "exhausts"
    assert outlook["earliest_hours"] < (2e8 - LEAK[-1]) / 5000 / 3600 < outlook["latest_hours"]
    rate, low, high = series["rss_bytes"]["current"]
    assert low < rate < high
    assert rate == pytest.approx(5000 * 3600, rel=0.05)
    assert series["rss_bytes"]["axis"] == "seconds"
    assert series["other"]["outlook"] is None  # nothing says that it is in bytes
    assert "limit_unit" in series["other"]["note_codes"]
    assert trend_json(cli, path, "--limit", "1e9")["other"]["outlook"]["answer"] == "safe"
    text = cli("trend", path, "--column", "rss_bytes", "--limit", "200MB").stdout
    assert "rss_bytes: aging: grows by 17.1 MiB/h [" in text
    assert "rss_bytes: Exhausts 191 MiB in " in text
    without = cli("trend", path)
    assert without.stdout.count("--limit") == 1
    assert trend_json(cli, path)["rss_bytes"]["outlook"] is None


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--horizon", "3d"], "--limit"),
        (["--limit", "64gigs"], "64gigs"),
        (["--limit", "0B"], "above 0"),
        (["--limit", "64GiB", "--horizon", "0s"], "30d"),
    ],
)
def test_wrong_outlook_options(cli: Aging, tmp_path: Path, options: list[str], wrong: str) -> None:
    path = tmp_path / "a.csv"
    frame(t=T).to_csv(path, index=False)
    ran = cli("trend", path, *options)
    assert ran.returncode == 2
    assert wrong in ran.stderr
    assert "Traceback" not in ran.stderr
