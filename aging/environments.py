"""Isolated environments for the runtimes under test: their pins conflict with each other and never meet ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import venv
from pathlib import Path

from aging.deployments import Requirements, environments_folder
from aging.errors import AgingError


def create(requirements: Requirements) -> Path:
    """Build the environment with pip, or keep it when its pins are the same; returns its folder.

    pip's own output goes to the terminal. Raises :class:`AgingError` when pip fails;
    what it left is not taken for an environment.
    """
    folder = environments_folder() / requirements.name
    if requirements.installed(environments_folder()):
        return folder
    stamp = requirements.stamp(environments_folder())
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    python = requirements.python(environments_folder())
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *requirements.pins]
    try:
        subprocess.run(command, check=True)
        stamp.write_text(json.dumps(requirements.pins))
    except subprocess.CalledProcessError as error:
        raise AgingError(f"environment {requirements.name!r}: pip exited {error.returncode}; see its output") from None
    finally:
        if not stamp.exists():  # half an environment must not look like a whole one
            shutil.rmtree(folder, ignore_errors=True)
    return folder


def remove(requirements: Requirements) -> Path:
    """Delete the environment; returns where it was."""
    folder = environments_folder() / requirements.name
    shutil.rmtree(folder, ignore_errors=True)
    return folder
