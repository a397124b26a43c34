"""A server in a docker or podman container, started and removed by the campaign and sampled on the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from aging.campaign.schema import DeploymentOptions
from aging.core.targets import EngineMetric
from aging.deployments.base import UNCHOSEN, DeploymentBase, EndpointOptions, metrics_of
from aging.deployments.origins.container import ContainerRun, arguments_of, refusal


class ContainerOptions(EndpointOptions, DeploymentOptions):
    """The image, its arguments, and what it can access on the host."""

    image: str = Field(min_length=1, description="image with tag or digest; it must be on this host")
    program: Literal["docker", "podman"] = Field("docker", description="program that runs the container")
    arguments: tuple[str, ...] = Field(
        (), description="arguments of the server; `{port}` (inside the container) and `{model}` are replaced"
    )
    container_port: int = Field(
        8000, ge=1, le=65535, description="port that the server listens on inside the container"
    )
    gpus: str | None = Field(
        None, description='GPUs in the container, as for `docker run --gpus`: `"all"`, `"device=0"`; none by default'
    )
    devices: tuple[str, ...] = Field((), description="devices in the container, like `/dev/dri`")
    volumes: tuple[str, ...] = Field(
        (),
        description="folders of the host in the container, like `/data:/data:ro`; a `[model]` on this host "
        "is always mounted",
    )
    options: tuple[str, ...] = Field((), description="further options of `docker run`, like `--shm-size=1g`, `--init`")
    metrics: str | None = Field(None, pattern="^/", description="path of the Prometheus endpoint; none by default")


class Container(DeploymentBase[ContainerOptions]):
    """``docker run`` in the foreground: the container ends with it, and it with the campaign."""

    kind = "container"
    options_table = ContainerOptions
    needs_model = False

    @property
    def port(self) -> int | None:
        return self.options.port

    def origin(self) -> ContainerRun:
        o = self.options
        if o.port is None:
            return self.at(UNCHOSEN).origin()
        model = self.model or "model"
        filled = (part.replace("{port}", str(o.container_port)).replace("{model}", model) for part in o.arguments)
        model_volume = [f"{model}:{model}:ro"] if Path(model).is_absolute() and Path(model).exists() else []
        arguments = arguments_of(
            {
                "--publish": [f"127.0.0.1:{o.port}:{o.container_port}"],
                "--env": [f"{name}={value}" for name, value in o.env.items()],
                "--volume": [*model_volume, *o.volumes],
                "--device": o.devices,
                "--gpus": [] if o.gpus is None else [o.gpus],
                "--log-driver": ["json-file"],
                "--log-opt": [f"max-size={o.log_size}"],
            }
        )
        return ContainerRun(
            program=o.program,
            name=f"aging-{o.name}-{o.port}",
            image=o.image,
            arguments=(*arguments, *o.options, o.image, *filled),
            endpoint=o.endpoint(f"http://127.0.0.1:{o.port}", self.model, o.metrics),
            port=o.container_port,
            patience=o.stop_timeout,
            folder=self.base,
        )

    @property
    def essential_key(self) -> str:
        return "image"

    def not_offered(self) -> Mapping[str, str]:
        return {"trim": "the allocator probe cannot be loaded into a container"}

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        return metrics_of(self.options.engine)

    def missing(self) -> str | None:
        return refusal(self.options.program, self.options.image)
