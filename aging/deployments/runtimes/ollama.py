"""Ollama, installed on the host. It serves imported models by name, without metrics."""

from __future__ import annotations

from pydantic import Field

from aging.campaign.schema import DeploymentOptions
from aging.core.endpoint import Endpoint
from aging.deployments.base import Deployment
from aging.deployments.lifecycle import Launch


class OllamaOptions(DeploymentOptions):
    """Options of ``ollama serve`` that affect its memory; they are passed in its environment."""

    program: str = Field("ollama", min_length=1, description="program name on the PATH, or path of the program")
    served_model: str = Field(min_length=1, description="name of the imported model, as in `ollama list`")
    models: str | None = Field(None, description="folder of the imported models; by default that of ollama")
    context: int = Field(1024, ge=64, description="context length of one sequence, in tokens")
    parallel: int = Field(4, ge=1, description="sequences decoded at the same time")


class Ollama(Deployment[OllamaOptions]):
    """``ollama serve``, which starts a runner for the model and keeps it.

    It honours no request to go on past the end of a text: answers may be shorter.
    """

    kind = "ollama"
    options_table = OllamaOptions
    needs_model = False

    def missing(self) -> str | None:
        if self.finds(self.options.program):
            return None
        return (
            f"there is no program {self.options.program!r}; ollama 0.32.15 is at "
            "https://github.com/ollama/ollama/releases, or runs from its image ollama/ollama:0.32.15 "
            'as kind = "container"'
        )

    def launch(self) -> Launch:
        o = self.options
        settings = {
            "OLLAMA_HOST": f"127.0.0.1:{o.port}",
            "OLLAMA_KEEP_ALIVE": "-1",  # or a model that idles is unloaded, and memory falls
            "OLLAMA_CONTEXT_LENGTH": str(o.context),
            "OLLAMA_NUM_PARALLEL": str(o.parallel),
            "OLLAMA_MAX_LOADED_MODELS": "1",
            "OLLAMA_NO_CLOUD": "1",
        }
        folder = {} if o.models is None else {"OLLAMA_MODELS": o.models}
        return Launch(
            argv=(o.program, "serve"),
            env=settings | folder | o.env,
            endpoint=Endpoint(f"http://127.0.0.1:{o.port}", model=o.served_model, unsupported=("priority",)),
        )
