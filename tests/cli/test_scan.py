"""``aging scan`` against a stand-in server: who ages, restarts, limits, failing queries, and taking up again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.cli.main import main
from aging.core.errors import StorageError
from tests.prometheus_standin import Labels, StandIn, Value, serving

STEP, HOURS = 300.0, 48.0
MIB = 2.0**20


def noisy(level: Callable[[float], float], spread: float, seed: int) -> Value:
    """``level`` of the hours since an hour that lies before the window, with noise that depends on the time alone."""
    noise = np.random.default_rng(seed).normal(0, spread, 4096)

    def value(at: float) -> float:
        return float(np.round(level((at - BEGAN) / 3600) + noise[int(at / STEP) % noise.size]))

    return value


BEGAN = time.time() - 3 * 86_400
LEAK = noisy(lambda hours: 900 * MIB + 2 * MIB * hours, 2e5, 1)
FLAT = noisy(lambda _: 900 * MIB, 2e5, 2)


def process(instance: str, memory: Value, **metrics: Value) -> Iterator[tuple[Labels, Value]]:
    labels = {"job": "llm", "instance": instance}
    for name, value in {
        "process_resident_memory_bytes": memory,
        "process_start_time_seconds": lambda _: BEGAN,
        **metrics,
    }.items():
        yield {"__name__": name, **labels}, value


def scan(capsys: pytest.CaptureFixture[str], one: StandIn, *options: str | Path) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    asked = ["--prometheus", one.url, "--range", f"{HOURS:g}h", "--step", "5m", "--json"]
    code = main(["scan", *asked, *map(str, options)])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {"error": said.err}


def by_subject(answer: dict[str, Any], metric: str = "process_resident_memory_bytes") -> dict[str, dict[str, Any]]:
    return {one["subject"]: one for one in answer["findings"] if one["metric"] == metric}


def test_names_who_ages_at_which_rate_until_when(capsys: pytest.CaptureFixture[str]) -> None:
    fds = noisy(lambda hours: 100 + 3 * hours, 1, 3)
    series = [
        *process("leaky:1", LEAK),
        *process("flat:1", FLAT, process_open_fds=fds, process_max_fds=lambda _: 1024.0),
    ]
    with serving(StandIn(series)) as one:
        code, answer = scan(capsys, one)
    assert code == 1
    memory = by_subject(answer)
    verdicts = {name: found["verdict"] for name, found in memory.items()}
    assert verdicts == {"llm leaky:1": "aging", "llm flat:1": "stable"}
    assert memory["llm leaky:1"]["rate_per_hour"] == pytest.approx(2 * MIB, rel=0.05)
    descriptors = by_subject(answer, "process_open_fds")["llm flat:1"]
    assert descriptors["verdict"] == "aging"
    assert (descriptors["limit"], descriptors["limit_name"]) == (1024, "process_max_fds")
    outlook, hours = descriptors["outlook"], (1024 - 100 - 3 * 72) / 3
    assert outlook["earliest_hours"] < hours < outlook["latest_hours"]
    assert outlook["limit_name"] == "process_max_fds"
    assert answer["aging"] == 2
    assert answer["findings"][0]["q"] <= answer["fdr"]


def test_none_ages(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn(list(process("flat:1", FLAT)))) as one:
        code, answer = scan(capsys, one)
    assert (code, answer["aging"], answer["series"]) == (0, 0, 1)


def test_nothing_known_there(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn([({"__name__": "up", "job": "a"}, lambda _: 1.0)])) as one:
        code, answer = scan(capsys, one)
    assert (code, answer["series"]) == (3, 0)


def young(seconds: float) -> Value:
    """A leak of a process that has run for so long; the noise changes every second."""
    began, noise = time.time() - seconds, np.random.default_rng(8).normal(0, 2e5, 4096)

    def value(at: float) -> float | None:
        return None if at < began else float(np.round(100 * MIB + 2e6 * (at - began) + noise[int(at) % noise.size]))

    return value


def youth(seconds: float) -> Iterator[tuple[Labels, Value]]:
    began = time.time() - seconds
    return process("young:1", young(seconds), process_start_time_seconds=lambda _: began)


def defaults(capsys: pytest.CaptureFixture[str], one: StandIn, *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["scan", "--prometheus", one.url, "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_minutes_of_data_are_asked_for_densely(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn(list(youth(270)), every=1.0)) as one:
        code, answer = defaults(capsys, one)
        assert main(["scan", "--prometheus", one.url]) == 1
    assert (code, answer["step_seconds"], answer["asked_seconds"]) == (1, 1.0, 14 * 86_400)
    (found,) = answer["findings"]
    assert found["samples"] == pytest.approx(270, abs=5)
    assert found["rate_per_hour"] == pytest.approx(2e6 * 3600, rel=0.02)
    assert "of 14 days" in capsys.readouterr().out


def test_step_is_no_finer_than_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn(list(youth(270)), every=30.0)) as one:
        code, answer = defaults(capsys, one)
        assert main(["scan", "--prometheus", one.url]) == 3
    assert (code, answer["step_seconds"]) == (3, 30.0)
    assert "12 are needed" in capsys.readouterr().out


def test_enough_data_are_asked_for_once(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn(list(process("old:1", LEAK)))) as one:
        _, answer = defaults(capsys, one, "--range", "48h")
    assert answer["asked_seconds"] is None


def test_one_subject_has_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    def of(instance: str, service: str) -> list[tuple[Labels, Value]]:
        labels = {"job": "demo", "service": service}
        return [({**known, **labels}, value) for known, value in process(instance, FLAT)]

    latency = [
        (
            {"__name__": f"vllm:time_to_first_token_seconds_{end}", "job": "demo", "instance": "a:1", "service": "x"},
            lambda at: at - BEGAN,
        )
        for end in ("sum", "count")
    ]
    with serving(StandIn([*of("a:1", "x"), *of("b:1", "y"), *latency])) as one:
        names = {found["subject"] for found in scan(capsys, one)[1]["findings"]}
        alone = {found["subject"] for found in scan(capsys, one, "--match", '{instance="a:1"}')[1]["findings"]}
    assert names == {"demo a:1 service=x", "demo b:1 service=y"}
    assert alone == {"demo a:1 service=x"}


def test_selector_without_series(capsys: pytest.CaptureFixture[str]) -> None:
    up = {"__name__": "up", "job": "demo", "instance": "a:1", "service": "fds"}
    with serving(StandIn([*process("a:1", FLAT), (up, lambda _: 1.0)])) as one:
        code, answer = scan(capsys, one, "--match", '{job="gone"}', "--match", "fds")
        assert code == 2
        assert """'{job="gone"}'""" in answer["error"]
        assert '{job="demo"}' in answer["error"]
        assert """'{service="fds"}'""" in answer["error"]
        code, answer = scan(capsys, one, "--match", '{job="gone"}', "--match", '{job="llm"}')
        assert code == 0
        assert [failed["metric"] for failed in answer["failures"]] == ['{job="gone"}']


def test_page_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving(StandIn(list(process("a:1", FLAT)))) as one:
        code, answer = scan(capsys, one, "--html", tmp_path / "gone" / "x.html")
        assert (code, one.asked) == (2, [])
        assert "--html" in answer["error"]
        assert scan(capsys, one, "--html", tmp_path)[0] == 2


def test_result_is_printed_before_it_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("aging.report.html.fleet_page.write_page", full)
    with serving(StandIn(list(process("a:1", LEAK)))) as one:
        code, answer = scan(capsys, one, "--html", tmp_path / "x.html")
    assert code not in (0, 1)
    assert answer["aging"] == 1


def test_piped_lines_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    instance = "a-name-that-is-long" * 12
    with serving(StandIn(list(process(instance, LEAK)))) as one:
        main(["scan", "--prometheus", one.url, "--range", "48h", "--step", "5m"])
    lines = capsys.readouterr().out.splitlines()
    assert f"llm {instance}" in lines
    assert all(line == line.rstrip() for line in lines)


def test_restarts_of_a_deployment_are_one_subject(capsys: pytest.CaptureFixture[str]) -> None:
    """Three pods after each other, each leaking from 1 GiB on; no process_start_time."""

    def pod(number: int) -> tuple[Labels, Value]:
        begins, ends = BEGAN + 86_400 * number, BEGAN + 86_400 * (number + 1)
        name = f"vllm-7d9c5b8f6d-{'bcdfg'[number] * 5}"

        def value(at: float) -> float | None:
            return 1024 * MIB + 20 * MIB * (at - begins) / 3600 + 4096 * (at % 7) if begins <= at < ends else None

        return {"__name__": "container_memory_rss", "namespace": "llm", "pod": name, "container": "server"}, value

    limit = {
        "__name__": "kube_pod_container_resource_limits",
        "resource": "memory",
        "namespace": "llm",
        "pod": "vllm-7d9c5b8f6d-ddddd",
        "container": "server",
        "job": "ksm",
    }
    with serving(StandIn([*(pod(k) for k in range(4)), (limit, lambda _: 4096 * MIB)])) as one:
        code, answer = scan(capsys, one)
    (found,) = answer["findings"]
    assert (code, found["subject"], found["verdict"]) == (1, "llm/vllm/server", "aging")
    assert len(found["restarts"]) == 2
    assert found["restart_every_hours"] == pytest.approx(24, abs=0.2)
    assert found["rate_per_hour"] == pytest.approx(20 * MIB, rel=0.05)


def test_latency_is_a_mean(capsys: pytest.CaptureFixture[str]) -> None:
    def count(at: float) -> float:
        return 10 * (at - BEGAN)

    def total(at: float) -> float:
        hours = (at - BEGAN) / 3600
        return 10 * 3600 * (0.2 * hours + 0.01 * hours**2 / 2)

    labels = {"job": "llm", "instance": "a:1", "model_name": "m"}
    series = [
        ({"__name__": "vllm:time_to_first_token_seconds_sum", **labels}, total),
        ({"__name__": "vllm:time_to_first_token_seconds_count", **labels}, count),
    ]
    with serving(StandIn(series)) as one:
        code, answer = scan(capsys, one)
    (found,) = answer["findings"]
    assert (code, found["verdict"], found["unit"]) == (1, "aging", "s")
    assert found["rate_per_hour"] == pytest.approx(0.01, rel=0.05)


def test_what_is_free_ages_downwards(capsys: pytest.CaptureFixture[str]) -> None:
    free = noisy(lambda hours: 64_000 * MIB - 100 * MIB * hours, 1e6, 4)
    with serving(StandIn([({"__name__": "node_memory_MemAvailable_bytes", "instance": "h:9100"}, free)])) as one:
        code, answer = scan(capsys, one)
    (found,) = answer["findings"]
    assert (code, found["verdict"], found["worse"], found["limit"]) == (1, "aging", "down", 0)
    assert found["rate_per_hour"] == pytest.approx(-100 * MIB, rel=0.05)


def test_match_and_catalogue(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[metric]]\nmetric = "pool_used"\nresource = "objects"\n', encoding="utf-8")
    series = [
        *process("a:1", FLAT, pool_used=noisy(lambda hours: 50 + hours, 1, 5)),
        *process("b:1", FLAT, pool_used=noisy(lambda hours: 50 + hours, 1, 6)),
    ]
    with serving(StandIn(series)) as one:
        code, answer = scan(capsys, one, "--match", '{instance="a:1"}', "--catalogue", own)
    assert code == 1
    assert {(found["subject"], found["metric"]) for found in answer["findings"]} == {
        ("llm a:1", "process_resident_memory_bytes"),
        ("llm a:1", "pool_used"),
    }


def test_failing_query_costs_its_series(capsys: pytest.CaptureFixture[str]) -> None:
    series = [*process("a:1", FLAT), *process("b:1", LEAK), *process("c:1", FLAT)]
    with serving(StandIn(series, failing="c:1")) as one:
        code, answer = scan(capsys, one)
    assert code == 1
    assert set(by_subject(answer)) == {"llm a:1", "llm b:1"}
    assert [(one["metric"], one["series"]) for one in answer["failures"]] == [
        ("process_start_time_seconds", 1),
        ("process_resident_memory_bytes", 1),
    ]


def test_queries_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    series = [line for k in range(30) for line in process(f"h:{k}", FLAT)]
    points = int(HOURS * 3600 / STEP)
    with serving(StandIn(series, most_samples=10 * (points + 1))) as one:
        code, answer = scan(capsys, one)
    assert (code, answer["series"], answer["failures"]) == (0, 30, [])


def test_wrong_token_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StandIn(list(process("a:1", FLAT)), token="x")) as one:
        code, answer = scan(capsys, one)
    assert code == 2
    assert "--http-config" in answer["error"]


def test_interrupted_scan_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    series = [*process("a:1", FLAT), *process("b:1", LEAK, process_open_fds=noisy(lambda _: 50, 1, 7))]
    with serving(StandIn(series)) as one:
        code, _ = scan(capsys, one, "--results", folder)
        assert code == 1
        first = len(one.queries())
        assert not (folder / "answers").exists()
        assert json.loads((folder / "findings.json").read_text())["aging"] == 1

        one.failing, one.failure = "process_resident", (401, "unauthorized", "")
        assert scan(capsys, one, "--results", folder)[0] == 2
        kept = len(list((folder / "answers").glob("*.npz")))
        assert kept > 0
        one.failing = ""
        one.asked.clear()
        assert scan(capsys, one, "--results", folder)[0] == 1
        assert len(one.queries()) == first - kept


def test_page_is_offline(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "scan.html"
    with serving(StandIn([*process("<a>:1", LEAK), *process("b:1", FLAT)])) as one:
        code, _ = scan(capsys, one, "--html", page)
    assert code == 1
    text = page.read_text(encoding="utf-8")
    assert "&lt;a&gt;:1" in text
    assert "<a>:1" not in text
    assert text.count("<polyline") == 2
    assert "src=" not in text
    assert "http://" not in text.replace(one.url, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--match", "rate(x[5m])"], "--match"),
        (["--range", "4m", "--step", "10m"], "--step"),
        (["--catalogue", "gone.toml"], "gone.toml"),
        (["--http-config", "gone.yml"], "gone.yml"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], options: list[str], words: str) -> None:
    assert main(["scan", "--prometheus", "http://127.0.0.1:1", *options]) == 2
    assert words in capsys.readouterr().err


def test_address_without_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scan", "--prometheus", "127.0.0.1:9090"])
    assert "http://127.0.0.1:9090" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus: apt-get install prometheus")
def test_real_prometheus_of_itself(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """It scrapes itself and an exporter that leaks descriptors, once a second."""
    server, exporter = free_port(), free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: demo\n    static_configs:\n"
        f'      - targets: ["127.0.0.1:{server}", "127.0.0.1:{exporter}"]\n',
        encoding="utf-8",
    )
    leaks = (
        "import os, sys, time\nfrom prometheus_client import start_http_server\n"
        "start_http_server(int(sys.argv[1]), addr='127.0.0.1')\nheld = []\n"
        "while True:\n    held.append(os.open(os.devnull, os.O_RDONLY))\n    time.sleep(1)\n"
    )
    commands = [
        [sys.executable, "-c", leaks, str(exporter)],
        [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{server}",
        ],
    ]
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for one in commands]
    try:
        time.sleep(90)
        url = f"http://127.0.0.1:{server}"
        code = main(["scan", "--prometheus", url, "--range", "80s", "--step", "1s", "--json"])
        answer = json.loads(capsys.readouterr().out)
    finally:
        for one in running:
            one.terminate()
            one.wait()
    assert code == 1
    found = by_subject(answer, "process_open_fds")[f"demo 127.0.0.1:{exporter}"]
    assert found["verdict"] == "aging"
    assert found["rate_per_hour"] == pytest.approx(3600, rel=0.1)
    assert found["limit_name"] == "process_max_fds"
