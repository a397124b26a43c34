"""Deployments, one runtime a file: the base contract.

A new runtime is a new file with one subclass of :class:`Deployment`. It says how
the runtime is launched and spoken to; it starts nothing itself. What is not
launched by a command line derives from :class:`Subject` and names another origin.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar

from pydantic import Field

from aging.campaign.schema import DeploymentOptions, SubjectOptions, Table
from aging.core import malloc_probe
from aging.core.errors import DeploymentError, needed, writing
from aging.core.plugins import discover
from aging.core.processes.child import MAIN, Adopted, Child, Children, Life
from aging.core.processes.ownership import LIFE, Identity, age, command_line, environment, lives, mark
from aging.core.units import Flag
from aging.sampling.base import EngineMetric

ENTRY_POINT_GROUP = "aging.runtimes"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a serving deployment is spoken to.

    ``base_url`` + ``path`` takes an OpenAI-style completion, or a request of
    Triton's generate extension where the path ends in ``/generate_stream``;
    ``body`` is merged into every request (what this runtime needs to honour
    lengths exactly); ``reuse_connections`` is false for runtimes that close after
    a stream; ``metrics_port`` is told where the metrics have one of their own.
    ``unsupported`` are the options of a load (``n``, ``logprobs``, …, and ``priority``)
    that this runtime refuses: its requests do not ask for them.
    """

    base_url: str
    model: str
    path: str = "/v1/completions"
    metrics_path: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    reuse_connections: bool = True
    metrics_port: int | None = None
    unsupported: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsupported", tuple(self.unsupported))  # JSON knows lists alone

    @property
    def metrics_url(self) -> str | None:
        """Where its Prometheus metrics are, if anywhere."""
        if self.metrics_path is None:
            return None
        base = self.base_url if self.metrics_port is None else f"http://127.0.0.1:{self.metrics_port}"
        return base + self.metrics_path


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
class Launch:
    """The command line of a serving process and the environment variables added to the harness's own.

    ``components`` are the command lines of further processes of the same deployment, by name.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    endpoint: Endpoint
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Origin(Protocol):
    """Where the lives of what is under test come from, and how they are spoken to."""

    @property
    def endpoint(self) -> Endpoint | None:
        """Where load is sent; None where there is nowhere to."""

    @property
    def metrics_url(self) -> str | None:
        """Where its Prometheus metrics are, if anywhere."""

    @property
    def returns(self) -> bool:
        """Whether, after its end, another life may begin without our doing."""

    async def begin(self, campaign: Path, log: Path) -> Life:
        """The next life; its output is appended to ``log``. Raises DeploymentError when there is none."""

    async def readopt(self, past: PastLife) -> Life | None:
        """The life that an earlier runner followed, if it still goes on; None when it does not."""

    def described(self) -> Mapping[str, Any]:
        """What the manifest tells of it: command lines, images, whereabouts."""


@dataclass(frozen=True, slots=True)
class PastLife:
    """What the journal tells of a life that a runner which has gone had begun or found.

    ``processes`` are those that it started, by component; ``main`` is the main one, whoever started it.
    ``command`` is its command line as the kernel showed it when it was ready; ``log`` the log that marks it.
    """

    processes: Mapping[str, Identity]
    main: Identity | None
    command: tuple[str, ...]
    log: Path

    def proven(self) -> bool:
        """Whether every process that was started still lives, and is no other.

        Pid and start time must agree, and then the mark of this life in its environment; where a program that
        sets its title has wiped that, its command line.
        """
        return bool(self.processes) and all(
            lives(one) and self._told(one.pid, main=name == MAIN) for name, one in self.processes.items()
        )

    def _told(self, pid: int, *, main: bool) -> bool:
        marks = environment(pid)
        if marks:
            return marks.get(LIFE) == mark(self.log)
        return main and bool(self.command) and command_line(pid) == self.command


@dataclass(frozen=True, slots=True)
class Started:
    """An origin: child processes started by us in ``folder`` on ``port``.

    They are ended with ``patience`` seconds from SIGTERM to SIGKILL.
    """

    launch: Launch
    port: int
    patience: float
    folder: Path = Path()
    returns: ClassVar[bool] = False

    @property
    def endpoint(self) -> Endpoint:
        return self.launch.endpoint

    @property
    def metrics_url(self) -> str | None:
        return self.launch.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Children:
        children: dict[str, Child] = {}
        marked = {**self.launch.env, LIFE: mark(log)}
        try:
            with opened(log) as output:
                for name, argv in {MAIN: self.launch.argv, **self.launch.components}.items():
                    children[name] = await Child.start(argv, marked, campaign, output, folder=self.folder)
        except (asyncio.CancelledError, DeploymentError):  # nobody else knows of those that have started
            for child in children.values():
                await child.terminate(patience=0.0)
            raise
        return Children(children, self.launch.argv, self.port, self.patience, time.monotonic())

    async def readopt(self, past: PastLife) -> Children | None:
        if not past.proven():
            return None
        members = {name: Adopted(one, mark(past.log)) for name, one in past.processes.items()}
        born = time.monotonic() - age(past.processes[MAIN].pid)
        return Children(members, self.launch.argv, self.port, self.patience, born)

    def described(self) -> Mapping[str, Any]:
        components = {name: list(argv) for name, argv in self.launch.components.items()}
        told = {"command": list(self.launch.argv), "env": dict(self.launch.env)}
        return told | ({"components": components} if components else {})


def opened(log: Path) -> IO[bytes]:
    """The log that a life's output is appended to. Raises StorageError."""
    with writing(log):
        return log.open("ab")


