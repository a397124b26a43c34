"""The server of TensorRT-LLM, ``trtllm-serve``; requires an NVIDIA GPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "trtllm_server.py"


class TensorRtLlmOptions(PackagedOptions):
    """Options of ``trtllm-serve`` that affect its memory."""

    backend: Literal["pytorch", "tensorrt"] = Field("pytorch", description="inference engine")
    context: int = Field(1024, ge=64, description="longest sequence, in tokens")
    parallel: int = Field(16, ge=1, description="sequences decoded at the same time")
    kv_tokens: int | None = Field(
        None, ge=1, description="largest size of the KV cache, in tokens; by default only `kv_cache_share` limits it"
    )
    kv_cache_share: float = Field(
        0.9, gt=0, le=1, description="fraction of the memory left by the weights that the KV cache uses"
    )
    block_reuse: Flag = Field(True, description="reuse the KV cache of common prompt prefixes")
    arguments: tuple[str, ...] = Field((), description="further arguments of `trtllm-serve`, as written")


class TensorRtLlm(Deployment[TensorRtLlmOptions]):
    """``trtllm-serve`` in its own environment, started by a small script that hands it the settings it has no flag for.

    Its main process is uvicorn (``commands/serve.py``): at SIGTERM it refuses new connections and waits without limit
    for the answers under way. Its MPI workers get no signal: they would end at once.

    The pinned release counts requests and times them; metrics with a common name
    (KV cache, requests, tokens) come with 1.3.
    """

    kind = "tensorrt-llm"
    options_table = TensorRtLlmOptions
    requirements = (Requirements("tensorrt-llm", ("tensorrt-llm==1.2.1",)),)
    model_format = "huggingface"

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {}

    def launch(self) -> Launch:
        o = self.options
        settings = {
            "return_perf_metrics": True,  # or there is no /prometheus/metrics
            "kv_cache_config": {"enable_block_reuse": o.block_reuse, "free_gpu_memory_fraction": o.kv_cache_share}
            | ({} if o.kv_tokens is None else {"max_tokens": o.kv_tokens}),
        }
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        return Launch(
            argv=(
                *(self.interpreter, "-u", str(_SCRIPT), json.dumps(settings)),
                *(self.program("trtllm-serve"), "serve", self.served),
                *("--host", "127.0.0.1", "--port", str(o.port)),
                *("--backend", o.backend),
                *("--max_seq_len", str(o.context), "--max_batch_size", str(o.parallel)),
                *("--log_level", "warning"),
                *o.arguments,
            ),
            env=offline | o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                metrics_path="/prometheus/metrics",  # its /metrics is JSON
                body={"ignore_eos": True},
                unsupported=("priority",),
            ),
        )
