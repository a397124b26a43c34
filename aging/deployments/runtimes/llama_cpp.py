"""The server of llama.cpp, from the ``xllamacpp`` wheel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import MAIN_SIGTERM, HttpCall, Offer
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "xllamacpp_server.py"


class LlamaCppOptions(PackagedOptions):
    """Options of llama.cpp's server that affect its memory."""

    context: int = Field(1024, ge=64, description="context length in tokens, shared by the parallel sequences")
    parallel: int = Field(4, ge=1, description="sequences decoded at the same time")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    cache_ram_mib: int | None = Field(
        None,
        ge=-1,
        description="limit of the host prompt cache in MiB; 0 turns it off; by default that of llama.cpp",
    )

    reset_caches: Flag = Field(
        False,
        description='offer `action = "reset-caches"`, which empties the slots; llama.cpp has no way to empty its host '
        "prompt cache",
    )

    @property
    def longest_sequence(self) -> int:
        """The parallel sequences share the context, each has its part."""
        return self.context // self.parallel


class LlamaCpp(Deployment[LlamaCppOptions]):
    """``xllamacpp`` in a separate environment, launched by a script that imports nothing of `aging`.

    At SIGTERM the script lets the answers under way end; llama.cpp's own ``llama-server`` ends with them
    (``tools/server/server.cpp``: ``ctx_server.terminate``).
    """

    kind = "llama-cpp"
    options_table = LlamaCppOptions
    requirements = (Requirements("llama-cpp", ("xllamacpp==2026.10.11549",)),)

    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {
        "engine_requests_running": EngineMetric(("llamacpp:requests_processing",)),
        "engine_requests_waiting": EngineMetric(("llamacpp:requests_deferred",)),
        "engine_prompt_tokens_total": EngineMetric(("llamacpp:prompt_tokens_total",)),
        "engine_prefix_cache_hits_total": EngineMetric(("llamacpp:prompt_tokens_cached_total",)),
        "engine_generation_tokens_total": EngineMetric(("llamacpp:tokens_predicted_total",)),
    }

    def offered(self) -> Mapping[str, Offer]:
        return {**super().offered(), **({"reset-caches": self._erasure()} if self.options.reset_caches else {})}

    def not_offered(self) -> Mapping[str, str]:
        missing = {} if self.options.reset_caches else {"reset-caches": "set `reset_caches = true`"}
        return {**super().not_offered(), **missing}

    def _erasure(self) -> Offer:
        """One call a slot; a busy one would be waited for (``tools/server/server-context.cpp``, SLOT_ERASE)."""
        return Offer(calls=tuple(HttpCall(f"/slots/{slot}?action=erase") for slot in range(self.options.parallel)))

    def launch(self) -> Launch:
        o = self.options
        cache = () if o.cache_ram_mib is None else ("--cache-ram-mib", str(o.cache_ram_mib))
        return Launch(
            argv=(
                self.interpreter,
                *("-u", str(_SCRIPT)),
                *("--model", self.served),
                *("--port", str(o.port)),
                *("--context", str(o.context)),
                *("--parallel", str(o.parallel)),
                *("--threads", str(o.threads)),
                *cache,
                *(("--slot-actions",) if o.reset_caches else ()),
                "--metrics",
            ),
            env=o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                metrics_path="/metrics",
                body={"ignore_eos": True},
                unsupported=("priority",),
                reuse_connections=False,  # it closes the connection after an SSE reply without saying so
            ),
        )
