"""Adapters: the command lines they make; and, marked slow, the real runtime behind one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aging import open_results
from aging.campaign import parse_campaign
from aging.catalogue import Catalogue
from aging.deployments import Launch
from aging.deployments.command import Command
from aging.deployments.llama_cpp import LlamaCpp
from aging.deployments.reference import Reference
from aging.errors import CampaignError
from tests.conftest import Aging, result_directory, unused_port


def launch(plugin: type, model: str | None = None, **options: object) -> Launch:
    table = {"name": "a", "kind": plugin.kind, "port": 18080, **options}  # type: ignore[attr-defined]
    launched: Launch = plugin(plugin.options_table.model_validate(table), model).launch()  # type: ignore[attr-defined]
    return launched


def test_llama_cpp_keeps_its_default_cache_unless_told() -> None:
    argv = " ".join(launch(LlamaCpp, model="m.gguf").argv)
    assert "--model m.gguf --port 18080" in argv
    assert "--cache-ram-mib" not in argv
    off = launch(LlamaCpp, model="m.gguf", cache_ram_mib=0)
    assert "--cache-ram-mib 0" in " ".join(off.argv)
    assert not off.endpoint.reuse_connections


def test_reference_passes_its_ageing_on_and_knows_it() -> None:
    assert "--leak-bytes-per-request 16384" in " ".join(launch(Reference, leak_per_request="16KiB").argv)
    table = Reference.options_table.model_validate(
        {"name": "a", "kind": "reference", "port": 18080, "leak_per_request": "16KiB", "cache_limit": "1MiB"}
    )
    assert Reference(table, None).known_ageing().per_request == 0.0, "a bounded cache does not age"


def test_a_reference_that_contradicts_itself_is_told() -> None:
    text = """
schema = 1
name = "x"
seed = 1
duration = "1m"
load.arrivals = { kind = "constant", rate = 1.0 }
load.prompt_tokens = { median = 1, p95 = 1, min = 1, max = 1 }
load.output_tokens = { median = 1, p95 = 1, min = 1, max = 1 }
deployment = [{ name = "a", kind = "reference", port = 18080, step = "1MiB" }]
"""
    with pytest.raises(CampaignError, match="a step needs both"):
        parse_campaign(text, Catalogue.discovered().kinds())


def test_command_fills_in_port_and_model() -> None:
    made = launch(Command, model="org/m", command=["serve", "{model}", "--port={port}"], metrics="/metrics")
    assert made.argv == ("serve", "org/m", "--port=18080")
    assert made.endpoint.model == "org/m"
    assert made.endpoint.metrics_path == "/metrics"


@pytest.mark.slow
def test_real_llama_cpp_servers_run_a_campaign(aging: Aging, tmp_path: Path) -> None:
    created: subprocess.CompletedProcess[str] = aging("env", "create", "llama-cpp", timeout=300)
    assert created.returncode == 0, created.stderr
    file = tmp_path / "llama.toml"
    file.write_text(
        f"""
schema = 1
name = "llama"
seed = 3
duration = "40s"
warmup = "10s"
model.preset = "tiny"
load.arrivals = {{ kind = "poisson", rate = 8.0 }}
load.prompt_tokens = {{ median = 48, p95 = 96, min = 8, max = 192 }}
load.output_tokens = {{ median = 12, p95 = 24, min = 4, max = 48 }}
analysis.grid = "1s"
deployment = [
  {{ name = "off", kind = "llama-cpp", port = {unused_port()}, cache_ram_mib = 0 }},
  {{ name = "default", kind = "llama-cpp", port = {unused_port()} }},
]
"""
    )
    ran = aging("run", file, timeout=180)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = open_results(result_directory(tmp_path / "results"))
    for name in ("off", "default"):
        requests = results.requests(name)
        assert (requests["status"] == "ok").all()
        assert (requests["output_tokens"] == requests["output_tokens_asked"]).all()
        engine = results.samples(name, "engine")
        assert engine["engine_llamacpp_tokens_predicted_total"].iloc[-1] > 500
    assert "xllamacpp" in results.manifest["deployments"][0]["packages"]
    memory = {name: results.samples(name, "process")["process_anon_swap_bytes"] for name in ("off", "default")}
    grown = {name: series.iloc[-1] - series.iloc[10] for name, series in memory.items()}
    assert grown["default"] > 4 * grown["off"]
