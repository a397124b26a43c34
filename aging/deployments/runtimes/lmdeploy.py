"""The API server of LMDeploy, with its TurboMind or PyTorch engine; requires a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM, HttpCall, Offer
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SLEEP = Offer(
    # 0.18, serve/openai/endpoints/management.py: level 1 moves the weights to the host and drops the KV cache, prefixes
    # included; sessions under way are cancelled. Both check that the content is JSON.
    calls=(HttpCall("/sleep?level=1", body="{}"), HttpCall("/wakeup", body="{}")),
    undo=(HttpCall("/wakeup", body="{}"),),
)


class LmdeployOptions(PackagedOptions):
    """Options of ``lmdeploy serve api_server`` that affect its memory."""

    backend: Literal["turbomind", "pytorch"] = Field("turbomind", description="inference engine")
    context: int = Field(1024, ge=64, description="longest sequence, in tokens")
    parallel: int = Field(16, ge=1, description="sequences decoded at the same time")
    kv_cache_share: float = Field(
        0.8, gt=0, le=1, description="fraction of the memory left by the weights that the KV cache uses"
    )
    prefix_caching: Flag = Field(False, description="reuse the KV cache of common prompt prefixes")
    arguments: tuple[str, ...] = Field((), description="further arguments of `lmdeploy serve api_server`, as written")


class Lmdeploy(Deployment[LmdeployOptions]):
    """``lmdeploy serve api_server`` in its own environment.

    Its main process is uvicorn (0.18, ``serve/openai/api_server.py``): at SIGTERM it refuses new connections and waits
    without limit for the answers under way. The PyTorch backend may have workers of its own, so they get no signal.
    """

    kind = "lmdeploy"
    options_table = LmdeployOptions
    requirements = (Requirements("lmdeploy", ("lmdeploy==0.18.0",)),)
    model_format = "huggingface"

    offers: ClassVar[Mapping[str, Offer]] = {"sleep": _SLEEP}
    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_kv_cache_usage_ratio": EngineMetric(("lmdeploy:gpu_cache_usage_perc",), combine="mean"),
        "engine_requests_running": EngineMetric(("lmdeploy:num_requests_running",)),
        "engine_requests_waiting": EngineMetric(("lmdeploy:num_requests_waiting",)),
        "engine_process_memory_bytes": EngineMetric(("process_resident_memory_bytes",)),
        "engine_prefix_cache_hits_total": EngineMetric(("lmdeploy:cached_tokens_total",)),
        "engine_prompt_tokens_total": EngineMetric(("lmdeploy:prompt_tokens_total",)),
        "engine_generation_tokens_total": EngineMetric(("lmdeploy:generation_tokens_total",)),
    }

    def launch(self) -> Launch:
        o = self.options
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        return Launch(
            argv=(
                self.program("lmdeploy"),
                *("serve", "api_server", self.served),
                *("--model-name", "local"),
                *("--server-name", "127.0.0.1", "--server-port", str(o.port)),
                *("--backend", o.backend),
                *("--session-len", str(o.context), "--max-batch-size", str(o.parallel)),
                *("--cache-max-entry-count", f"{o.kv_cache_share:g}"),
                *(("--enable-prefix-caching",) if o.prefix_caching else ()),
                *("--log-level", "WARNING"),
                *o.arguments,
            ),
            env={"UVICORN_LOG_LEVEL": "warning"} | offline | o.env,  # or a line a request
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                metrics_path="/metrics",
                body={"ignore_eos": True},
                unsupported=("priority",),
            ),
        )
