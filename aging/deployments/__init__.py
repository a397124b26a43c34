"""Deployments, one runtime a file: the base contract.

A new runtime is a new file with one subclass of :class:`Deployment`. It says how
the runtime is launched and spoken to; it starts nothing itself.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from aging.campaign.schema import DeploymentOptions
from aging.samplers import EngineMetric


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a serving deployment is spoken to.

    ``base_url`` + ``path`` takes an OpenAI-style completion; ``body`` is merged
    into every request (what this runtime needs to honour lengths exactly);
    ``reuse_connections`` is false for runtimes that close after a stream.
    """

    base_url: str
    model: str
    path: str = "/v1/completions"
    metrics_path: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    reuse_connections: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """The command line of a serving process and the environment variables added to the harness's own."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    endpoint: Endpoint


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


ModelFormat = Literal["gguf", "huggingface"]

_PINS = Path(__file__).parent / "_pins"

O = TypeVar("O", bound=DeploymentOptions)  # noqa: E741


class Deployment(ABC, Generic[O]):
    """One serving configuration: its options from the campaign file and the model it serves.

    ``model`` is a path on this machine, a hub id, or None when the campaign names none.
    """

    kind: ClassVar[str]
    options_table: ClassVar[type[DeploymentOptions]]
    requirements: ClassVar[tuple[Requirements, ...]] = ()
    """The environments it can be served from; :attr:`environment` is the one that it is."""
    needs_model: ClassVar[bool] = True
    engine_metrics: ClassVar[Mapping[str, EngineMetric]] = {}
    """Which metrics of its endpoint mean what others tell, too: common name to its own."""
    model_format: ClassVar[ModelFormat] = "gguf"
    """What a random-weight model is made as."""

    def __init__(self, options: O, model: str | None) -> None:
        self.options = options
        self.model = model

    @abstractmethod
    def launch(self) -> Launch:
        """The command that serves, and how to speak to it."""

    @property
    def environment(self) -> Requirements | None:
        """The environment it is served from; None when it needs none."""
        return self.requirements[0] if self.requirements else None

    def missing(self) -> str | None:
        """What keeps it from being launched on this machine, and what would help; None when nothing does."""
        needs = self.environment
        if needs is None or needs.installed(environments_folder()):
            return None
        return f"the {self.kind} runtime is not installed; run: aging env create {needs.name}"

    def known_ageing(self) -> KnownAgeing | None:
        """The ageing this deployment is configured to have; None for a real runtime."""
        return None
