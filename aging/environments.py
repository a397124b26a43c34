"""Isolated environments for the runtimes under test: their pins conflict with each other and never meet ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from aging.deployments import Requirements, environments_folder
from aging.errors import AgingError, writing

_NEEDED = """
import sys, importlib.metadata
from pip._vendor.packaging.requirements import Requirement
package, *settled = sys.argv[1:]
for text in importlib.metadata.requires(package) or ():
    needed = Requirement(text)
    if needed.name not in settled and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
        needed.marker = None
        print(needed)
"""
"""What a package that was installed without its dependencies needs, less what is left out or pinned otherwise."""


def create(requirements: Requirements) -> Path:
    """Build the environment with pip, or keep it when it was made after the same recipe; returns its folder.

    pip's own output goes to the terminal. What an interrupted build has installed is
    kept and gone on from. Raises :class:`AgingError` when pip fails; what it
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
            _pip(python, requirements, requirements.pins)
    except subprocess.CalledProcessError as error:
        raise AgingError(
            f"environment {requirements.name!r}: pip exited {error.returncode}, its output above says why; "
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
    _pip(python, requirements, ["--no-deps", package])
    settled = [*requirements.left_out, *(pin.partition("==")[0] for pin in others)]
    listed = subprocess.run(
        [python, "-c", _NEEDED, package.partition("==")[0], *settled], check=True, stdout=subprocess.PIPE, text=True
    )
    _pip(python, requirements, [*others, *listed.stdout.splitlines()])


def _pip(python: Path, requirements: Requirements, arguments: Sequence[str]) -> None:
    held = ("--constraint", str(requirements.constraints)) if requirements.constraints else ()
    subprocess.run([python, "-m", "pip", "install", "--disable-pip-version-check", *held, *arguments], check=True)