@dataclass(frozen=True, slots=True)
class KnownAgeing:
    """What a control is configured to do: ``per_request`` and ``per_hour`` units of ``indicator``; 0 is clean."""

    indicator: str
    per_request: float
    per_hour: float


@dataclass(frozen=True, slots=True)
class Requirements:
    """An isolated environment a runtime needs: its name and pinned packages.

    ``left_out`` names dependencies of the packages that are not installed (what
    serving text does not need, or what no registry has). Everything else that
    pip brings is held to ``_pins/NAME.txt`` where there is one.
    """

    name: str
    pins: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def python(self, environments: Path) -> Path:
        """The environment's interpreter, whether it exists or not."""
        return self.program(environments, "python")

    def program(self, environments: Path, name: str) -> Path:
        """A program of the environment, whether it exists or not."""
        return environments / self.name / "bin" / name

    def stamp(self, environments: Path) -> Path:
        """The file that is written last, when the environment is whole."""
        return environments / self.name / "aging-pins.json"

    @property
    def constraints(self) -> Path | None:
        """Versions of all that the pins bring along; None where nobody has written them down."""
        path = _PINS / f"{self.name}.txt"
        return path if path.is_file() else None

    @property
    def recipe(self) -> tuple[str, ...]:
        """All that determines what is installed."""
        held = self.constraints.read_text().split() if self.constraints else ()
        return (*self.pins, *(f"without {name}" for name in self.left_out), *held)

    def installed(self, environments: Path) -> bool:
        """Whether the environment is whole and made after just this recipe."""
        stamp = self.stamp(environments)
        return stamp.exists() and tuple(json.loads(stamp.read_text())) == self.recipe


def environments_folder() -> Path:
    """Where runtime environments live: ``$AGING_ENVIRONMENTS``, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging" / "environments"
    return Path(os.environ.get("AGING_ENVIRONMENTS") or default)


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

_PINS = Path(__file__).parent / "_pins"

S = TypeVar("S", bound=SubjectOptions)
O = TypeVar("O", bound=DeploymentOptions)  # noqa: E741


class Subject(ABC, Generic[S]):
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
        return needed(self.model, f"the model of {self.options.name}")

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


class Deployment(Subject[O]):
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
        return Started(launch, port, self.options.stop_timeout, self.base)


def metrics_of(engine: str | None) -> Mapping[str, EngineMetric]:
    """The metrics of a deployment kind that have a common name; none of no kind."""
    if engine is None:
        return {}
    kinds: Mapping[str, type[Subject[Any]]] = discover(sys.modules[__name__], Subject)
    return kinds[engine].engine_metrics
