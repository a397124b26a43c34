"""One thread of linear algebra a process: where there is a process a core already, and where matrices are small."""

from __future__ import annotations

import os

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a process whose numpy is to start no threads."""


def one_thread() -> None:
    """To be called before numpy is imported, in a process that starts no server: what it starts inherits this.

    Several threads in each of several processes wait for each other, and the matrices of an analysis, 40 by 40, cost
    more to share than to compute: `aging analyze` of eight runs of an hour took 21 s of CPU on two busy cores, 4 so.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
