"""Which commit of a git repository a file or folder belongs to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ASKED_SECONDS = 5.0
"""A status reads every file's size and time: 20 ms for 5,000 files, seconds on a cold disk of a million."""

_OF_A_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
)
"""What git sets for its hooks: a gate that one of them runs must not read or write the index of the commit."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checked-out repository: the folder of its tree, and the hash of its commit.

    ``changed`` is whether a file that git knows differs from the commit; None where git did not answer in time.
    """

    folder: Path
    commit: str
    changed: bool | None


def checkout_of(path: Path) -> Checkout | None:
    """The checkout that ``path`` belongs to, a file or a folder.

    None where there is no repository or no git, where git refuses (the repository of another user), and for what git
    does not know: an installed package in an ignored environment of a repository.
    """
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    found = _asked(folder, "rev-parse", "--show-toplevel", "HEAD")
    if found is None or len(lines := found.splitlines()) != len(("folder", "commit")):
        return None
    if not _knows(folder, name):
        return None
    status = _asked(folder, "status", "--porcelain", "--untracked-files=no")
    return Checkout(Path(lines[0]), lines[1], None if status is None else bool(status))


def git_environment() -> Mapping[str, str]:
    """The environment in which git finds the repository by its working directory alone."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def _knows(folder: Path, name: str) -> bool:
    return bool(_asked(folder, "ls-files", "--", name))


def _asked(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails, is missing, or takes too long. It writes nothing, also not the index."""
    command = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments)
    try:
        ran = subprocess.run(
            command,
            cwd=folder,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASKED_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
