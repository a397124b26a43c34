"""The output of tools, as printed: each sample is claimed by one format, and read with its times, units and labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import aging.tables.formats
from aging.core.errors import MistakesError
from aging.core.plugins import discover
from aging.tables.base import Format
from aging.tables.cells import read_cells
from aging.tables.choice import Choice
from aging.tables.reader import read as read_series
from aging.tables.table import Table
from aging.tables.text import head_of

R = range(20)
SAMPLES = Path(__file__).parent / "samples"
GENERAL = 1
"""The rank from which on a format is not that of one tool."""

MIB = 1024.0**2
RECORDED = 1028 * 1024.0
"""Bytes that the recorded process took each second."""

WRITTEN = 12 * MIB / 60
"""Bytes a second of the samples that were written down."""


class Case(NamedTuple):
    """A sample: its format, rows, first and last time, labels, and a column with its unit and growth in bytes."""

    name: str
    kind: str
    rows: int
    times: tuple[str, str] | None
    labels: tuple[str, ...] = ()
    column: str = ""
    unit: str = ""
    subject: str = ""
    grows: float | None = None


DATE = ("Tue Aug 25 12:00:00 UTC 2026", "Tue Aug 25 12:19:00 UTC 2026")
ISO = ("2026-08-25 12:00:00", "2026-08-25 12:19:00")
PS = ("Sun Nov 29 16:55:37 UTC 2026", "Sun Nov 29 16:56:17 UTC 2026")
PIDSTAT = ("2026-11-29 16:55:38", "2026-11-29 16:56:17")
NVIDIA = ("2026/08/25 12:00:00.123", "2026/08/25 12:19:00.123")

CASES = (
    Case("cgroup_memory.txt", "cgroup-memory", 4, None, (), "total_rss", "B"),
    Case("dcgm_exporter.txt", "prometheus-text", 20, DATE, (), 'DCGM_FI_DEV_FB_USED{gpu="1"}', "MiB", "", WRITTEN),
    Case("dcgmi_dmon.txt", "dcgmi-dmon", 40, DATE, ("Entity",), "FBUSD", "MiB", "GPU 0", WRITTEN),
    Case(
        "df.txt",
        "df",
        3,
        ("Sun Nov 29 17:20:00 UTC 2026", "Sun Nov 29 17:22:00 UTC 2026"),
        ("Mounted on",),
        "Used",
        "KiB",
    ),
    Case("docker_stats.txt", "docker-stats", 40, DATE, ("NAME",), "MEM USAGE / LIMIT", "", "vllm-server", WRITTEN),
    Case("docker_stats_grep.txt", "docker-stats", 20, DATE, ("NAME",), "MEM USAGE / LIMIT", "MiB", "", WRITTEN),
    Case("docker_stats_json.txt", "docker-stats", 20, None, ("NAME",), "MEM USAGE / LIMIT", "", "", WRITTEN),
    Case("docker_stats_stream.txt", "docker-stats", 11, None, ("NAME",), "MEM USAGE / LIMIT", "MiB"),
    Case("free_b.txt", "free", 3, None, (), "Mem used", "B"),
    Case("free_h.txt", "free", 3, None, (), "Mem used", "Mi"),
    Case("free_kib.txt", "free", 10, None, (), "Mem used", "KiB"),
    Case("free_m.txt", "free", 10, ("16:55:37", "16:55:46"), (), "Mem available", "MiB"),
    Case("get_process.txt", "get-process", 40, None, ("Id", "ProcessName"), "WS(K)", "KiB", "4180", WRITTEN),
    Case("gin_log.txt", "gin-log", 40, None, ("request",), "latency", ""),
    Case("gpustat.txt", "gpustat", 40, None, ("GPU",), "memory", "MiB", "0", WRITTEN),
    Case("grafana_excel.csv", "grafana", 20, ISO, (), "vllm-1", "GiB", "", WRITTEN),
    Case("grafana_labels.csv", "grafana", 20, None, (), 'process_resident_memory_bytes{instance="b:8000"}', "B"),
    Case("grafana_rows.csv", "grafana", 40, None, ("Series",), "Value", "", "vllm-1", WRITTEN),
    Case("kubectl_top_containers.txt", "kubectl-top", 40, None, ("POD", "NAME"), "CPU(cores)", "m"),
    Case("kubectl_top_node_ts.txt", "kubectl-top", 40, None, ("NAME",), "MEMORY(bytes)", "Mi", "node-1", WRITTEN),
    Case("kubectl_top_noheaders.txt", "kubectl-top", 20, None, ("NAME",), "MEMORY(bytes)", "Mi", "", WRITTEN),
    Case(
        "kubectl_top_pod.txt",
        "kubectl-top",
        40,
        DATE,
        ("NAME",),
        "MEMORY(bytes)",
        "Mi",
        "vllm-7c9f6d5b8-abcde",
        WRITTEN,
    ),
    Case("llama_log.txt", "llama-log", 20, None, (), "generation time per token", "ms"),
    Case("meminfo.txt", "meminfo", 4, None, (), "MemAvailable", "kB"),
    Case("mprof.dat", "mprof", 40, None, ("process",), "memory", "MiB"),
    Case("nvidia_smi.txt", "nvidia-smi", 24, None, ("GPU",), "memory", "MiB", "0", WRITTEN),
    Case("nvidia_smi_dmon.txt", "nvidia-smi-dmon", 20, ISO, ("gpu",), "fb", "MiB", "", WRITTEN),
    Case("nvidia_smi_grep.txt", "nvidia-smi", 40, DATE, ("GPU",), "memory", "MiB", "0", WRITTEN),
    Case("nvidia_smi_pmon.txt", "nvidia-smi-dmon", 8, None, ("gpu", "pid", "command"), "fb", "MiB"),
    Case("nvidia_smi_query.csv", "nvidia-smi-query", 40, None, ("index",), "memory.used [MiB]", "MiB", "0", WRITTEN),
    Case(
        "nvidia_smi_query_apps.csv",
        "nvidia-smi-query",
        40,
        NVIDIA,
        ("gpu_uuid", "pid", "process_name"),
        "used_gpu_memory [MiB]",
        "MiB",
    ),
    Case(
        "nvidia_smi_query_date.txt", "nvidia-smi-query", 20, DATE, ("index",), "memory.used [MiB]", "MiB", "", WRITTEN
    ),
    Case("nvidia_smi_query_noheader.csv", "nvidia-smi-query", 20, NVIDIA, (), "column 3", "MiB", "", WRITTEN),
    Case("pidstat_H.txt", "pidstat", 3, ("1795971338", "1795971340"), ("PID", "Command"), "RSS", "KiB"),
    Case("pidstat_all.txt", "pidstat", 10, None, ("PID", "Command"), "VSZ", "KiB"),
    Case("pidstat_h.txt", "pidstat", 13, None, ("PID", "Command"), "RSS", "KiB", "", 1024.0 * 1024),
    Case("pidstat_r.txt", "pidstat", 40, PIDSTAT, ("PID", "Command"), "RSS", "KiB", "", RECORDED),
    Case("pidstat_rud.txt", "pidstat", 4, None, ("PID", "Command"), "kB_rd/s", "KiB/s"),
    Case("pidstat_thr.txt", "pidstat", 3, None, ("TGID", "Command"), "RSS", "KiB"),
    Case("pidstat_v.txt", "pidstat", 40, PIDSTAT, ("PID", "Command"), "fd-nr", ""),
    Case("pmap.txt", "pmap", 2, None, ("PID", "COMMAND"), "RSS", "KiB"),
    Case("pmap_tail.txt", "pmap", 10, ("16:55:37", "16:55:46"), (), "RSS", "KiB", "", RECORDED),
    Case("podman_stats.txt", "docker-stats", 20, ("12:00:00", "12:19:00"), ("NAME",), "MEM USAGE / LIMIT", "MB"),
    Case("proc_status.txt", "proc-status", 5, None, ("Name", "Pid"), "VmRSS", "kB", "", RECORDED),
    Case("proc_status_grep.txt", "proc-status", 40, ("1795971337", "1795971377"), (), "VmRSS", "kB", "", RECORDED),
    Case("prometheus_text.txt", "prometheus-text", 20, None, (), "process_resident_memory_bytes", "B", "", WRITTEN),
    Case("ps_aux.txt", "ps", 25, None, ("PID", "COMMAND"), "RSS", "KiB"),
    Case("ps_aux_grep.txt", "ps", 24, None, ("PID", "COMMAND"), "VSZ", "KiB"),
    Case("ps_command_first.txt", "ps", 20, DATE, ("PID", "CMD"), "RSS", "KiB", "", WRITTEN),
    Case("ps_date.txt", "ps", 40, PS, ("PID", "COMMAND"), "RSS", "KiB", "", RECORDED),
    Case("psrecord.txt", "psrecord", 40, ("0.000", "39.023"), (), "Real (MB)", "MiB", "", RECORDED),
    Case("rocm_smi.txt", "rocm-smi", 40, DATE, ("GPU",), "VRAM Total Used Memory (B)", "B", "0", WRITTEN),
    Case("sadf_d.txt", "sadf", 25, None, ("hostname",), "kbmemused", "KiB"),
    Case("sadf_dT.txt", "sadf", 5, None, ("hostname",), "rxkB/s[lo]", "KiB/s"),
    Case("sadf_p.txt", "sadf", 3, None, ("hostname",), "kbmemfree", "KiB"),
    Case("sar.txt", "sar", 25, ("2026-11-29 16:56:56", "2026-11-29 16:57:20"), (), "kbmemused", "KiB"),
    Case(
        "sar_12h.txt",
        "sar",
        12,
        ("2026-08-25 23:00:00", "2026-08-26 00:50:00"),
        (),
        "kbmemused",
        "KiB",
        "",
        204.8 * 1024,
    ),
    Case("sar_h.txt", "sar", 17, None, (), "kbmemused", "M"),
    Case("sar_n.txt", "sar", 7, None, (), "rxkB/s[lo]", "KiB/s"),
    Case("sglang_log.txt", "sglang-log", 40, None, ("rank",), "gen throughput (token/s)", "tokens/s"),
    Case("smaps_rollup.txt", "proc-status", 3, None, (), "Rss", "kB"),
    Case("smem.txt", "smem", 28, None, ("PID", "Command"), "USS", "KiB"),
    Case("tasklist.txt", "tasklist", 20, None, ("PID", "Image Name"), "Mem Usage", "KiB", "", WRITTEN),
    Case("top.txt", "top", 80, ("16:55:37", "16:56:17"), ("PID", "COMMAND"), "RES", "KiB", "13183", RECORDED),
    Case("top_all.txt", "top", 21, None, ("PID", "COMMAND"), "Mem avail", "MiB"),
    Case("top_gib.txt", "top", 10, None, ("PID", "COMMAND"), "RES", "m"),
    Case("top_grep.txt", "top", 40, None, ("PID", "COMMAND"), "RES", "KiB"),
    Case("typeperf.csv", "typeperf", 20, None, (), r"Process(ollama#1)\Private Bytes", "B", "", WRITTEN),
    Case("typeperf_utf16.csv", "typeperf", 20, None, (), r"Memory\Available MBytes", "MiB", "", -WRITTEN),
    Case("vllm_log.txt", "vllm-log", 20, None, ("engine",), "Avg generation throughput", "tokens/s"),
    Case("vllm_log_v0.txt", "vllm-log", 20, None, (), "GPU KV cache usage", "%"),
    Case("vmstat.txt", "vmstat", 30, None, (), "free", "KiB"),
    Case("vmstat_t.txt", "vmstat", 30, None, (), "cache", "KiB"),
    Case("vmstat_w.txt", "vmstat", 5, None, (), "active", "MiB"),
)
UNTIMED = {
    *(
        "docker_stats_stream.txt",
        "free_h.txt",
        "free_kib.txt",
        "nvidia_smi_pmon.txt",
        "ps_aux_grep.txt",
        "top_grep.txt",
    ),
    *("vmstat.txt", "vmstat_w.txt", "llama_log.txt"),
}
OTHERS = {"psrecord.txt": "Elapsed time (s)"}


def formats() -> Mapping[str, type[Format]]:
    return discover(aging.tables.formats, Format)


def written(folder: Path, text: str) -> Path:
    path = folder / "input.txt"
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[str, Table]:
    """The kind and the table of a file, as the format of lowest rank reads it."""
    claiming = [one for one in formats().values() if one.recognizes(head_of(path))]
    first = min(claiming, key=lambda one: one.rank)
    return first.kind, first.read(path)


def test_every_sample_is_a_case() -> None:
    assert {case.name for case in CASES} | {"README.md", "watch.txt"} == {path.name for path in SAMPLES.iterdir()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_format_of_a_tool_claims_a_sample(case: Case) -> None:
    head = head_of(SAMPLES / case.name)
    assert [kind for kind, one in formats().items() if one.rank < GENERAL and one.recognizes(head)] == [case.kind]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_is_read(case: Case) -> None:
    table = formats()[case.kind].read(SAMPLES / case.name)
    assert {len(column) for column in table.columns.values()} == {case.rows}
    assert table.labels == case.labels
    assert table.time == (None if case.name in UNTIMED else OTHERS.get(case.name, "time"))
    if case.times is not None and table.time is not None:
        times = table.columns[table.time]
        assert (times[0], times[-1]) == case.times
    cells = read_cells(table.columns[case.column].tolist(), case.column, measure=table.measures.get(case.column))
    assert cells.measure.written == case.unit
    if case.grows is not None:
        one = np.isfinite(cells.values)
        if case.subject:
            one &= table.columns[table.labels[0]] == case.subject
        values = cells.values[one]
        seconds = 1.0 if case.grows in {RECORDED, 1024.0 * 1024} else 600.0 if case.kind == "sar" else 60.0
        assert np.polyfit(np.arange(values.size) * seconds, values, 1)[0] == pytest.approx(case.grows, rel=0.03)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.grows and case.name not in UNTIMED], ids=lambda case: case.name
)
def test_the_rate_by_its_own_times(case: Case) -> None:
    reading = read_series(SAMPLES / case.name, Choice())
    assert (reading.format, reading.series != ()) == (case.kind, True)
    found = [one for one in reading.series if one.column == case.column and case.subject in {"", *one.labels.values()}]
    assert np.polyfit(found[0].t, found[0].y, 1)[0] == pytest.approx(case.grows, rel=0.04)


class TestTimes:
    """Times before rows and between them."""

    @pytest.mark.parametrize(
        "stamp",
        [
            *("2026-08-25 12:00:00", "2026-08-25T12:00:00Z", "2026-08-25T12:00:00.123+02:00", "1787659200", "12:00:00"),
            *(
                "Tue Aug 25 12:00:00 UTC 2026",
                "Tue 25 Aug 2026 12:00:00 PM CEST",
                "Aug 25 12:00:00",
                "08/25/26 12:00:00",
            ),
            *(
                "[2026-08-25 12:00:00]",
                "=== 2026-08-25 12:00:00 ===",
                "Date: 2026-08-25 12:00:00",
                "25.08.2026 12:00:00",
            ),
        ],
    )
    def test_on_a_line_of_its_own(self, tmp_path: Path, stamp: str) -> None:
        kind, table = read(written(tmp_path, f"{stamp}\n  PID   RSS COMMAND\n   64 10776 python3\n"))
        assert (kind, table.time, list(table.columns)) == ("ps", "time", ["time", "PID", "RSS", "COMMAND"])
        assert table.columns["time"][0] in stamp

    @pytest.mark.parametrize(
        "stamp", ["12:00:00", "2026-08-25 12:00:00", "Aug 25 12:00:00", "1787659200", "[12:00:00]"]
    )
    def test_before_every_line(self, tmp_path: Path, stamp: str) -> None:
        text = f"{stamp}   PID   RSS COMMAND\n{stamp}    64 10776 python3 -m vllm\n"
        _, table = read(written(tmp_path, text))
        assert table.columns["COMMAND"].tolist() == ["python3 -m vllm"]
        assert table.columns["time"].tolist() == [stamp.strip("[]")]

    def test_under_a_header_of_the_user(self, tmp_path: Path) -> None:
        _, table = read(written(tmp_path, "TIME PID RSS\n12:00:00 64 10776\n12:00:01 64 10780\n"))
        assert table.columns["time"].tolist() == ["12:00:00", "12:00:01"]
        assert table.columns["RSS"].tolist() == ["10776", "10780"]

    def test_under_a_date_and_a_time(self, tmp_path: Path) -> None:
        _, table = read(written(tmp_path, "DATE TIME PID RSS\n2026-08-25 12:00:00 64 10776\n"))
        assert table.columns["time"].tolist() == ["2026-08-25 12:00:00"]

    def test_age_of_a_process(self, tmp_path: Path) -> None:
        text = "    ELAPSED   RSS\n   01:00:00 10776\n    ELAPSED   RSS\n 1-02:00:00 20776\n"
        _, table = read(written(tmp_path, text))
        assert table.time == "elapsed"


class TestUnits:
    """Units that the output does not name."""

    @pytest.mark.parametrize(
        ("total", "used", "unit"),
        [
            (24684092, 598284, "KiB"),
            (25276510208, 626561024, "B"),
            (24105, 589, "MiB"),
            (503, 17, "GiB"),
            (2015, 9, "MiB"),
        ],
    )
    def test_free(self, tmp_path: Path, total: int, used: int, unit: str) -> None:
        kind, table = read(written(tmp_path, f"        total  used  free\nMem:  {total}  {used}  0\nSwap:  0  0  0\n"))
        assert (kind, table.measures["Mem used"].written) == ("free", unit)
        assert [note.code for note in table.notes] == ([] if unit == "KiB" else ["unit_assumed"])

    def test_docker_counts_traffic_by_thousands(self) -> None:
        table = formats()["docker-stats"].read(SAMPLES / "docker_stats.txt")
        cells = table.columns["NET IN"].tolist()
        assert read_cells(cells, "NET IN").values[0] == 1200.0
        assert {"NET IN", "NET OUT", "BLOCK IN", "BLOCK OUT"} == table.counters == table.decimal_units
        assert "e3" not in "".join(map(str, cells))
        assert read_cells(["4.1kB", "8.2kB"], "BLOCK IN", decimal_units=True).values.tolist() == [4100.0, 8200.0]


class TestPrometheusText:
    def test_pages_without_types(self, tmp_path: Path) -> None:
        page = '{0}\nx_seconds_bucket{{le="1"}} {1}\nx_seconds_sum {1}\nx_seconds_count {1}\ny_total {1}\nz 5\n'
        path = written(tmp_path, "".join(page.format(1785585600 + 60 * i, 30 * i) for i in range(20)))
        reading = read_series(path, Choice())
        assert {one.column: one.counter for one in reading.series} == {
            **dict.fromkeys(("x_seconds_sum", "x_seconds_count", "y_total"), True),
            "z": False,
        }
        assert "buckets_left_out" in [note.code for note in reading.notes]

    """Scrapes of ``/metrics``."""

    def test_counters_by_type(self) -> None:
        table = formats()["prometheus-text"].read(SAMPLES / "prometheus_text.txt")
        assert 'vllm:request_success_total{finished_reason="stop"}' in table.counters
        assert "vllm:time_to_first_token_seconds_sum" in table.counters
        assert "vllm:kv_cache_usage_perc" not in table.counters
        assert [note.code for note in table.notes] == ["buckets_left_out"]

    def test_scrapes_without_times_or_types(self, tmp_path: Path) -> None:
        page = 'vllm:num_requests_running{{engine="0"}} {}\nvllm:num_requests_running{{engine="1"}} 3.0\n'
        _, table = read(written(tmp_path, "".join(page.format(number) for number in range(5))))
        assert table.time is None
        assert table.columns['vllm:num_requests_running{engine="0"}'].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_times_of_samples(self, tmp_path: Path) -> None:
        _, table = read(written(tmp_path, "# TYPE up gauge\nup 1 1787659200000\n# TYPE up gauge\nup 0 1787659260000\n"))
        assert [float(time) for time in table.columns["time"]] == [1787659200.0, 1787659260.0]

    def test_a_page_that_is_none(self, tmp_path: Path) -> None:
        path = written(tmp_path, '# TYPE up gauge\nup{job="a} 1\n')
        with pytest.raises(ValueError, match="line 1"):
            read(path)


class TestGeneral:
    """Outputs of no certain tool."""

    def test_numbers_below_dates(self, tmp_path: Path) -> None:
        kind, table = read(written(tmp_path, "Tue Aug 25 12:00:00 UTC 2026\n41\nTue Aug 25 12:01:00 UTC 2026\n42\n"))
        assert (kind, table.time, table.columns["1"].tolist()) == ("dated", "time", ["41", "42"])

    def test_a_table_below_dates(self, tmp_path: Path) -> None:
        block = "Tue Aug 25 12:0{0}:00 UTC 2026\nname   size\na   {0}\nb   7\n"
        kind, table = read(written(tmp_path, block.format(0) + block.format(1)))
        assert kind == "dated"
        assert table.columns["size"].tolist() == ["0", "7", "1", "7"]
        assert len(set(table.columns["time"])) == 2

    def test_blocks_of_names_and_values(self, tmp_path: Path) -> None:
        block = "process_id:2314\nuptime_in_seconds:{}\nused_memory_rss:{}\n\n"
        kind, table = read(written(tmp_path, block.format(60, 100) + block.format(120, 200)))
        assert (kind, table.columns["used_memory_rss"].tolist()) == ("blocks", ["100", "200"])

    def test_proc_io_below_dates_counts(self, tmp_path: Path) -> None:
        block = "Tue Aug 25 12:0{0}:00 UTC 2026\nrchar: {0}00\nwchar: 7\nsyscr: {0}\nread_bytes: 8192\n"
        kind, table = read(written(tmp_path, "".join(map(block.format, range(3)))))
        assert (kind, table.columns["rchar"].tolist()) == ("blocks", ["000", "100", "200"])
        assert table.counters == {"rchar", "wchar", "syscr", "read_bytes"}

    def test_rows_without_a_value_are_no_dates(self, tmp_path: Path) -> None:
        rows = [f"2026-08-14T22:{10 + i}:00Z\t{'-' if i % 4 == 3 else f'{i}.5 GB'}" for i in range(20)]
        kind, table = read(written(tmp_path, "\n".join(["ts\tresident", *rows])))
        assert (kind, list(table.columns)) == ("delimited", ["ts", "resident"])

    def test_the_time_of_uptime(self, tmp_path: Path) -> None:
        block = " 1{}:28:15 up  0:10,  1 user,  load average: 0,28, 0,40, 0,27\nSlab:    180643 kB\n"
        kind, table = read(written(tmp_path, block.format(1) + block.format(2)))
        assert (kind, table.columns["time"].tolist()) == ("meminfo", ["11:28:15", "12:28:15"])


def test_what_watch_draws_is_refused_with_a_loop() -> None:
    with pytest.raises(MistakesError, match="while sleep 60"):
        read_series(SAMPLES / "watch.txt", Choice())


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    text = "NAME   CPU(cores)   MEMORY(bytes)\na   1m   20Mi\nerror: metrics not available yet\na   1m   21Mi\n"
    _, table = read(written(tmp_path, text))
    assert table.columns["MEMORY(bytes)"].tolist() == ["20Mi", "21Mi"]
    assert [(note.code, "line 3" in note) for note in table.notes] == [("lines_left_out", True)]


def test_a_table_that_only_looks_like_a_tool_s_is_read_as_any_other(tmp_path: Path) -> None:
    header = "time PID RSS %MEM x\n"
    reading = read_series(
        written(tmp_path, header + "".join(f"{n} p{n % 2} {n + 5} 1 2\n" for n in range(20))), Choice()
    )
    assert reading.format == "delimited"


def test_a_semicolon_goes_with_a_decimal_comma(tmp_path: Path) -> None:
    rows = "".join(f"2026-08-25 12:{number:02}:00;18,{100 + number}\n" for number in range(20))
    path = written(tmp_path, 'Time;"{pod=""a""}"\n' + rows)
    reading = read_series(path, Choice())
    assert (reading.format, reading.series[0].y[-1]) == ("grafana", 18.119)


def test_a_header_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows"):
        read(written(tmp_path, "  PID   RSS COMMAND\n"))


def test_restart_of_the_host_is_shown(tmp_path: Path) -> None:
    head = "    kbmemfree kbmemused  %memused"
    rows = [f"10:{minute:02}:01 AM {9000 - minute:8} {1000 + minute:8} 10.00" for minute in range(40)]
    rows[20:20] = ["", "10:19:31 AM  LINUX RESTART\t(4 CPU)", "", f"10:19:31 AM{head}"]
    banner = "Linux 6.1.0 (gpu01) \t08/03/2026 \t_x86_64_\t(4 CPU)"
    path = tmp_path / "sar.txt"
    path.write_text("\n".join([banner, "", f"09:59:01 AM{head}", *rows]) + "\n")
    series = read_series(path, Choice()).series
    assert {one.column for one in series} == {"kbmemfree", "kbmemused", "%memused"}
    assert {one.restarts for one in series} == {(1200.0,)}


def test_pidstat_in_rows_of_the_epoch_behind_a_blank(tmp_path: Path) -> None:
    header = "#      Time   UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command\n"
    path = tmp_path / "stat.txt"
    rows = (
        f" {1742300000 + 60 * k}     0      1203      0.00      0.00 4120044  {400000 + k}   2.47  python\n" for k in R
    )
    path.write_text("Linux 6.1.0 (gw) \t03/18/25 \t_x86_64_\t(8 CPU)\n\n" + "".join(f"{header}{row}\n" for row in rows))
    (rss,) = read_series(path, Choice(columns=("RSS",))).series
    assert rss.t.tolist() == [60.0 * k for k in R]
    assert rss.y.tolist() == [1024.0 * (400000 + k) for k in R]
