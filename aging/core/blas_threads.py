"""One BLAS thread per process, for process pools and for small matrices.

More threads only wait on 40 x 40 matrices: `aging trend` of 264 samples took 1.3 s of CPU with two threads and 0.5 s
with one, `aging analyze` of `results/first-look` 7.9 s and 4.2 s, with equal findings. Child processes inherit the
setting, so a process that starts servers under test must not use it.
"""

from __future__ import annotations

import os

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment variables that keep numpy from starting threads."""


def one_thread() -> None:
    """Limit BLAS to one thread, unless the user has set a number. Call it before numpy is imported."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
