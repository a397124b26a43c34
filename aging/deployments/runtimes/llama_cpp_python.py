"""The server of llama-cpp-python (llama.cpp behind FastAPI), without metrics."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from aging.campaign.schema import PackagedOptions
from aging.core.endpoint import Endpoint
from aging.core.units import Size
from aging.deployments.actions import MAIN_SIGTERM
from aging.deployments.base import Deployment
from aging.deployments.environments import Requirements
from aging.deployments.lifecycle import Launch

_SCRIPT = Path(__file__).parents[1] / "_scripts" / "llama_cpp_python_server.py"


class LlamaCppPythonOptions(PackagedOptions):
    """Options of ``llama_cpp.server`` that affect its memory."""

    context: int = Field(1024, ge=64, description="context length in tokens")
    threads: int = Field(1, ge=1, description="CPU threads that compute")
    gpu_layers: int = Field(
        0, ge=-1, description="number of layers on a GPU, -1 for all; requires a build with GPU support"
    )
    cache_size: Size | None = Field(
        None, gt=0, description="size of the in-memory cache of evaluated prompts; none by default"
    )
    arguments: tuple[str, ...] = Field((), description="further arguments of `llama_cpp.server`, as written")


class LlamaCppPython(Deployment[LlamaCppPythonOptions]):
    """``llama_cpp.server`` in its own environment. It computes one request at a time.

    It is uvicorn, in one process: at SIGTERM it refuses new connections and waits without limit for the answers under
    way; the script that starts it keeps its streams from being cut.

    It honours no request to go on past the end of a text: answers may be shorter.
    """

    kind = "llama-cpp-python"
    options_table = LlamaCppPythonOptions
    requirements = (Requirements("llama-cpp-python", ("llama-cpp-python[server]==0.3.36",)),)

    def launch(self) -> Launch:
        o = self.options
        cache = () if o.cache_size is None else ("--cache", "true", "--cache_size", str(o.cache_size))
        return Launch(
            argv=(
                self.interpreter,
                *("-u", str(_SCRIPT)),
                *("--model", self.served, "--model_alias", "local"),
                *("--host", "127.0.0.1", "--port", str(o.port)),
                *("--n_ctx", str(o.context)),
                *("--n_threads", str(o.threads), "--n_threads_batch", str(o.threads)),
                *("--n_gpu_layers", str(o.gpu_layers)),
                *("--interrupt_requests", "false"),  # or a request that comes cuts the stream under way short
                *cache,
                *("--verbose", "false"),
                *o.arguments,
            ),
            env=o.env,
            stop=MAIN_SIGTERM,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model="local",
                unsupported=("n", "priority", "structured"),  # one choice a request; json_object alone
            ),
        )
