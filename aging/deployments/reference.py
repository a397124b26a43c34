"""The built-in control: an OpenAI-compatible server that ages by a known amount."""

from __future__ import annotations

import sys
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import DeploymentOptions
from aging.campaign.units import Duration, Size
from aging.deployments import Deployment, Endpoint, KnownAgeing, Launch


class ReferenceOptions(DeploymentOptions):
    """How the reference server ages; everything 0 is a clean server."""

    ageing_is_known: ClassVar[bool] = True

    leak_per_request: Size = Field(0, description="anonymous memory lost with every request")
    leak_per_hour: Size = Field(0, description="anonymous memory lost with time")
    cache_limit: Size = Field(0, description="growth per request stops at this much: a bounded cache; 0 for no bound")
    sawtooth: Size = Field(0, description="everything leaked is freed each time this much has gathered; 0 for never")
    step: Size = Field(0, description="one jump of this much after `step_after` requests")
    step_after: int = Field(0, ge=0, description="requests before the jump")
    fds_per_request: float = Field(0.0, ge=0, description="file descriptors lost with every request")
    threads_per_request: float = Field(0.0, ge=0, description="threads lost with every request")
    latency_per_hour: Duration = Field(0.0, ge=0, description="seconds by which the first token is later, each hour")
    ttft: Duration = Field(0.005, ge=0, description="time to the first token")
    token: Duration = Field(0.001, ge=0, description="time between tokens")


class Reference(Deployment[ReferenceOptions]):
    """``python -m aging.reference`` with this interpreter."""

    kind = "reference"
    options_table = ReferenceOptions
    needs_model = False

    def launch(self) -> Launch:
        o = self.options
        flags = {
            "port": o.port,
            "leak-bytes-per-request": o.leak_per_request,
            "leak-bytes-per-hour": o.leak_per_hour,
            "cache-limit-bytes": o.cache_limit,
            "sawtooth-bytes": o.sawtooth,
            "step-bytes": o.step,
            "step-after-requests": o.step_after,
            "fds-per-request": o.fds_per_request,
            "threads-per-request": o.threads_per_request,
            "latency-seconds-per-hour": o.latency_per_hour,
            "ttft-seconds": o.ttft,
            "token-seconds": o.token,
        }
        arguments = (part for flag, value in flags.items() for part in (f"--{flag}", f"{value}"))
        return Launch(
            argv=(sys.executable, "-m", "aging.reference", *arguments),
            env=o.env,
            endpoint=Endpoint(f"http://127.0.0.1:{o.port}", model="reference", metrics_path="/metrics"),
        )

    def known_ageing(self) -> KnownAgeing:
        o = self.options
        sustained = not (o.cache_limit or o.sawtooth)
        return KnownAgeing(
            indicator="process_anon_swap_bytes",
            per_request=float(o.leak_per_request) if sustained else 0.0,
            per_hour=float(o.leak_per_hour) if sustained else 0.0,
        )
