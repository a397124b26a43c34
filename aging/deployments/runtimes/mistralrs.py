"""mistral.rs, from the ``mistralrs`` wheel, behind a small OpenAI-style front end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import FRONT_UNSUPPORTED, Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "mistralrs_server.py"


class MistralRsOptions(PackagedOptions):
    """Options of mistral.rs that affect its memory."""

    parallel: int = Field(4, ge=1, description="sequences decoded at the same time")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    prefix_cache: int | None = Field(
        None, ge=0, description="sequences kept in the prefix cache; 0 turns it off; by default that of mistral.rs"
    )


class MistralRs(Deployment[MistralRsOptions]):
    """The ``Runner`` in its own environment; it is asked by one request at a time, or it ends streams early."""

    kind = "mistralrs"
    options_table = MistralRsOptions
    requirements = (Requirements("mistralrs", ("mistralrs==0.9.5",)),)

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_requests_running": EngineMetric(("front_requests_running",))
    }

    def launch(self) -> Launch:
        o = self.options
        cache = () if o.prefix_cache is None else ("--prefix-cache", str(o.prefix_cache))
        return Launch(
            argv=(
                self.interpreter,
                *("-u", str(_SCRIPT)),
                *("--model", self.served),
                *("--port", str(o.port)),
                *("--parallel", str(o.parallel)),
                *cache,
            ),
            stop=MAIN_SIGTERM,
            env={"RAYON_NUM_THREADS": str(o.threads), "HF_HUB_OFFLINE": "1"} | o.env,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}", model="local", metrics_path="/metrics", unsupported=FRONT_UNSUPPORTED
            ),
        )
