"""A deployment without a port gets a free one: its own, kept, and no other campaign's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aging.campaign.load import parse_campaign
from aging.campaign.schema import Campaign
from aging.core.clock import Timeline
from aging.core.errors import CampaignError, DeploymentError
from aging.core.ports import port_taken
from aging.deployments.base import DeploymentBase
from aging.runner.catalogue import Catalogue
from aging.runner.free_ports import FreePorts, named_ports
from aging.runner.manifest import manifest
from aging.runner.preflight import resolve_deployments
from aging.runner.server import Server
from aging.store.journal import Journal, read_journal
from aging.store.layout import Layout
from aging.store.state import RunState, fold
from tests.conftest import Aging, unused_port

HEAD = """
schema = 1
name = "ports"
seed = 1
duration = "2s"
settle = "0s"
load.arrivals = { kind = "constant", rate = 10.0 }
load.prompt_tokens = { median = 4, p95 = 4, min = 4, max = 4 }
load.output_tokens = { median = 2, p95 = 2, min = 2, max = 2 }
load.drain = "2s"
validity.late = "60s"
sampling.process = "200ms"
analysis.grid = "200ms"
"""
CLEAN = '[[deployment]]\nname = "clean"\nkind = "reference"\n'
LEAK = '[[deployment]]\nname = "leak"\nkind = "reference"\nleak_per_request = "16KiB"\n'
CONTAINER = '[[deployment]]\nname = "boxed"\nkind = "container"\nimage = "x"\nprogram = "podman"\n'
COMMAND = """[[deployment]]
name = "mine"
kind = "command"
command = ["serve", "--port={port}", "--metrics", "23456"]
components = { decode = ["decode", "{port}"] }
metrics = "/metrics"
"""


def campaign(*tables: str, head: str = HEAD) -> Campaign:
    return parse_campaign("\n".join((head, *tables)), Catalogue.discovered().kinds())


def subjects(*tables: str) -> list[DeploymentBase[Any]]:
    return list(resolve_deployments(campaign(*tables), Catalogue.discovered()))


# The ports.


def test_ports_are_unique() -> None:
    with contextlib.closing(FreePorts()) as mine, contextlib.closing(FreePorts()) as others:
        given = [one.take(f"d{k}") for k in range(20) for one in (mine, others)]
        assert len(set(given)) == 40
        assert all(port_taken(port) is None for port in given)
        assert mine.take("d3") == given[6], "a deployment keeps its own"


def test_named_and_used_ports_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aging.runner.free_ports._choice", lambda: range(23_450, 23_453))
    with socket.create_server(("127.0.0.1", 23_451)), contextlib.closing(FreePorts(named={23_450})) as ports:
        assert ports.take("a") == 23_452
        with pytest.raises(DeploymentError, match="port = NUMBER"):
            ports.take("b")


def test_known_port_now_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as stranger,
        contextlib.closing(FreePorts(known={"a": stranger.getsockname()[1]})) as ports,
    ):
        assert ports.take("a") != stranger.getsockname()[1]


def test_close_releases_ports() -> None:
    ports = FreePorts()
    port = ports.take("a")
    with contextlib.closing(FreePorts(known={"b": port})) as others:
        assert others.take("b") != port
    ports.close()
    with contextlib.closing(FreePorts(known={"b": port})) as others:
        assert others.take("b") == port


def test_spare_port_of_a_successor() -> None:
    with contextlib.closing(FreePorts()) as ports, contextlib.closing(FreePorts()) as others:
        port = ports.take("a")
        spare = ports.spare("a")
        assert spare != port
        assert ports.take("a") == port, "until the successor serves"
        assert others.spare("b", spare) != spare
        ports.release(spare)
        assert others.spare("b", spare) == spare
        with socket.create_server(("127.0.0.1", port)):
            assert ports.spare("a", port) != port, "its own server listens there"


def test_named_ports_of_campaign() -> None:
    attach = '[[deployment]]\nname = "there"\nkind = "attach"\npid = 1\nurl = "http://127.0.0.1:21212"\n'
    named = named_ports(campaign(CLEAN.replace("clean", "fixed") + "port = 22222\n", COMMAND, attach))
    assert {22222, 23456, 21212} <= named


# What is described before there is a port.


def test_manifest_has_port_placeholder() -> None:
    described = manifest(campaign(CLEAN, COMMAND), subjects(CLEAN, COMMAND), ()).as_json()["deployments"]
    assert described[0]["endpoint"] == "http://127.0.0.1:{port}/v1/completions"
    assert described[0]["command"][4:6] == ["--port", "{port}"]
    assert described[1]["command"] == ["serve", "--port={port}", "--metrics", "23456"]
    assert described[1]["components"] == {"decode": ["decode", "{port}"]}
    assert described[1]["options"]["port"] is None


def test_chosen_port_in_command_and_endpoint() -> None:
    (server,) = subjects(COMMAND)
    assert server.chooses_port
    assert server.port is None
    placed_at = server.at(21_000)
    assert (placed_at.port, placed_at.chooses_port) == (21_000, False)
    origin: Any = placed_at.origin()
    assert origin.launch.argv == ("serve", "--port=21000", "--metrics", "23456")
    assert origin.launch.components == {"decode": ("decode", "21000")}
    assert origin.metrics_url == "http://127.0.0.1:21000/metrics"
    assert origin.port == 21_000


def test_container_publishes_chosen_port() -> None:
    (boxed,) = subjects(CONTAINER)
    origin: Any = boxed.at(21_000).origin()
    assert "127.0.0.1:21000:8000" in origin.arguments
    assert origin.name == "aging-boxed-21000"


def test_invalid_port_is_a_mistake() -> None:
    with pytest.raises(CampaignError, match=r"deployment\[clean\]\.port"):
        campaign(CLEAN + "port = 80\n")


# A server's life.


class Lives:
    """Servings of one reference server, one runner after the other."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.journal = Journal(self.layout.journal)
        (self.subject,) = subjects(CLEAN)

    def serving(self, ports: FreePorts) -> Server:
        return Server(self.subject, 1, self.layout, self.journal.record, ports.of("clean"))

    @property
    def state(self) -> RunState:
        return fold(read_journal(self.layout.journal)).runs["clean", 1]

    def started(self) -> list[int]:
        return [
            event.details["port"] for event in read_journal(self.layout.journal) if event.kind == "deployment_started"
        ]


