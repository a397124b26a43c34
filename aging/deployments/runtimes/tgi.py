"""Text Generation Inference of Hugging Face, installed on the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import DeploymentOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import Deployment
from aging.deployments.lifecycle import Launch

_DRAINED_SHARE = 0.8
"""Of `stop_timeout`; the rest is for the shards, and then comes SIGKILL."""


class TgiOptions(DeploymentOptions):
    """Options of ``text-generation-launcher`` that affect its memory."""

    program: str = Field(
        "text-generation-launcher", min_length=1, description="launcher: program name on the PATH, or path"
    )
    context: int = Field(1024, ge=64, description="longest sequence, in tokens, prompt and answer together")
    parallel: int = Field(128, ge=1, description="most requests at the same time; further ones are refused")
    batch_tokens: int | None = Field(
        None, ge=1, description="most tokens in a batch, and so in the KV cache; by default as many as fit"
    )
    memory_share: float = Field(1.0, gt=0, le=1, description="largest fraction of the device memory that it uses")
    prefix_caching: Flag | None = Field(
        None, description="reuse the KV cache of common prompt prefixes; by default TGI decides by the model"
    )
    prometheus_port: int = Field(
        9000,
        strict=True,
        ge=1024,
        le=65535,
        description="separate Prometheus port of the launcher; metrics are read from `port`",
    )
    arguments: tuple[str, ...] = Field((), description="further arguments of the launcher, as written")


class Tgi(Deployment[TgiOptions]):
    """``text-generation-launcher``. It honours no request to go on past the end of a text: answers may be shorter.

    At SIGTERM the launcher signals its router, which lets answers under way finish, and then the shards; each has
    ``--graceful-termination-timeout`` seconds (3.3.7, ``launcher/src/main.rs``). A shard stops at a SIGTERM of its own
    (``server/text_generation_server/server.py``), so the group gets none.
    """

    kind = "tgi"
    options_table = TgiOptions
    model_format = "huggingface"

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_requests_running": EngineMetric(("tgi_batch_current_size",)),
        "engine_requests_waiting": EngineMetric(("tgi_queue_size",)),
        "engine_prompt_tokens_total": EngineMetric(("tgi_request_input_length_sum",)),
        "engine_generation_tokens_total": EngineMetric(("tgi_request_generated_tokens_sum",)),
    }

    def missing(self) -> str | None:
        if self.finds(self.options.program):
            return None
        return (
            f"there is no program {self.options.program!r}; TGI 3.3.7 is installed by its own build "
            "(https://github.com/huggingface/text-generation-inference#local-install), or runs from its image "
            'ghcr.io/huggingface/text-generation-inference:3.3.7 as kind = "container"'
        )

    def launch(self) -> Launch:
        o = self.options
        caching = {} if o.prefix_caching is None else {"PREFIX_CACHING": "1" if o.prefix_caching else "0"}
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        return Launch(
            argv=(
                *(o.program, "--model-id", self.served),
                *("--hostname", "127.0.0.1", "--port", str(o.port)),
                *("--prometheus-port", str(o.prometheus_port)),
                *("--shard-uds-path", f"/tmp/aging-tgi-{o.port}"),  # or two launchers share one socket
                *("--max-total-tokens", str(o.context), "--max-concurrent-requests", str(o.parallel)),
                *(() if o.batch_tokens is None else ("--max-batch-total-tokens", str(o.batch_tokens))),
                *("--cuda-memory-fraction", f"{o.memory_share:g}"),
                *("--usage-stats", "off"),
                *("--graceful-termination-timeout", str(max(1, int(o.stop_timeout * _DRAINED_SHARE)))),
                *o.arguments,
            ),
            env=caching | offline | o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}", model="local", metrics_path="/metrics", unsupported=("priority",)
            ),
        )
