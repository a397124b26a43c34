"""Adapters of runtimes that need a GPU or a program of the host: what their sources have, pinned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import Launch
from aging.deployments.runtimes.lmdeploy import Lmdeploy
from aging.deployments.runtimes.ollama import Ollama
from aging.deployments.runtimes.sglang import Sglang
from aging.deployments.runtimes.tensorrt_llm import TensorRtLlm
from aging.deployments.runtimes.tgi import Tgi
from aging.sampling.samplers.engine import common_values, parse_metrics, raw_values
from tests.builders import launch
from tests.conftest import ROOT

DATA = ROOT / "tests" / "sampling" / "data"
SCRIPTS = ROOT / "aging" / "deployments" / "_scripts"


@pytest.fixture(autouse=True)
def environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGING_ENVIRONMENTS", "/e")


def subject(plugin: type[DeploymentBase[Any]], **options: object) -> DeploymentBase[Any]:
    return plugin(
        plugin.options_table.model_validate({"name": "a", "kind": plugin.kind, "port": 18080, **options}), None
    )


def is_openai_on_loopback(made: Launch, metrics_path: str | None, body: dict[str, object]) -> bool:
    endpoint = made.endpoint
    return (endpoint.base_url, endpoint.path, endpoint.metrics_path, endpoint.body) == (
        "http://127.0.0.1:18080",
        "/v1/completions",
        metrics_path,
        body,
    )


def test_sglang() -> None:
    made = launch(Sglang, model="org/m")
    assert made.argv == (
        *("/e/sglang/bin/sglang", "serve", "--model-path", "org/m", "--served-model-name", "local"),
        *("--host", "127.0.0.1", "--port", "18080", "--device", "cuda"),
        *("--context-length", "1024", "--max-running-requests", "16"),
        *("--enable-metrics", "--log-level", "warning"),
    )
    assert made.env == {}, "a hub id is to be downloaded"
    assert made.endpoint.model == "local"
    assert is_openai_on_loopback(made, "/metrics", {"ignore_eos": True})


def test_sglang_cache(tmp_path: Path) -> None:
    made = launch(
        Sglang,
        model=str(tmp_path),
        device="cpu",
        kv_tokens=4096,
        memory_share=0.5,
        radix_cache=False,
        arguments=["--attention-backend", "torch_native"],
    )
    assert made.argv[10:] == (
        *("--device", "cpu", "--context-length", "1024", "--max-running-requests", "16"),
        *("--max-total-tokens", "4096", "--mem-fraction-static", "0.5", "--disable-radix-cache"),
        *("--enable-metrics", "--log-level", "warning", "--attention-backend", "torch_native"),
    )
    assert made.env == {"HF_HUB_OFFLINE": "1"}


def test_lmdeploy(tmp_path: Path) -> None:
    made = launch(Lmdeploy, model=str(tmp_path))
    assert made.argv == (
        *("/e/lmdeploy/bin/lmdeploy", "serve", "api_server", str(tmp_path), "--model-name", "local"),
        *("--server-name", "127.0.0.1", "--server-port", "18080", "--backend", "turbomind"),
        *("--session-len", "1024", "--max-batch-size", "16", "--cache-max-entry-count", "0.8"),
        *("--log-level", "WARNING"),
    )
    assert made.env == {"UVICORN_LOG_LEVEL": "warning", "HF_HUB_OFFLINE": "1"}
    assert is_openai_on_loopback(made, "/metrics", {"ignore_eos": True})
    other = launch(Lmdeploy, model="org/m", backend="pytorch", prefix_caching=True, arguments=["--eager-mode"])
    assert other.argv[10:] == (
        *("--backend", "pytorch", "--session-len", "1024", "--max-batch-size", "16"),
        *("--cache-max-entry-count", "0.8", "--enable-prefix-caching", "--log-level", "WARNING", "--eager-mode"),
    )


def test_tensorrt_llm() -> None:
    made = launch(TensorRtLlm, model="org/m", block_reuse=False, kv_tokens=4096)
    assert made.argv[0] == "/e/tensorrt-llm/bin/python"
    assert json.loads(made.argv[3]) == {
        "return_perf_metrics": True,
        "kv_cache_config": {"enable_block_reuse": False, "free_gpu_memory_fraction": 0.9, "max_tokens": 4096},
    }
    assert made.argv[4:] == (
        *("/e/tensorrt-llm/bin/trtllm-serve", "serve", "org/m", "--host", "127.0.0.1", "--port", "18080"),
        *("--backend", "pytorch", "--max_seq_len", "1024", "--max_batch_size", "16", "--log_level", "warning"),
    )
    assert made.env == {}
    assert is_openai_on_loopback(made, "/prometheus/metrics", {"ignore_eos": True})


def test_tensorrt_llm_settings() -> None:
    program = (sys.executable, "-c", "import sys; print(sys.argv[1:-1], open(sys.argv[-1]).read())", "serve", "m")
    ran = subprocess.run(
        [sys.executable, SCRIPTS / "trtllm_server.py", '{"a": 1}', *program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "['serve', 'm', '--extra_llm_api_options'] {\"a\": 1}\n"


def test_tgi(tmp_path: Path) -> None:
    made = launch(Tgi, model=str(tmp_path), batch_tokens=4096, prefix_caching=False, prometheus_port=19000)
    assert made.argv == (
        *("text-generation-launcher", "--model-id", str(tmp_path), "--hostname", "127.0.0.1", "--port", "18080"),
        *("--prometheus-port", "19000", "--shard-uds-path", "/tmp/aging-tgi-18080"),
        *("--max-total-tokens", "1024", "--max-concurrent-requests", "128"),
        *("--max-batch-total-tokens", "4096", "--cuda-memory-fraction", "1", "--usage-stats", "off"),
        *("--graceful-termination-timeout", "12"),
    )
    assert made.env == {"PREFIX_CACHING": "0", "HF_HUB_OFFLINE": "1"}
    assert is_openai_on_loopback(made, "/metrics", {})
    assert "PREFIX_CACHING" not in launch(Tgi, model="org/m").env


def test_ollama() -> None:
    made = launch(Ollama, served_model="small", models="/data/ollama")
    assert made.argv == ("ollama", "serve")
    assert made.env == {
        "OLLAMA_HOST": "127.0.0.1:18080",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_CONTEXT_LENGTH": "1024",
        "OLLAMA_NUM_PARALLEL": "4",
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_MODELS": "/data/ollama",
    }
    assert made.endpoint.model == "small"
    assert is_openai_on_loopback(made, None, {})


def test_missing_program(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert "text-generation-inference:3.3.7 as kind" in str(subject(Tgi, program=absent).missing())
    assert "https://github.com/ollama/ollama/releases" in str(
        subject(Ollama, program=absent, served_model="m").missing()
    )
    assert subject(Ollama, program=sys.executable, served_model="m").missing() is None


@pytest.mark.parametrize("plugin", [Sglang, Lmdeploy, TensorRtLlm])
def test_missing_environment(plugin: type[DeploymentBase[Any]]) -> None:
    assert str(subject(plugin).missing()).endswith(f"aging env create {plugin.kind}")


@pytest.mark.parametrize(
    ("name", "plugin", "expected"),
    [
        (
            "sglang-0.5.23",
            Sglang,
            {"kv_cache_usage_ratio": 0.125, "requests_running": 3, "requests_waiting": 1}
            | {"prompt_tokens_total": 1000, "generation_tokens_total": 400},
        ),
        (
            "lmdeploy-0.18.0",
            Lmdeploy,
            {"kv_cache_usage_ratio": 0.125, "requests_running": 3, "requests_waiting": 1}
            | {"process_memory_bytes": 2**30, "prefix_cache_hits_total": 64}
            | {"prompt_tokens_total": 1000, "generation_tokens_total": 400},
        ),
        (
            "tgi-3.3.7",
            Tgi,
            {"requests_running": 3, "requests_waiting": 1, "prompt_tokens_total": 1000, "generation_tokens_total": 400},
        ),
        ("tensorrt-llm-1.2.1", TensorRtLlm, {}),
    ],
)
def test_common_metrics_of_release(name: str, plugin: type[DeploymentBase[Any]], expected: dict[str, float]) -> None:
    text = (DATA / f"{name}.txt").read_text()
    assert text.splitlines()[0].startswith("# written from the source of")
    scraped = parse_metrics(text)
    values, missing = common_values(scraped, plugin.engine_metrics)
    assert missing == {}
    assert values == {f"engine_{metric}": value for metric, value in expected.items()}
    assert len(raw_values(scraped)) > len(values)
