"""Processes of a pool use one BLAS thread each."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os, sys
from aging.core.blas_threads import one_thread
assert "numpy" not in sys.modules, "too late: it has read the environment"
os.environ.clear()
one_thread()
print(os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"])
os.environ["OMP_NUM_THREADS"] = "3"
one_thread()
print(os.environ["OMP_NUM_THREADS"])
"""


def test_environment_is_set_before_numpy() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "1", "3"]
