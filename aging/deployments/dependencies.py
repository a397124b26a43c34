"""What an installed package requires, by the rules of package metadata."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def name_of(pin: str) -> str:
    """The name of the package that a requirement such as ``vllm==0.9`` is of."""
    return Requirement(pin).name


def replaced(pins: Sequence[str], packages: Sequence[str], kind: str) -> list[str]:
    """The pins with these requirements in the place of those of the same name; others are added.

    ``kind`` stands for the package of the first pin; the extras of a pin stay where its replacement names none. Raises
    InvalidRequirement, a ValueError, for a text that is no requirement.
    """
    chosen = {canonicalize_name(Requirement(pin).name): Requirement(pin) for pin in pins}
    first = next(iter(chosen))
    for text in packages:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        if name == canonicalize_name(kind) and name not in chosen:
            name, wanted.name = first, chosen[first].name
        if name in chosen and not wanted.extras:
            wanted.extras = chosen[name].extras
        chosen[name] = wanted
    return [str(requirement) for requirement in chosen.values()]


def dependencies(environment: Path, package: str) -> Iterator[tuple[str, str]]:
    """The requirements of an installed package on this host, without extras: canonical name and requirement.

    The environment has the same interpreter, so its markers are evaluated here.
    """
    packages = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    (found,) = distributions(name=package, path=[packages])
    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            needed.marker = None
            yield canonicalize_name(needed.name), str(needed)


def unmet(requires: Sequence[str], installed: Mapping[str, str], python: str) -> Iterator[tuple[str, str]]:
    """The requirements of a package that ``installed`` versions do not meet: canonical name, and requirement.

    ``python`` is the version of the interpreter; the platform is this one.
    """
    platform = {"extra": "", "python_full_version": python, "python_version": python.rpartition(".")[0]}
    for text in requires:
        needed = Requirement(text)
        if needed.marker is not None and not needed.marker.evaluate(platform):
            continue
        found = installed.get(canonicalize_name(needed.name))
        if found is None or not needed.specifier.contains(found, prereleases=True):
            needed.marker = None
            yield canonicalize_name(needed.name), str(needed)


def canonical(names: Sequence[str]) -> set[str]:
    """The names as package indexes compare them."""
    return {canonicalize_name(name) for name in names}
