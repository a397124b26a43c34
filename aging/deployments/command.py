"""Any server at all: a command line, and where it answers."""

from __future__ import annotations

import shutil
from typing import Any

from pydantic import Field

from aging.campaign.schema import DeploymentOptions
from aging.deployments import Deployment, Endpoint, Launch


class CommandOptions(DeploymentOptions):
    """A command line and how the server it starts is spoken to."""

    command: tuple[str, ...] = Field(
        min_length=1, description="program and arguments; `{port}` and `{model}` are filled in"
    )
    path: str = Field("/v1/completions", pattern="^/", description="path of the OpenAI-style completions endpoint")
    metrics: str | None = Field(None, pattern="^/", description="path of the Prometheus endpoint, if there is one")
    served_model: str = Field("{model}", description="model name that requests carry")
    body: dict[str, Any] = Field(default_factory=dict, description="keys added to every request's body")
    reuse_connections: bool = Field(True, description="false for a server that closes connections after a stream")


class Command(Deployment[CommandOptions]):
    """The command as written, with the port and the model filled in."""

    kind = "command"
    options_table = CommandOptions
    needs_model = False

    def launch(self) -> Launch:
        o = self.options
        return Launch(
            argv=tuple(self._fill(part) for part in o.command),
            env=o.env,
            endpoint=Endpoint(
                f"http://127.0.0.1:{o.port}",
                model=self._fill(o.served_model),
                path=o.path,
                metrics_path=o.metrics,
                body=o.body,
                reuse_connections=o.reuse_connections,
            ),
        )

    def missing(self) -> str | None:
        program = self._fill(self.options.command[0])
        if shutil.which(program):
            return None
        return f"the command {program!r} is not found on this machine; install it or give its full path"

    def _fill(self, text: str) -> str:
        return text.replace("{port}", str(self.options.port)).replace("{model}", self.model or "model")
