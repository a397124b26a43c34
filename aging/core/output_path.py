"""Whether a file, or a folder of them, can be written where a user wants it, known before the work that makes it."""

from __future__ import annotations

import os
from pathlib import Path


def path_problem(path: Path) -> str | None:
    """Why a file cannot be written at ``path``; None if nothing speaks against it."""
    try:
        return _problem(path)
    except (OSError, ValueError) as error:  # a name that is too long, a NUL
        return f"{path}: {error.strerror if isinstance(error, OSError) else error}; name another file"


def folder_problem(path: Path) -> str | None:
    """Why no files can be written into a folder ``path``, which is made if need be; None if they can."""
    try:
        if path.exists() and not path.is_dir():
            return f"{path} is a file; name a folder"
        return path_problem(path / "file")
    except (OSError, ValueError) as error:
        return f"{path}: {error.strerror if isinstance(error, OSError) else error}; name another folder"


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return f"{path} is a directory; name a file in it"
    above = next(folder for folder in (path.parent, *path.absolute().parents) if folder.exists())
    if not above.is_dir():
        return f"{above} is not a directory; name a file in one"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{above} is not writable; name a file elsewhere"
    path.exists()  # raises for a name that no folder can hold
    return None
