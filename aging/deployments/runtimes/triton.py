"""Triton Inference Server, from the ``nvidia-pytriton`` wheel, with llama.cpp in its Python backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "triton_server.py"


_DRAINED_SHARE = 0.6
"""Of `stop_timeout`; the rest is for unloading the model, and then comes SIGKILL."""


class TritonOptions(PackagedOptions):
    """Options of the model that Triton serves that affect its memory."""

    metrics_port: int = Field(strict=True, ge=1024, le=65535, description="loopback port of Triton's metrics")
    context: int = Field(1024, ge=64, description="context length in tokens, shared by the parallel sequences")
    parallel: int = Field(4, ge=1, description="sequences decoded at the same time")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    cache_ram_mib: int | None = Field(
        None,
        ge=-1,
        description="limit of llama.cpp's host prompt cache in MiB; 0 turns it off; by default that of llama.cpp",
    )


class Triton(Deployment[TritonOptions]):
    """``tritonserver`` in its own environment, asked by its generate extension.

    At SIGTERM it takes no new connection, waits ``--exit-timeout-secs`` for the open ones to close, also for idle ones,
    and unloads its models (``src/main.cc``, ``src/http_server.cc``).

    The wheel has the Python backend alone; a Triton with the vLLM or TensorRT-LLM
    backend comes as a container.
    """

    kind = "triton"
    options_table = TritonOptions
    requirements = (Requirements("triton", ("nvidia-pytriton==0.7.0", "xllamacpp==2026.10.11549")),)

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_requests_running": EngineMetric(("front_requests_running",)),
        "engine_requests_waiting": EngineMetric(("nv_inference_pending_request_count",)),
        "engine_prompt_tokens_total": EngineMetric(("front_prompt_tokens_total",)),
        "engine_generation_tokens_total": EngineMetric(("front_generation_tokens_total",)),
    }

    def launch(self) -> Launch:
        o = self.options
        cache = () if o.cache_ram_mib is None else ("--cache-ram-mib", str(o.cache_ram_mib))
        return Launch(
            argv=(
                self.interpreter,
                *("-u", str(_SCRIPT)),
                *("--model", self.served),
                *("--port", str(o.port), "--metrics-port", str(o.metrics_port)),
                *("--context", str(o.context)),
                *("--parallel", str(o.parallel)),
                *("--threads", str(o.threads)),
                *("--exit-timeout", str(max(1, int(o.stop_timeout * _DRAINED_SHARE)))),
                *cache,
            ),
            env=o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                path="/v2/models/local/generate_stream",
                metrics_path="/metrics",
                metrics_port=o.metrics_port,
                body={"ignore_eos": True},
            ),
        )
