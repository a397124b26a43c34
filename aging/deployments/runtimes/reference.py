"""The built-in control: an OpenAI-compatible server with configured aging."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import ClassVar

from pydantic import Field, model_validator

from aging.campaign.schema import DeploymentOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Duration, Size
from aging.deployments.actions import HttpCall, Offer
from aging.deployments.base import Deployment, KnownAging
from aging.deployments.lifecycle import Launch
from aging.deployments.reference_server.leak import Aging
from aging.deployments.reference_server.server import DRAIN_SECONDS


class ReferenceOptions(DeploymentOptions):
    """The aging of the reference server; with all keys 0 it is clean."""

    leak_per_request: Size = Field(0, description="anonymous memory leaked per request")
    leak_per_hour: Size = Field(0, description="anonymous memory leaked per hour")
    cache_limit: Size = Field(
        0,
        description="size of the cache; without `cache_per_request` the leak stops at this size, like a bounded cache; "
        "0 for no bound",
    )
    cache_per_request: Size = Field(0, description="memory that a request adds to a cache, beside the leak")
    retained: float = Field(
        0.0, ge=0, le=1, description="share of the leak that an allocator retains, and that `trim` and `sleep` free"
    )
    exhausts_at: Size = Field(
        0,
        description="the server is killed when its age holds so much memory, as in a full control group; 0 for never",
    )
    sawtooth: Size = Field(0, description="all leaked memory is freed whenever it reaches this size; 0 for never")
    step: Size = Field(0, description="a single jump of memory after `step_after` requests")
    step_after: int = Field(0, ge=0, description="number of requests before the jump of `step`")
    fds_per_request: float = Field(0.0, ge=0, description="file descriptors leaked per request")
    threads_per_request: float = Field(0.0, ge=0, description="threads leaked per request")
    latency_per_hour: Duration = Field(0.0, ge=0, description="increase of the time to first token per hour")
    ttft: Duration = Field(0.005, ge=0, description="initial time to first token")
    token: Duration = Field(0.001, ge=0, description="time between tokens")
    drain: Duration = Field(
        DRAIN_SECONDS, ge=0, description="longest time for requests in flight after SIGTERM, below `stop_timeout`"
    )
    served_log: str | None = Field(
        None, description="file to which the number of every request is appended when it begins and when it is answered"
    )

    def aging(self) -> Aging:
        """The options of the server. Raises ValueError for contradictory ones."""
        return Aging(
            leak_bytes_per_request=self.leak_per_request,
            leak_bytes_per_hour=self.leak_per_hour,
            cache_bytes_per_request=self.cache_per_request,
            cache_limit_bytes=self.cache_limit,
            retained_share=self.retained,
            exhausts_at_bytes=self.exhausts_at,
            sawtooth_bytes=self.sawtooth,
            step_bytes=self.step,
            step_after_requests=self.step_after,
            fds_per_request=self.fds_per_request,
            threads_per_request=self.threads_per_request,
            latency_seconds_per_hour=self.latency_per_hour,
        )

    @model_validator(mode="after")
    def _consistent(self) -> ReferenceOptions:
        self.aging()
        if "drain" in self.model_fields_set and self.drain >= self.stop_timeout:
            raise ValueError(f"drain: {self.drain:g} s is not less than stop_timeout, {self.stop_timeout:g} s")
        return self


class Reference(Deployment[ReferenceOptions]):
    """``python -m aging.deployments.reference_server`` with this interpreter."""

    kind = "reference"
    options_table = ReferenceOptions
    needs_model = False
    offers: ClassVar[Mapping[str, Offer]] = {
        "trim": Offer((HttpCall("/trim"),), quiet=False),
        "reset-caches": Offer((HttpCall("/reset_caches"),), quiet=False),
        "sleep": Offer((HttpCall("/sleep"), HttpCall("/wake_up")), undo=(HttpCall("/wake_up"),)),
    }

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_requests_running": EngineMetric(("reference_requests_running",)),
        "engine_prompt_tokens_total": EngineMetric(("reference_prompt_tokens_total",)),
        "engine_generation_tokens_total": EngineMetric(("reference_output_tokens_total",)),
    }

    def launch(self) -> Launch:
        o = self.options
        flags = {"port": o.port, "ttft_seconds": o.ttft, "token_seconds": o.token, "drain_seconds": o.drain}
        flags |= asdict(o.aging()) | ({} if o.served_log is None else {"served_log": o.served_log})
        arguments = (part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", f"{value}"))
        return Launch(
            argv=(sys.executable, "-P", "-m", "aging.deployments.reference_server", *arguments),
            env=o.env,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}", model="reference", metrics_path="/metrics", answers="reference"
            ),
        )

    def known_aging(self) -> KnownAging:
        o = self.options
        sustained = not (o.sawtooth or (o.cache_limit and not o.cache_per_request))
        return KnownAging(
            indicator="process_anon_swap_bytes",
            per_request=float(o.leak_per_request) if sustained else 0.0,
            per_hour=float(o.leak_per_hour) if sustained else 0.0,
        )
