"""``transformers serve``, the server of Hugging Face Transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch


class TransformersOptions(PackagedOptions):
    """Options of ``transformers serve`` that affect its memory."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="device of the model")
    dtype: str = Field("auto", description="data type of the weights, as for `--dtype`")
    continuous_batching: Flag = Field(False, description="continuous batching with a paged KV cache")
    kv_blocks: int = Field(256, ge=1, description="blocks of the paged KV cache, 32 tokens each")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    arguments: tuple[str, ...] = Field((), description="further arguments of `transformers serve`, as written")


class Transformers(Deployment[TransformersOptions]):
    """``transformers serve`` in its own environment. Requests must name the model by its path; it has no metrics."""

    kind = "transformers"
    options_table = TransformersOptions
    requirements = (Requirements("transformers", ("transformers[serving]==5.23.0", "torch==2.13.0")),)
    model_format = "huggingface"

    def launch(self) -> Launch:
        o = self.options
        batching = ("--continuous-batching", "--cb-block-size", "32", "--cb-num-blocks", str(o.kv_blocks))
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        return Launch(
            argv=(
                self.program("transformers"),
                *("serve", self.served),
                *("--host", "127.0.0.1", "--port", str(o.port)),
                *("--device", o.device, "--dtype", o.dtype),
                *("--model-timeout", "-1"),  # or a model that idles is unloaded, and memory falls
                *("--log-level", "warning"),
                *(batching if o.continuous_batching else ()),
                *o.arguments,
            ),
            env={"OMP_NUM_THREADS": str(o.threads)} | offline | o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model=self.served,
                unsupported=("logprobs", "n", "priority", "structured"),  # refused, or passed over
            ),
        )