@pytest.mark.thorough
def test_port_journaled_and_kept_at_restart(tmp_path: Path) -> None:
    async def live() -> None:
        with contextlib.closing(FreePorts()) as ports:
            serving = lives.serving(ports)
            await serving.start()
            first = serving.endpoint
            await serving.stop()
            await serving.start()
            assert serving.endpoint == first
            assert serving.endpoint is not None
            assert serving.endpoint.base_url == f"http://127.0.0.1:{lives.started()[0]}"
            await serving.stop()

    lives = Lives(tmp_path)
    asyncio.run(live())
    one, two = lives.started()
    assert one == two == lives.state.port
    lives.journal.close()


@pytest.mark.parametrize(
    "ended",
    [
        "goes on",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in ("ended", "ended, and a stranger has its port")),
    ],
)
def test_port_kept_at_resume(tmp_path: Path, ended: str) -> None:
    async def live() -> None:
        with contextlib.closing(FreePorts()) as ports:
            before = lives.serving(ports)
            await before.start()
            past = lives.state
            assert past.port is not None
            if ended != "goes on":
                await before.stop()
        strangers = socket.create_server(("127.0.0.1", past.port)) if "stranger" in ended else contextlib.nullcontext()
        with strangers, contextlib.closing(FreePorts(known={"clean": past.port})) as ports:
            after = lives.serving(ports)
            await after.resume(past, Timeline(), None)
            assert after.endpoint is not None
            kept = after.endpoint.base_url == f"http://127.0.0.1:{past.port}"
            assert kept == ("stranger" not in ended)
            assert after.generation == (1 if ended == "goes on" else 2)
            await after.stop()
            await before.stop()

    lives = Lives(tmp_path)
    asyncio.run(live())
    lives.journal.close()


# Whole campaigns.


@pytest.mark.slow
def test_two_campaigns_of_one_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ports.toml"
    file.write_text("\n".join((HEAD, CLEAN, LEAK)))
    argv = [sys.executable, "-m", "aging", "run", str(file), "--results"]
    runs = [
        subprocess.Popen([*argv, str(tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for name in ("one", "two")
    ]
    said = [process.communicate(timeout=300)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    ports = []
    for name in ("one", "two"):
        (journal,) = (tmp_path / name).glob("ports/*/journal.jsonl")
        state = fold(read_journal(journal))
        assert state.phase == "completed"
        assert {run.phase for run in state.runs.values()} == {"stopped"}
        ports += [run.port for run in state.runs.values()]
    assert len(ports) == len(set(ports)) == 4


@pytest.mark.thorough
def test_doctor_reports_chosen_port(tmp_path: Path, aging: Aging) -> None:
    file = tmp_path / "ports.toml"
    file.write_text("\n".join((HEAD, CLEAN, LEAK + f"port = {unused_port()}\n")))
    ran = aging("doctor", file)
    assert "ports: a free port is chosen at start for clean\n" in ran.stdout, ran.stdout + ran.stderr
    assert "could start now" in ran.stdout
