"""Real campaigns whose runs are repeated, settle, or are tried first."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aging import open_results
from aging.store.results import Results
from tests.conftest import Aging, result_directory, unused_port, wait_for

Write = Callable[..., Path]

FAILS_ONCE = """
import os, pathlib, runpy, sys, threading
mark = pathlib.Path(sys.argv.pop(1))
if not mark.exists():
    mark.touch()
    threading.Timer(2.0, os._exit, [7]).start()
runpy.run_module("aging.reference", run_name="__main__")
"""

NEVER_READY = "import sys; sys.exit('no luck')"

CUTS_STREAMS = """
import asyncio, sys
port, count = int(sys.argv[sys.argv.index("--port") + 1]), 0
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\nconnection: close\\r\\n\\r\\n"
CHUNK = b'data: {"choices": [{"text": "a"}]}\\n\\n'
async def serve(reader, writer):
    global count
    try:
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = next(int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        count += 1
        end = b"data: [DONE]\\n\\n" if count == 1 else b""
        writer.write(HEAD + 2 * CHUNK + end)
        await writer.drain()
    finally:
        writer.close()
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", port)).serve_forever()
asyncio.run(main())
"""
"""It answers the probe, and then cuts every stream before its end."""


def opened(tmp_path: Path) -> Results:
    return open_results(result_directory(tmp_path / "results"))


def journalled(tmp_path: Path, kind: str) -> bool:
    return any(kind in path.read_text() for path in (tmp_path / "results").glob("*/*/journal.jsonl"))


def with_server(file: Path, folder: Path, script: str, name: str = "flaky") -> Path:
    """The small campaign with a further deployment: the server that ``script`` is."""
    program = folder / f"{name}.py"
    program.write_text(script)
    port = unused_port()
    command = [sys.executable, str(program), str(folder / f"{name}.mark"), "--port", str(port)]
    with file.open("a") as text:
        text.write(f'[[deployment]]\nname = "{name}"\nkind = "command"\nport = {port}\n')
        text.write(f"command = {json.dumps(command)}\n")
    return file


def smoke_failures(results: Results) -> dict[str, dict[str, str]]:
    """What failed each deployment; a client that was late is left out: that is this host's doing."""
    told = json.loads(results.layout.smoke.read_text())["smoke"]
    return {
        one["deployment"]: {
            check["name"]: check["message"]
            for check in one["checks"]
            if check["status"] == "fail" and check["name"] != "client"
        }
        for one in told
    }


def test_a_run_that_ended_broken_is_repeated_in_folders_of_its_own(
    tmp_path: Path, campaign_file: Write, aging: Aging
) -> None:
    file = with_server(campaign_file(duration="4s", warmup="500ms"), tmp_path, FAILS_ONCE)
    file.write_text(
        file.read_text().replace("seed = 7", "seed = 7\nretries = 2").replace("[validity]", "[validity]\nleast = 0.8")
    )
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = opened(tmp_path)
    (repeated,) = (event for event in results.events if event.kind == "run_repeated")
    assert (repeated.deployment, repeated.details["replica"], repeated.details["attempt"]) == ("flaky", 1, 2)
    assert "exit 7" in "; ".join(repeated.details["reasons"])
    assert {path.name for path in (results.layout.root / "flaky").iterdir()} == {"r01", "r01-2"}
    assert {path.name for path in (results.layout.root / "clean").iterdir()} == {"r01"}, "sound runs are not repeated"
    findings = json.loads(results.layout.findings.read_text())
    runs = {run["deployment"]: (run["attempt"], run["validity"]) for run in findings["runs"]}
    assert runs == {"clean": (1, "complete"), "leak": (1, "complete"), "flaky": (2, "complete")}
    kinds = {problem["kind"] for problem in findings["problems"] if problem["deployment"] == "flaky"}
    assert "repeated" in kinds
    assert "died" not in kinds, "what is left out is told once, as repeated"
    assert "attempt 1 was broken and is left out" in ran.stdout
    # Both attempts had the identical load; the second is whole.
    assert len(results.requests("flaky")) == len(results.requests("clean"))
    assert results.samples("flaky", "process")["mono"].min() > repeated.stamp.mono
    assert (aging("status", results.layout.root)).returncode == 0


@pytest.mark.slow
def test_what_stays_broken_is_repeated_only_so_often_and_the_gate_is_undecided(
    tmp_path: Path, campaign_file: Write, aging: Aging
) -> None:
    file = with_server(campaign_file(duration="1s", warmup="0s"), tmp_path, NEVER_READY)
    file.write_text(file.read_text().replace("seed = 7", "seed = 7\nretries = 2"))
    asked = ("--fail", "process_anon_swap_bytes:per_request > 256", "--deployment", "flaky")
    ran = aging("check", file, *asked)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    results = opened(tmp_path)
    assert [event.details["attempt"] for event in results.events if event.kind == "run_repeated"] == [2, 3]
    (run,) = (one for one in json.loads(results.layout.findings.read_text())["runs"] if one["deployment"] == "flaky")
    assert (run["attempt"], run["validity"]) == (3, "broken")
    assert "it never was ready" in run["reasons"][0]


@pytest.mark.slow
def test_the_next_run_of_a_slot_waits_until_its_port_is_free_again(
    tmp_path: Path, campaign_file: Write, start_aging: Callable[..., subprocess.Popen[str]]
) -> None:
    file = campaign_file(duration="2s", warmup="0s")
    text = file.read_text().replace('kind = "reference"', 'kind = "reference"\nslot = "one"')
    file.write_text(text.replace('settle = "2s"', 'settle = "20s"'))
    port = int(text.split("port = ")[2].split()[0])
    runner = start_aging("run", file)
    wait_for(lambda: journalled(tmp_path, "load_started"), "no load")
    with socket.create_server(("127.0.0.1", port)):
        wait_for(lambda: journalled(tmp_path, "load_ended"), "no end of the first run")
        time.sleep(1.5)
    output, _ = runner.communicate(timeout=60)
    assert runner.returncode == 0, output
    results = opened(tmp_path)
    (settled,) = (event for event in results.events if event.kind == "settled")
    assert settled.details["seconds"] > 0.9
    starts = [event.stamp.mono for event in results.events if event.kind == "load_started"]
    assert starts[0] < settled.stamp.mono < starts[1]
    (baseline,) = (event for event in results.events if event.kind == "baseline")
    assert baseline.stamp.mono < starts[0]
    assert baseline.details["memory_bytes"] > 0


@pytest.mark.slow
def test_a_host_that_does_not_settle_is_told_and_the_campaign_goes_on(
    tmp_path: Path, campaign_file: Write, start_aging: Callable[..., subprocess.Popen[str]]
) -> None:
    file = campaign_file(duration="2s", warmup="0s")
    text = file.read_text().replace('kind = "reference"', 'kind = "reference"\nslot = "one"')
    file.write_text(text.replace('settle = "2s"', 'settle = "500ms"'))
    port = int(text.split("port = ")[2].split()[0])
    runner = start_aging("run", file)
    wait_for(lambda: any((tmp_path / "results").glob("*/*/clean/r01/requests/*")), "no load")
    with socket.create_server(("127.0.0.1", port)):
        wait_for(lambda: journalled(tmp_path, "not_settled"), "it waits for ever")
    output, _ = runner.communicate(timeout=60)
    assert runner.returncode == 0, output
    results = opened(tmp_path)
    (told,) = (event for event in results.events if event.kind == "not_settled")
    assert f"port {port} is in use" in told.details["why"]
    problems = json.loads(results.layout.findings.read_text())["problems"]
    assert "settling" in {problem["kind"] for problem in problems}


@pytest.mark.slow
def test_a_smoke_run_tries_every_deployment_and_is_no_result(
    tmp_path: Path, campaign_file: Write, aging: Aging
) -> None:
    file = campaign_file(duration="10h", warmup="1h")
    ran = aging("run", file, "--smoke", "5s")
    assert ran.returncode in (0, 3), ran.stdout + ran.stderr
    assert " cores " in ran.stdout, "the host is looked at first"
    root = result_directory(tmp_path / "results")
    assert root.parent.name == "small.smoke"
    results = open_results(root)
    assert results.manifest["smoke"] is True
    assert results.manifest["campaign"]["duration_seconds"] == 5.0
    assert not results.layout.findings.exists()
    assert not results.layout.report.exists()
    assert smoke_failures(results) == {"clean": {}, "leak": {}}
    told = json.loads(results.layout.smoke.read_text())["smoke"]
    assert (ran.returncode == 0) == all(one["passed"] for one in told)
    assert "what it found is no result" in aging("analyze", root).stdout


def test_a_smoke_run_tells_of_each_deployment_what_is_wrong_with_it_and_exits_3(
    tmp_path: Path, campaign_file: Write, aging: Aging
) -> None:
    file = campaign_file()
    for name, script in {"never": NEVER_READY, "dies": FAILS_ONCE, "cuts": CUTS_STREAMS}.items():
        with_server(file, tmp_path, script, name)
    ran = aging("run", file, "--smoke", "5s")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    results = opened(tmp_path)
    assert results.layout.root.parent.name == "small.smoke"
    assert not results.layout.findings.exists()
    refused = aging("resume", results.layout.root)
    assert refused.returncode == 2
    assert "was a smoke run, which is no campaign" in refused.stderr
    failures = smoke_failures(results)
    assert failures["clean"] == failures["leak"] == {}
    assert "it never was ready" in failures["never"]["ready"]
    assert "it ended after" in failures["dies"]["ready"]
    assert "requests failed" in failures["cuts"]["errors"]
    for name in ("never", "dies", "cuts"):
        assert f"FAILED {name}" in ran.stdout


@pytest.mark.slow
def test_a_campaign_that_asks_for_sanity_starts_only_if_every_deployment_is_sane(
    tmp_path: Path, campaign_file: Write, aging: Aging
) -> None:
    file = with_server(campaign_file(duration="2h"), tmp_path, NEVER_READY, "never")
    file.write_text(file.read_text().replace("seed = 7", 'seed = 7\nsanity = "5s"'))
    ran = aging("run", file)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "the sanity run was not passed, so the campaign was not started" in ran.stderr
    assert "never: it never was ready" in ran.stderr
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["small.smoke"]


def test_a_smoke_run_has_its_own_length(campaign_file: Write, aging: Aging) -> None:
    both = aging("run", campaign_file(), "--smoke", "10s", "--duration", "5s")
    assert both.returncode == 2
    assert "a smoke run has its own length" in both.stderr
    detached = aging("run", campaign_file(), "--smoke", "10s", "--detach")
    assert detached.returncode == 2
    assert "a smoke run is short" in detached.stderr
    assert "too short to see anything" in aging("run", campaign_file(), "--smoke", "1s").stderr
