"""The contract of a deployment; each runtime is one file with a subclass.

A subclass of :class:`Deployment` describes how a runtime is launched and where it answers; it starts
nothing itself. A deployment without a command line is a subclass of
:class:`DeploymentBase` with another origin.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import Field

import aging.deployments.runtimes
from aging.campaign.schema import DeploymentOptions, PackagedOptions, SubjectOptions, Table
from aging.core import malloc_probe
from aging.core.endpoint import Answers, Endpoint
from aging.core.errors import require
from aging.core.plugins import discover
from aging.core.targets import EngineMetric
from aging.core.units import Flag
from aging.deployments.actions import TRIM, Offer
from aging.deployments.environments import Requirements, create, environments_folder
from aging.deployments.lifecycle import Launch, Origin
from aging.deployments.origins.child import LaunchedProcesses
from aging.deployments.provenance import Provenance, of_interpreter

ENTRY_POINT_GROUP = "aging.runtimes"


class EndpointOptions(Table):
    """Address and dialect of a server without a built-in runtime."""

    path: str = Field(
        "/v1/completions",
        pattern="^/",
        description="path of the OpenAI-style completions endpoint, or of Triton's `generate_stream`",
    )
    served_model: str = Field("{model}", description="model name in the requests")
    body: dict[str, Any] = Field(default_factory=dict, description="keys added to the body of every request")
    reuse_connections: Flag = Field(True, description="`false` for a server that closes the connection after a stream")
    unsupported: tuple[Literal["chat", "n", "logprobs", "stop", "structured", "priority"], ...] = Field(
        (), description="options of the load that the server refuses; its requests do not use them"
    )
    verify: Answers = Field(
        "unknown",
        description='`"reference"`: reference servers answer, behind a proxy; every answer is verified token by token',
    )
    engine: str | None = Field(
        None,
        description="deployment kind with the same metrics, like `vllm`, so that they get their common "
        "names; none by default",
    )

    def endpoint(self, base_url: str, model: str | None, metrics_path: str | None = None) -> Endpoint:
        """The endpoint at ``base_url``, with ``model`` as the name of the model."""
        return Endpoint(
            base_url,
            model=self.served_model.replace("{model}", model or "model"),
            path=self.path,
            metrics_path=metrics_path,
            body=self.body,
            reuse_connections=self.reuse_connections,
            unsupported=self.unsupported,
            answers=self.verify,
        )


@dataclass(frozen=True, slots=True)
class KnownAging:
    """Configured growth of a control, in units of ``indicator`` per request and per hour; 0 is clean."""

    indicator: str
    per_request: float
    per_hour: float


class _Unchosen(int):
    """Placeholder of a port in descriptions; its text is the placeholder of campaign files."""

    def __str__(self) -> str:
        return "{port}"

    def __format__(self, _: str) -> str:
        return str(self)


UNCHOSEN = _Unchosen()

FRONT_UNSUPPORTED = ("logprobs", "n", "priority", "stop", "structured")
"""Load options that ``_scripts/openai_front.py`` ignores."""

ModelFormat = Literal["gguf", "huggingface"]


S = TypeVar("S", bound=SubjectOptions)
O = TypeVar("O", bound=DeploymentOptions)  # noqa: E741


class DeploymentBase(ABC, Generic[S]):
    """A deployment under test: its options from the campaign file and its model.

    ``model`` is a path on this host, a hub id, or None. ``base`` is the folder that relative paths of the campaign file
    start at: the working directory at the start of the campaign.
    """

    kind: ClassVar[str]
    options_table: ClassVar[type[SubjectOptions]]
    requirements: ClassVar[tuple[Requirements, ...]] = ()
    """The environments that it can run in; :attr:`environment` is the one in use."""
    needs_model: ClassVar[bool] = True
    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {}
    """Metrics of its endpoint by their common names."""
    model_format: ClassVar[ModelFormat] = "gguf"
    """File format of a random-weight model."""
    offers: ClassVar[Mapping[str, Offer]] = {}
    """Its rejuvenation actions beside `restart`, `replace` and `external`, by their names in campaign files."""

    def __init__(self, options: S, model: str | None, base: Path = Path()) -> None:
        self.options = options
        self.model = model
        self.base = base

    @abstractmethod
    def origin(self) -> Origin:
        """The origin of its processes."""

    @property
    def port(self) -> int | None:
        """The loopback port that must be free; None if it requires none, or has none yet."""
        return None

    @property
    def chooses_port(self) -> bool:
        """Whether the campaign file has no port for it, so that it starts on a free one."""
        return isinstance(self.options, DeploymentOptions) and self.options.port is None

    def at(self, port: int) -> Self:
        """The same deployment on this port."""
        deployment = copy(self)
        deployment.options = self.options.model_copy(update={"port": port})
        return deployment

    @property
    def served(self) -> str:
        """The model of a runtime that requires one."""
        return require(self.model, f"the model of {self.options.name}")

    def finds(self, program: str) -> bool:
        """Whether the program exists, on the PATH or at its path."""
        # A Path would drop the `./` that distinguishes a file from a program on the PATH.
        return shutil.which(os.path.join(self.base, program) if os.sep in program else program) is not None

    @property
    def essential_key(self) -> str:
        """The key of the campaign file that :meth:`missing` is about."""
        return "kind"

    @property
    def pinned(self) -> Requirements | None:
        """The environment with the pinned versions; None if it requires none."""
        return self.requirements[0] if self.requirements else None

    @property
    def environment(self) -> Requirements | None:
        """The environment that it runs in, with its `packages` where it has some; None if it requires none."""
        packages = self.options.packages if isinstance(self.options, PackagedOptions) else ()
        return self.pinned.with_packages(packages, self.kind) if self.pinned is not None and packages else self.pinned

    @property
    def interpreter(self) -> str:
        """The path of the interpreter of its environment."""
        return str(self._needed.python(environments_folder()))

    def program(self, name: str) -> str:
        """The path of a program of its environment."""
        return str(self._needed.program(environments_folder(), name))

    @property
    def _needed(self) -> Requirements:
        return require(self.environment, f"the environment of {self.options.name}")

    def missing(self) -> str | None:
        """Why it cannot be launched on this host, and the remedy; None if it can."""
        needs = self.environment
        if needs is None or needs.installed(environments_folder()):
            return None
        outdated = needs.stamp(environments_folder()).exists()
        what = "installed with other versions than the pinned ones" if outdated else "not installed"
        return f"the {self.kind} runtime is {what}; run: aging env create {needs.creation}"

    def install(self) -> None:
        """Build the environment that it runs in, unless it is built. Raises AgingError."""
        if self.environment is not None:
            create(self.environment)

    def provenance(self) -> Provenance:
        """What exactly serves, as far as it can be known before the start."""
        return Provenance() if self.environment is None else of_interpreter(Path(self.interpreter))

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        """Its metrics with a common name."""
        return self.engine_metrics

    def offered(self) -> Mapping[str, Offer]:
        """The :attr:`offers` that hold for its options."""
        return self.offers

    def not_offered(self) -> Mapping[str, str]:
        """Why an action is not offered that the kind may have, and what to set, by action."""
        return {}

    def known_aging(self) -> KnownAging | None:
        """The configured aging of a control; None for a real runtime."""
        return None


class Deployment(DeploymentBase[O]):
    """A serving configuration that the campaign launches by a command line."""

    @abstractmethod
    def launch(self) -> Launch:
        """The command line of the server and its endpoint; the options contain the port."""

    @property
    def port(self) -> int | None:
        return self.options.port

    def offered(self) -> Mapping[str, Offer]:
        return {**({"trim": TRIM} if self.options.allocator_probe else {}), **self.offers}

    def not_offered(self) -> Mapping[str, str]:
        return {} if "trim" in self.offered() else {"trim": "set `allocator_probe = true`"}

    def origin(self) -> Origin:
        port = self.options.port
        if port is None:  # only for descriptions: a deployment has a port when it starts
            return self.at(UNCHOSEN).origin()
        launch = self.launch()
        if self.options.allocator_probe:
            launch = replace(launch, env={**launch.env, **malloc_probe.environment(launch.env)})
        return LaunchedProcesses(launch, port, self.options.stop_timeout, self.base)


def metrics_of(engine: str | None) -> Mapping[str, EngineMetric]:
    """The metrics of a deployment kind with a common name; empty for None."""
    if engine is None:
        return {}
    kinds: Mapping[str, type[DeploymentBase[Any]]] = discover(aging.deployments.runtimes, DeploymentBase)
    return kinds[engine].engine_metrics
