"""Isolated environments of the runtimes under test, whose pinned packages conflict with each other."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.core.errors import AgingError, writing


def create(requirements: Requirements) -> Path:
    """Build the environment, unless it was built from the same recipe; return its folder.

    Packages are installed by ``uv`` if it is on the PATH, otherwise by the environment's pip; the output
    of the installer goes to the terminal. An interrupted build is continued. Raises :class:`AgingError`
    if the installer fails; a partial environment is not
    used.
    """
    folder = environments_folder() / requirements.name
    if requirements.installed(environments_folder()):
        return folder
    recipe, begun = json.dumps(requirements.recipe), folder / _BEGUN
    if not begun.is_file() or begun.read_text() != recipe:
        try:
            shutil.rmtree(folder, ignore_errors=True)
            import venv  # noqa: PLC0415 - to build one

            venv.create(folder, with_pip=True)
            begun.write_text(recipe)
        except OSError as error:
            raise AgingError(
                f"environment {requirements.name!r}: {folder} cannot be created: {error.strerror}"
            ) from None
    python = requirements.python(environments_folder())
    try:
        if requirements.left_out:
            _install_without(python, requirements)
        else:
            _install(python, requirements, requirements.pins)
    except subprocess.CalledProcessError as error:
        raise AgingError(
            f"environment {requirements.name!r}: {_installer()} exited {error.returncode} (see its output above); "
            f"to continue, run: aging env create {requirements.creation}"
        ) from None
    with writing(folder):
        requirements.stamp(environments_folder()).write_text(recipe)
    return folder


def remove(requirements: Requirements) -> Path:
    """Delete the environment; return its former folder."""
    folder = environments_folder() / requirements.name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def state(requirements: Requirements) -> str:
    """``installed``, ``half built``, ``outdated`` (built from another recipe) or ``not installed``."""
    if requirements.installed(environments_folder()):
        return "installed"
    if requirements.stamp(environments_folder()).exists():
        return "outdated"
    return "half built" if (environments_folder() / requirements.name).exists() else "not installed"


def built_variants(known: Mapping[str, Requirements]) -> Mapping[str, Requirements]:
    """The environments of other releases that exist, by name; ``known`` are those of the pinned ones."""
    found = {}
    for begun in sorted(environments_folder().glob(f"*+*/{_BEGUN}")):
        base, _, variant = begun.parent.name.partition("+")
        if base in known:
            pins = tuple(json.loads(begun.read_text()))
            kept = tuple(pin for pin in pins if not pin.startswith(_WITHOUT))
            found[begun.parent.name] = Requirements(begun.parent.name, kept, known[base].left_out, (variant,))
    return found


def _install_without(python: Path, requirements: Requirements) -> None:
    """Install the first pin without dependencies, then the others and its dependencies without those left out."""
    from aging.deployments.dependencies import canonical, dependencies, name_of  # noqa: PLC0415 - 2 MB, to build one

    package, *others = requirements.pins
    _install(python, requirements, ["--no-deps", package])
    excluded = canonical([*requirements.left_out, *map(name_of, others)])
    needs = dependencies(environments_folder() / requirements.name, name_of(package))
    _install(python, requirements, [*others, *(need for name, need in needs if name not in excluded)])


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
    """An isolated environment of a runtime: its name and pinned packages.

    ``left_out`` names dependencies that are not installed (not required to serve
    text, or not in a registry). The versions of all other dependencies are
    constrained by ``_pins/NAME.txt``, if it exists.
    """

    name: str
    pins: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    variant: tuple[str, ...] = ()
    """The requirements that replaced pins, as they were given."""

    def with_packages(self, packages: Sequence[str], kind: str) -> Requirements:
        """The same environment with these requirements in place of the pins of their names, under a name of its own.

        The ``kind`` of the runtime stands for its first pin's package, whatever that is called on this device. Versions
        of dependencies are those that the installer chooses for the other release. Raises ValueError for a text that
        is no requirement.
        """
        from aging.deployments.dependencies import replaced  # noqa: PLC0415 - 2 MB, where packages are named

        return Requirements(
            f"{self.name}+{folder_part(packages)}",
            tuple(replaced(self.pins, packages, kind)),
            self.left_out,
            tuple(packages),
        )

    @property
    def creation(self) -> str:
        """The arguments of ``aging env create`` that build it."""
        return shlex.join((self.name.partition("+")[0], *self.variant))

    def python(self, environments: Path) -> Path:
        """The path of the environment's interpreter; it need not exist."""
        return self.program(environments, "python")

    def program(self, environments: Path, name: str) -> Path:
        """The path of a program of the environment; it need not exist."""
        return environments / self.name / "bin" / name

    def stamp(self, environments: Path) -> Path:
        """The file that is written last, when the environment is complete."""
        return environments / self.name / "aging-pins.json"

    @property
    def constraints(self) -> Path | None:
        """The file with the versions of all dependencies; None without."""
        path = _PINS / f"{self.name}.txt"
        return path if path.is_file() else None

    @property
    def recipe(self) -> tuple[str, ...]:
        """Everything that determines the installed packages."""
        held = self.constraints.read_text().split() if self.constraints else ()
        return (*self.pins, *(f"{_WITHOUT}{name}" for name in self.left_out), *held)

    def installed(self, environments: Path) -> bool:
        """Whether the environment is complete and was built from this recipe."""
        stamp = self.stamp(environments)
        return stamp.exists() and tuple(json.loads(stamp.read_text())) == self.recipe


def folder_part(packages: Sequence[str]) -> str:
    """Requirements as a part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "-", "+".join(packages))[:_LONGEST_NAME]


def environments_folder() -> Path:
    """The folder of runtime environments: ``$AGING_ENVIRONMENTS``, or one in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging" / "environments"
    return Path(os.environ.get("AGING_ENVIRONMENTS") or default)


_BEGUN = "aging-begun.json"
_WITHOUT = "without "
_LONGEST_NAME = 120
_PINS = Path(__file__).parent / "_pins"
