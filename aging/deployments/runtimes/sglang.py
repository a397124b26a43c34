"""The server of SGLang, from the CUDA wheel, or a build for CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Duration, Flag
from aging.deployments.actions import MAIN_SIGTERM, HttpCall, Offer
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_RESET_CACHES = Offer(calls=(HttpCall("/flush_cache?timeout=10"),))
"""400 where requests are still under way after these seconds (0.5.23, ``srt/entrypoints/http_server.py``)."""

_SLEEP = Offer(
    # An idle scheduler alone may be asked: it asserts that (``scheduler_components/weight_updater.py``) and would die.
    calls=(HttpCall("/release_memory_occupation", body="{}"), HttpCall("/resume_memory_occupation", body="{}")),
    undo=(HttpCall("/resume_memory_occupation", body="{}"),),
)


class SglangOptions(PackagedOptions):
    """Options of ``sglang serve`` that affect its memory."""

    device: Literal["cuda", "cpu"] = Field(
        "cuda", description="device of the model; the wheel of its environment is for CUDA"
    )
    context: int = Field(1024, ge=64, description="longest sequence, in tokens")
    parallel: int = Field(16, ge=1, description="sequences decoded at the same time")
    kv_tokens: int | None = Field(
        None, ge=1, description="size of the KV cache in tokens; by default it fills the memory of `memory_share`"
    )
    memory_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="fraction of the device memory for weights and KV cache; by default that of SGLang",
    )
    radix_cache: Flag = Field(True, description="reuse the KV cache of common prompt prefixes")
    sleep_mode: Flag = Field(
        False,
        description='offer `action = "sleep"`, with `device = "cuda"` alone: `--enable-memory-saver`, with a copy of '
        "the weights in the memory of the host",
    )
    stop_timeout: Duration = Field(
        60.0, gt=0, description="time from SIGTERM to SIGKILL when it is stopped; SGLang notices SIGTERM within 5 s"
    )
    arguments: tuple[str, ...] = Field((), description="further arguments of `sglang serve`, as written")


class Sglang(Deployment[SglangOptions]):
    """``sglang serve`` in its own environment.

    SIGTERM to its main process alone makes it drain: it looks every 5 s whether it was asked and whether requests are
    left, then asks its schedulers to release the device and waits 15 s for them (0.5.23,
    ``srt/managers/tokenizer_manager.py``). Schedulers have no handler: a SIGTERM of their own ends them at once, with
    all requests.

    What it counts only once it has happened (retractions, cached tokens) is left to
    the raw metrics: a common name would be missing until then.
    """

    kind = "sglang"
    options_table = SglangOptions
    requirements = (Requirements("sglang", ("sglang==0.5.23",)),)
    model_format = "huggingface"

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_kv_cache_usage_ratio": EngineMetric(("sglang:token_usage",), combine="mean"),
        "engine_requests_running": EngineMetric(("sglang:num_running_reqs",)),
        "engine_requests_waiting": EngineMetric(("sglang:num_queue_reqs",)),
        "engine_prompt_tokens_total": EngineMetric(("sglang:prompt_tokens_total",)),
        "engine_generation_tokens_total": EngineMetric(("sglang:generation_tokens_total",)),
    }

    @property
    def _sleeps(self) -> bool:
        return self.options.sleep_mode and self.options.device == "cuda"

    def offered(self) -> Mapping[str, Offer]:
        return {**super().offered(), "reset-caches": _RESET_CACHES, **({"sleep": _SLEEP} if self._sleeps else {})}

    def not_offered(self) -> Mapping[str, str]:
        if self.options.device == "cpu":
            return {**super().not_offered(), "sleep": 'SGLang sleeps on a GPU alone, `device = "cuda"`'}
        return {**super().not_offered(), **({} if self.options.sleep_mode else {"sleep": "set `sleep_mode = true`"})}

    def launch(self) -> Launch:
        o = self.options
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        return Launch(
            argv=(
                self.program("sglang"),
                *("serve", "--model-path", self.served),
                *("--served-model-name", "local"),
                *("--host", "127.0.0.1", "--port", str(o.port)),
                *("--device", o.device),
                *("--context-length", str(o.context), "--max-running-requests", str(o.parallel)),
                *(() if o.kv_tokens is None else ("--max-total-tokens", str(o.kv_tokens))),
                *(() if o.memory_share is None else ("--mem-fraction-static", f"{o.memory_share:g}")),
                *(() if o.radix_cache else ("--disable-radix-cache",)),
                *(("--enable-memory-saver", "--enable-weights-cpu-backup") if self._sleeps else ()),
                "--enable-metrics",
                *("--log-level", "warning"),  # of the HTTP server, too: a line a request
                *o.arguments,
            ),
            env=offline | o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                metrics_path="/metrics",
                body={"ignore_eos": True},
                unsupported=() if "--enable-priority-scheduling" in o.arguments else ("priority",),
            ),
        )
