"""Deployments, one runtime a file: the base contract.

A new runtime is a new file with one subclass of :class:`Deployment`. It says how
the runtime is launched and spoken to; it starts nothing itself. What is not
launched by a command line derives from :class:`DeploymentBase` and names another origin.
"""

from __future__ import annotations

import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import Field

from aging.campaign.schema import DeploymentOptions, SubjectOptions, Table
from aging.core import malloc_probe
from aging.core.endpoint import Endpoint
from aging.core.errors import require
from aging.core.plugins import discover
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.environments import Requirements, environments_folder
from aging.deployments.lifecycle import Launch, Origin
from aging.deployments.origins.child import LaunchedProcesses

ENTRY_POINT_GROUP = "aging.runtimes"


class EndpointOptions(Table):
    """How a server that the campaign knows nothing about is spoken to."""

    path: str = Field(
        "/v1/completions",
        pattern="^/",
        description="path of the OpenAI-style completions endpoint, or of Triton's `generate_stream`",
    )
    served_model: str = Field("{model}", description="model name that requests carry")
    body: dict[str, Any] = Field(default_factory=dict, description="keys added to every request's body")
    reuse_connections: Flag = Field(True, description="false for a server that closes connections after a stream")
    unsupported: tuple[Literal["chat", "n", "logprobs", "stop", "structured", "priority"], ...] = Field(
        (), description="options of the load that it refuses, and so is not asked for"
    )
    engine: str | None = Field(
        None, description="deployment kind that its metrics are those of, like `vllm`: they get their common names"
    )

    def endpoint(self, base_url: str, model: str | None, metrics_path: str | None = None) -> Endpoint:
        """The endpoint at ``base_url``, asked for ``model``."""
        return Endpoint(
            base_url,
            model=self.served_model.replace("{model}", model or "model"),
            path=self.path,
            metrics_path=metrics_path,
            body=self.body,
            reuse_connections=self.reuse_connections,
            unsupported=self.unsupported,
        )


@dataclass(frozen=True, slots=True)
class KnownAgeing:
    """What a control is configured to do: ``per_request`` and ``per_hour`` units of ``indicator``; 0 is clean."""

    indicator: str
    per_request: float
    per_hour: float


class _Unchosen(int):
    """Stands for a port in what is only described: as text it is what command lines of campaign files have for it."""

    def __str__(self) -> str:
        return "{port}"

    def __format__(self, _: str) -> str:
        return str(self)


UNCHOSEN = _Unchosen()

FRONT_UNSUPPORTED = ("logprobs", "n", "priority", "stop", "structured")
"""What our own front (``_scripts/openai_front.py``) has no words for: it passes over them."""

ModelFormat = Literal["gguf", "huggingface"]


S = TypeVar("S", bound=SubjectOptions)
O = TypeVar("O", bound=DeploymentOptions)  # noqa: E741


class DeploymentBase(ABC, Generic[S]):
    """What a campaign puts under test: its options from the campaign file and the model it serves.

    ``model`` is a path on this machine, a hub id, or None when the campaign names none. ``base`` is the folder that the
    relative paths of the campaign file begin at: the one that the campaign was started in.
    """

    kind: ClassVar[str]
    options_table: ClassVar[type[SubjectOptions]]
    requirements: ClassVar[tuple[Requirements, ...]] = ()
    """The environments it can be served from; :attr:`environment` is the one that it is."""
    needs_model: ClassVar[bool] = True
    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {}
    """Which metrics of its endpoint mean what others tell, too: common name to its own."""
    model_format: ClassVar[ModelFormat] = "gguf"
    """What a random-weight model is made as."""

    def __init__(self, options: S, model: str | None, base: Path = Path()) -> None:
        self.options = options
        self.model = model
        self.base = base

    @abstractmethod
    def origin(self) -> Origin:
        """Where its processes come from."""

    @property
    def port(self) -> int | None:
        """The loopback port that must be free for it; None when it needs none, or has none yet."""
        return None

    @property
    def chooses_port(self) -> bool:
        """Whether it is started on a free port, since the campaign names none."""
        return isinstance(self.options, DeploymentOptions) and self.options.port is None

    def at(self, port: int) -> Self:
        """The same on this port."""
        placed = copy(self)
        placed.options = self.options.model_copy(update={"port": port})
        return placed

    @property
    def served(self) -> str:
        """The model, of a runtime that needs one."""
        return require(self.model, f"the model of {self.options.name}")

    def finds(self, program: str) -> bool:
        """Whether there is such a program: on the PATH, or where it is said to be."""
        # A Path would drop the `./` that tells a file from a program on the PATH.
        return shutil.which(os.path.join(self.base, program) if os.sep in program else program) is not None

    @property
    def essential_key(self) -> str:
        """The key of the campaign file that says what :meth:`missing` looks for."""
        return "kind"

    @property
    def environment(self) -> Requirements | None:
        """The environment it is served from; None when it needs none."""
        return self.requirements[0] if self.requirements else None

    def missing(self) -> str | None:
        """What keeps it from being launched on this machine, and what would help; None when nothing does."""
        needs = self.environment
        if needs is None or needs.installed(environments_folder()):
            return None
        what = "installed in other versions than are pinned" if needs.stamp(environments_folder()).exists() else None
        return f"the {self.kind} runtime is {what or 'not installed'}; run: aging env create {needs.name}"

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        """Which of its metrics have a common name."""
        return self.engine_metrics

    def known_ageing(self) -> KnownAgeing | None:
        """The ageing this deployment is configured to have; None for a real runtime."""
        return None


class Deployment(DeploymentBase[O]):
    """A serving configuration that the campaign launches by a command line."""

    @abstractmethod
    def launch(self) -> Launch:
        """The command that serves, and how to speak to it; the options name its port."""

    @property
    def port(self) -> int | None:
        return self.options.port

    def origin(self) -> Origin:
        port = self.options.port
        if port is None:  # it is only described; what is started has a port
            return self.at(UNCHOSEN).origin()
        launch = self.launch()
        if self.options.allocator_probe:
            launch = replace(launch, env={**launch.env, **malloc_probe.environment(launch.env)})
        return LaunchedProcesses(launch, port, self.options.stop_timeout, self.base)


def metrics_of(engine: str | None) -> Mapping[str, EngineMetric]:
    """The metrics of a deployment kind that have a common name; none of no kind."""
    if engine is None:
        return {}
    kinds: Mapping[str, type[DeploymentBase[Any]]] = discover(sys.modules[__name__], DeploymentBase)
    return kinds[engine].engine_metrics
