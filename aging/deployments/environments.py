"""Isolated environments for the runtimes under test: their pins conflict with each other and never meet ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aging.core.errors import AgingError, writing


def create(requirements: Requirements) -> Path:
    """Build the environment, or keep it when it was made after the same recipe; returns its folder.

    Packages are installed by ``uv`` where it is on the PATH, else by the environment's pip; the
    installer's own output goes to the terminal. What an interrupted build has installed is
    kept and gone on from. Raises :class:`AgingError` when the installer fails; what it
    left is not taken for an environment.
    """
    folder = environments_folder() / requirements.name
    if requirements.installed(environments_folder()):
        return folder
    recipe, begun = json.dumps(requirements.recipe), folder / "aging-begun.json"
    if not begun.is_file() or begun.read_text() != recipe:
        try:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            begun.write_text(recipe)
        except OSError as error:
            raise AgingError(f"environment {requirements.name!r}: {folder} cannot be made: {error.strerror}") from None
    python = requirements.python(environments_folder())
    try:
        if requirements.left_out:
            _install_without(python, requirements)
        else:
            _install(python, requirements, requirements.pins)
    except subprocess.CalledProcessError as error:
        raise AgingError(
            f"environment {requirements.name!r}: {_installer()} exited {error.returncode}, its output above says why; "
            f"the same command goes on from what is there: aging env create {requirements.name}"
        ) from None
    with writing(folder):
        requirements.stamp(environments_folder()).write_text(recipe)
    return folder


def remove(requirements: Requirements) -> Path:
    """Delete the environment; returns where it was."""
    folder = environments_folder() / requirements.name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def state(requirements: Requirements) -> str:
    """``installed``, ``half built``, ``outdated`` (made after another recipe) or ``not installed``."""
    if requirements.installed(environments_folder()):
        return "installed"
    if requirements.stamp(environments_folder()).exists():
        return "outdated"
    return "half built" if (environments_folder() / requirements.name).exists() else "not installed"


def _install_without(python: Path, requirements: Requirements) -> None:
    """Install the first pin bare, then the other pins and what the first needs but for what is left out."""
    package, *others = requirements.pins
    _install(python, requirements, ["--no-deps", package])
    settled = [*requirements.left_out, *(Requirement(pin).name for pin in others)]
    needed = _needs(environments_folder() / requirements.name, Requirement(package).name)
    _install(python, requirements, [*others, *(need for name, need in needed if name not in _canonical(settled))])


def _needs(environment: Path, package: str) -> Iterator[tuple[str, str]]:
    """What an installed package needs on this host without extras: the canonical name, and the requirement.

    The environment's interpreter is this one, so that its markers are judged here.
    """
    packages = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    (found,) = distributions(name=package, path=[packages])
    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            needed.marker = None
            yield canonicalize_name(needed.name), str(needed)


def _canonical(names: Sequence[str]) -> set[str]:
    return {canonicalize_name(name) for name in names}


def _installer() -> str:
    return "pip" if shutil.which("uv") is None else "uv"


def _install(python: Path, requirements: Requirements, arguments: Sequence[str]) -> None:
    held = ("--constraint", str(requirements.constraints)) if requirements.constraints else ()
    uv = shutil.which("uv")
    if uv is None:
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    else:
        command = [uv, "pip", "install", "--python", str(python)]
    subprocess.run([*command, *held, *arguments], check=True)


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


_PINS = Path(__file__).parent / "_pins"
