"""One thread of linear algebra a process: where there is a process a core already, and where matrices are small.

Of the statistics' 40 x 40 matrices several threads make nothing but waiting: `aging trend` of 264 samples took 1.3 s
of CPU with two threads and 0.5 s with one, `aging analyze` of `results/first-look` 7.9 s and 4.2 s, the findings equal.
The processes that a program starts inherit the setting, so that nothing which starts a server under test may make it.
"""

from __future__ import annotations

import os

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a process whose numpy is to start no threads."""


def one_thread() -> None:
    """To be called before numpy is imported, which reads it then."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
