"""Preflight of a resume: only what it would start is checked; relative paths start at the first runner's folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from aging.app.prepare import make_result_directory
from aging.app.resume import resume_campaign
from aging.campaign.load import parse_campaign
from aging.campaign.plan import rounds
from aging.core.clock import boot_id
from aging.core.errors import PreflightError
from aging.core.ports import port_taken
from aging.core.processes.ownership import MARKER, identity, mark
from aging.deployments.runtimes.command import Command
from aging.load.schedule.input_files import found_from, read_inputs
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest
from aging.runner.preflight import resolve_deployments, resolve_model
from aging.runner.takeover import left_processes, to_start
from aging.store.events import DeploymentStarted
from aging.store.journal import Journal, read_journal
from aging.store.layout import Layout
from aging.store.state import fold
from tests.builders import event
from tests.conftest import unused_port, wait_for

HEAD = """
schema = 1
name = "again"
seed = 1
duration = "1h"
load.arrivals = { kind = "constant", rate = 1.0 }
load.prompt_tokens = { kind = "fixed", tokens = 4 }
load.output_tokens = { kind = "fixed", tokens = 2 }
"""


def table(name: str, kind: str, **keys: Any) -> str:
    lines = [f'name = "{name}"', f'kind = "{kind}"', *(f"{key} = {value}" for key, value in keys.items())]
    return "\n".join(("[[deployment]]", *lines, ""))


def left(folder: Path, text: str, base: Path) -> Layout:
    """The directory of a campaign that was started in ``base``, and whose runner was killed before any server."""
    campaign = parse_campaign(text, Catalogue.discovered().kinds())
    layout = make_result_directory(campaign, manifest(campaign, (), ()), text, folder)
    journal = Journal(layout.journal)
    journal.record(event("campaign_started", name="again", pid=1, boot=boot_id(), folder=str(base)))
    journal.close()
    return layout


def contents(root: Path) -> Mapping[Path, bytes]:
    return {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}


def refusal(layout: Layout) -> str:
    before, here = contents(layout.root), Path.cwd()
    with pytest.raises(PreflightError) as caught:
        resume_campaign(layout.root, Console(quiet=True))
    assert contents(layout.root) == before, "nothing was changed"
    assert Path.cwd() == here
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        message = refusal(left(tmp_path, HEAD + table("server", "reference", port=port), tmp_path))
    assert f"deployment[server].port: port {port} is in use" in message
    assert "choose another port" in message


def test_runtime_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path / "none"))
    (tmp_path / "m.gguf").touch()
    text = HEAD + 'model.path = "m.gguf"\n' + table("llama", "llama-cpp", port=unused_port())
    assert "run: aging env create llama-cpp" in refusal(left(tmp_path, text, tmp_path))


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = left(tmp_path, HEAD + table("server", "reference", port=unused_port()), tmp_path)

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1))
    assert "MiB are free" in refusal(layout)


def test_paths_start_at_first_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        text = HEAD + 'model.path = "m.gguf"\n' + table("own", "command", port=port, command='["./serve", "{model}"]')
        layout = left(tmp_path / "results", text, there)
        message = refusal(layout)
        assert "model.path: 'm.gguf'" in message
        assert "the command './serve' is not found" in message
        (there / "m.gguf").touch()
        (there / "serve").write_text("#!/bin/sh\n")
        (there / "serve").chmod(0o755)
        message = refusal(layout)  # the port alone is left
    assert "1 mistake\n" in message
    assert "in use" in message


def test_model_and_load_files_in_first_folder(tmp_path: Path) -> None:
    (tmp_path / "lengths.csv").write_text("n\n3\n4\n")
    text = HEAD.replace(
        '{ kind = "fixed", tokens = 4 }', '{ kind = "empirical", file = "lengths.csv", column = "n", max = 16 }'
    )
    campaign = parse_campaign(
        text + 'model.path = "m.gguf"\n' + table("own", "command", command='["x"]'), Catalogue.discovered().kinds()
    )
    (file,) = read_inputs(found_from(campaign, tmp_path), "x").files
    assert file.file == "lengths.csv"
    assert resolve_model(campaign.model, "gguf", tmp_path) == str(tmp_path / "m.gguf")
    (own,) = resolve_deployments(campaign, Catalogue.discovered(), tmp_path)
    assert isinstance(own, Command)
    started: Any = own.at(21_000).origin()
    assert started.folder == tmp_path


def test_leftover_server_port_is_not_in_use(tmp_path: Path) -> None:
    port = unused_port()
    layout = left(tmp_path, HEAD + table("server", "reference", port=port), tmp_path)
    program = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
    argv = [sys.executable, "-c", program, str(port)]
    server = subprocess.Popen(argv, stdin=subprocess.PIPE, env=os.environ | {MARKER: mark(layout.root)})
    try:
        wait_for(lambda: port_taken(port) is not None, "it does not listen", seconds=60)
        leftover = left_processes(layout, fold(read_journal(layout.journal)))
        assert server.pid in leftover
        assert port_taken(port, leftover) is None
        assert str(server.pid) in str(port_taken(port))
    finally:
        server.communicate()


def test_running_server_is_not_started(tmp_path: Path) -> None:
    text = HEAD + table("lives", "reference", port=unused_port()) + table("dead", "reference", port=unused_port())
    layout = left(tmp_path, text, tmp_path)
    campaign = parse_campaign(text, Catalogue.discovered().kinds())
    log = layout.log("lives", 1, 1)
    program = "import sys; sys.stdin.read()"
    environment = os.environ | {MARKER: mark(layout.root), "AGING_LIFE": mark(log)}
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, env=environment)
    try:
        known = identity(server.pid)
        assert known is not None
        journal = Journal(layout.journal)
        for name, processes in (("lives", {"main": [known.pid, known.start]}), ("dead", {"main": [1, 1]})):
            journal.record(DeploymentStarted(deployment=name, generation=1, pid=1, processes=processes))
        journal.close()
        state = fold(read_journal(layout.journal))
        wait_for(lambda: to_start(layout, state, rounds(campaign)) == {"dead"}, "it is not known", seconds=30)
    finally:
        server.communicate()
