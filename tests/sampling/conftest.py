"""The stand-in for NVIDIA's library, built once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in as of today's drivers (``new``) and as of those before 510 (``old``)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the stand-in for NVML with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_standin.c")
    for name, define in ("new", "-DNEW_DRIVER"), ("old", "-DOLD_DRIVER"):
        (folder / name).mkdir()
        library = folder / name / "libnvidia-ml.so.1"
        flags = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", define]
        subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
    return folder
