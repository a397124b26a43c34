"""One thread of linear algebra a process, where there is a process a core already."""

from __future__ import annotations

import os

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a process whose numpy is to start no threads."""


def one_thread() -> None:
    """To be called before numpy is imported: several threads in each of several processes wait for each other."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
