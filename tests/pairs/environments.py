"""The environments of the releases, made once in the user's cache: Python's by the mechanism of the runtimes, npm's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from aging.deployments.environments import Requirements, create
from tests.pairs.table import Pair, Release


def pairs_folder() -> Path:
    """The folder of the releases, beside that of the runtimes."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging" / "pairs"


def program(pair: Pair, release: Release) -> Path:
    """The program that runs the server in a release's environment, which is made if it is not there.

    Raises AgingError or CalledProcessError if the installer fails.
    """
    name = f"{pair.name}-{release.version}"
    if pair.installer == "npm":
        return _npm(pairs_folder() / name, release.requirements) / pair.program
    return python_environment(name, release.requirements) / pair.program


def python_environment(name: str, requirements: Sequence[str]) -> Path:
    """The folder of a Python environment with these requirements."""
    with patch.dict(os.environ, AGING_ENVIRONMENTS=str(pairs_folder())):
        return create(Requirements(name, tuple(requirements)))


def _npm(folder: Path, packages: Sequence[str]) -> Path:
    done = folder / "installed.txt"
    if not done.is_file() or done.read_text().split() != list(packages):
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        subprocess.run(["npm", "install", *quiet, "--prefix", str(folder), *packages], check=True)
        done.write_text("\n".join(packages))
    return folder
