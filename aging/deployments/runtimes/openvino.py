"""OpenVINO GenAI's continuous-batching pipeline behind a small OpenAI-style front end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import FRONT_UNSUPPORTED, Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "openvino_server.py"


class OpenVinoOptions(PackagedOptions):
    """Options of the pipeline that affect its memory."""

    parallel: int = Field(4, ge=1, description="sequences decoded at the same time")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    kv_blocks: int = Field(256, ge=1, description="blocks of the KV cache, 32 tokens each")
    prefix_caching: Flag = Field(False, description="reuse the KV cache of common prompt prefixes")


class OpenVino(Deployment[OpenVinoOptions]):
    """``ContinuousBatchingPipeline`` in its own environment; it reads GGUF, or a folder exported for OpenVINO."""

    kind = "openvino"
    options_table = OpenVinoOptions
    requirements = (Requirements("openvino", ("openvino-genai==2026.4.1.0",)),)

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_kv_cache_usage_ratio": EngineMetric(("openvino_cache_usage_ratio",), combine="mean"),
        "engine_requests_running": EngineMetric(("openvino_scheduled_requests",)),
    }

    def launch(self) -> Launch:
        o = self.options
        return Launch(
            argv=(
                self.interpreter,
                *("-u", str(_SCRIPT)),
                *("--model", self.served),
                *("--port", str(o.port)),
                *("--parallel", str(o.parallel)),
                *("--kv-blocks", str(o.kv_blocks)),
                *("--threads", str(o.threads)),
                *(("--prefix-caching",) if o.prefix_caching else ()),
            ),
            stop=MAIN_SIGTERM,
            env=o.env,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}", model="local", metrics_path="/metrics", unsupported=FRONT_UNSUPPORTED
            ),
        )
