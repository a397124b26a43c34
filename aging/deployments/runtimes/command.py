"""Any server that a command line starts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from aging.campaign.schema import DeploymentOptions, Packages, requirements
from aging.core.processes.child import MAIN
from aging.core.targets import EngineMetric
from aging.deployments.actions import GROUP_SIGTERM, MAIN_SIGTERM
from aging.deployments.base import Deployment, EndpointOptions, metrics_of
from aging.deployments.interpreter import interpreter_of, located
from aging.deployments.lifecycle import Launch, Origin
from aging.deployments.overlay import Overlay
from aging.deployments.provenance import Provenance, of_command

CommandLine = Annotated[tuple[str, ...], Field(min_length=1)]
ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class CommandOptions(EndpointOptions, DeploymentOptions):
    """The command line of a server, and its address and dialect."""

    command: CommandLine = Field(description="program and arguments; `{port}` and `{model}` are replaced")
    components: dict[ComponentName, CommandLine] = Field(
        default_factory=dict,
        description="command lines of further processes of the same deployment, by name, such as `prefill` and "
        "`decode` behind a router: they start with it, are sampled separately, and end it when one of them ends",
    )
    folder: str | None = Field(
        None, description="working directory of the server; by default the one that `aging` was started in"
    )
    packages: Packages = Field(
        (),
        description="requirements that the server's Python finds before its installed packages, like "
        "`aiohttp==3.10.11`; they are installed without their dependencies. None by default",
    )
    metrics: str | None = Field(None, pattern="^/", description="path of the Prometheus endpoint; none by default")
    stop: Literal["group", "main"] = Field(
        "group",
        description='which of its processes get SIGTERM when it is stopped: all, or `"main"`, the first alone, for a '
        "server that drains by itself and needs its workers until then",
    )

    @field_validator("packages")
    @classmethod
    def _requirements(cls, packages: tuple[str, ...]) -> tuple[str, ...]:
        return requirements(packages)

    @field_validator("components")
    @classmethod
    def _main_is_taken(cls, components: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if MAIN in components:
            raise ValueError(f"{MAIN!r} is the name of `command` itself; call the component otherwise")
        return components


class Command(Deployment[CommandOptions]):
    """The command as written, with the port and the model filled in."""

    kind = "command"
    options_table = CommandOptions
    needs_model = False

    def origin(self) -> Origin:
        o = self.options
        if o.folder is None or o.port is None:
            return super().origin()
        moved = copy(self)
        moved.base = self.base / o.folder
        moved.options = o.model_copy(update={"folder": None})
        return moved.origin()

    def overlay(self) -> Overlay | None:
        """Its `packages` in front of those of its interpreter; None without. Raises ValueError if it has none."""
        o = self.options
        if not o.packages:
            return None
        python = interpreter_of(self._filled(o.command), self._folder, o.env)
        if python is None:
            raise ValueError(
                f"{o.command[0]!r} is neither a Python interpreter nor a script of one; `packages` needs that"
            )
        return Overlay(python, o.packages)

    def launch(self) -> Launch:
        o = self.options
        overlay = self.overlay()
        return Launch(
            argv=self._filled(o.command),
            env=o.env if overlay is None else {**o.env, **overlay.environment(o.env)},
            endpoint=o.endpoint(f"http://127.0.0.1:{o.port}", self.model, o.metrics),
            stop=GROUP_SIGTERM if o.stop == "group" else MAIN_SIGTERM,
            components={name: self._filled(argv) for name, argv in o.components.items()},
        )

    def provenance(self) -> Provenance:
        launch = self.launch()
        return of_command(launch.argv, self._folder, launch.env)

    @property
    def essential_key(self) -> str:
        return "command"

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        return metrics_of(self.options.engine)

    def install(self) -> None:
        if overlay := self.overlay():
            overlay.build()

    @property
    def _folder(self) -> Path:
        return self.base / (self.options.folder or "")

    def missing(self) -> str | None:
        if not self._folder.is_dir():
            return f"its folder {self.options.folder!r} does not exist"
        for argv in (self.options.command, *self.options.components.values()):
            program = self._filled(argv)[0]
            if located(program, self._folder, {}) is None:
                return f"the command {program!r} is not found on this machine; install it or give its full path"
        try:
            overlay = self.overlay()
        except ValueError as error:
            return str(error)
        if overlay is not None and not overlay.installed:
            return (
                f"{' '.join(overlay.packages)} is not installed for {overlay.python}; `aging check --against` does it"
            )
        return None

    def _filled(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        filled = (part.replace("{port}", str(self.options.port)) for part in argv)
        return tuple(part.replace("{model}", self.model or "model") for part in filled)
