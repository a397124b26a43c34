"""One thread of linear algebra a process, where there is a process a core already."""

from __future__ import annotations

import os

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread() -> None:
    """To be called before numpy is imported: several threads in each of several processes wait for each other."""
    for name in _LIBRARIES:
        os.environ.setdefault(name, "1")
