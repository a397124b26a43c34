"""Wrong input through the command line: one message, exit 2, nothing started, nothing written."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Aging

Write = Callable[..., Path]


def refused(ran: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    for part in parts:
        assert part in ran.stderr, ran.stderr


def test_all_mistakes_in_one_message(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    file = campaign_file(duration="6 s", warmup="9s")
    text = file.read_text().replace("streaming", "x").replace("rate = 30.0", "rate = -1").replace("drain", "dran")
    file.write_text(text.replace('"16KiB"', '"16"'))
    refused(
        cli("run", file),
        "small.toml: 4 mistakes",
        "load.arrivals.rate: must be above 0, got -1",
        "load.dran: unknown key; did you mean 'drain'?",
        "deployment[leak].leak_per_request: '16' is not a size",
        "warmup: 9 s is not shorter than the duration of 6 s",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


def test_port_in_use(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    file = campaign_file()
    port = int(file.read_text().split("port = ")[1].split()[0])
    with socket.create_server(("127.0.0.1", port)):
        refused(cli("run", file), f"deployment[clean].port: port {port} is in use on 127.0.0.1")
    assert not (tmp_path / "results").exists()


def test_missing_runtime_model_and_command(
    campaign_file: Write, cli: Aging, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path / "none"))
    file = campaign_file()
    with file.open("a") as text:
        text.write(f'[[deployment]]\nname = "llama"\nkind = "llama-cpp"\nport = {free_port()}\n')
        text.write(
            f'[[deployment]]\nname = "cmd"\nkind = "command"\nport = {free_port()}\ncommand = ["no-such-server"]\n'
        )
    refused(
        cli("run", file),
        "3 mistakes",
        "deployment[llama].kind: the llama-cpp runtime is not installed; run: aging env create llama-cpp",
        "model: missing, and llama (llama-cpp) needs it; add a [model] table",
        "deployment[cmd].command: the command 'no-such-server' is not found",
    )


def test_model_path_missing(campaign_file: Write, cli: Aging) -> None:
    file = campaign_file()
    file.write_text(file.read_text().replace("[load]", '[model]\npath = "nowhere.gguf"\n[load]'))
    refused(cli("run", file), "model.path: 'nowhere.gguf'")


def test_results_path_is_a_file(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(cli("run", campaign_file(), "--results", tmp_path / "file"), "is not a directory")
    refused(cli("run", campaign_file(), "--results", tmp_path / "file" / "below"), "is not a directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_disk_full(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", full], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("this sandbox does not let us mount")
    try:
        refused(cli("run", campaign_file(), "--results", full), "MiB are free")
    finally:
        subprocess.run(["umount", full], check=True)


@pytest.mark.parametrize("verb", ["status", "analyze", "report"])
def test_not_a_result_directory(verb: str, cli: Aging, tmp_path: Path) -> None:
    refused(cli(verb, tmp_path / "none"), "does not exist")
    refused(cli(verb, tmp_path), "is not a result directory (it has no journal.jsonl)")
    inner = tmp_path / "small" / "20260101T000000Z"
    inner.mkdir(parents=True)
    (inner / "journal.jsonl").touch()
    refused(cli(verb, tmp_path), f"the latest below it is {inner}")
    refused(cli(verb, inner), "manifest.json: cannot be read")
    (inner / "manifest.json").write_text("{")
    refused(cli(verb, inner), "manifest.json: is not JSON")
    (inner / "manifest.json").write_text('{"schema": 99}')
    refused(cli(verb, inner), "format version 99 is unknown")
    (inner / "manifest.json").write_text('{"schema": 1, "seed": 1}')
    refused(cli(verb, inner), "has no campaign, deployments, schedule_hashes")


def test_validate_several_files(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    good = campaign_file()
    bad = tmp_path / "bad.toml"
    bad.write_text("name = 3")
    ran = cli("validate", good, bad, tmp_path / "none.toml")
    refused(ran, "bad.toml:", "none.toml: 1 mistake\n  cannot be read: No such file")
    assert "small.toml: valid: 2 deployments, 2 runs, 6s of load" in ran.stdout
    assert cli("validate", good).returncode == 0


def test_model(tmp_path: Path, cli: Aging) -> None:
    ran = cli("model", "tiny", "--out", tmp_path / "tiny.gguf")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "tiny.gguf").read_bytes()[:4] == b"GGUF"
    refused(cli("model", "huge"), "unknown preset 'huge'; known: tiny, tiny-long, small")
    refused(cli("model", "tiny", "--out", "/proc/none/tiny.gguf"), "cannot be written")


def test_env(cli: Aging) -> None:
    assert "llama-cpp" in cli("env", "list").stdout
    refused(cli("env", "create", "no-such"), "unknown environment 'no-such'; known: llama-cpp")


def test_doctor(cli: Aging, campaign_file: Write) -> None:
    ran = cli("doctor", campaign_file())
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("cores", "memory", "swap", "cgroup", "ulimit", "disk", "clock", "device sampler", "llama-cpp runtime"):
        assert f" {name} " in ran.stdout, name
    assert "could start now" in ran.stdout


def test_process_exit_code(aging: Aging, tmp_path: Path) -> None:
    refused(aging("status", tmp_path), "is not a result directory")


@pytest.mark.parametrize("arguments", [[], ["no-such-verb"], ["run"], ["check", "x.toml", "--fial", "x"]])
def test_usage_error(arguments: list[str], cli: Aging) -> None:
    ran = cli(*arguments)
    assert ran.returncode == 2
    assert "usage: aging" in ran.stderr


def test_help(cli: Aging) -> None:
    overview = cli("--help").stdout
    for verb in ("run", "check", "validate", "doctor", "status", "analyze", "report", "model", "env"):
        assert f"    {verb} " in overview
        assert cli(verb, "--help").returncode == 0
    assert "exit codes: 0 done" in overview
