"""A folder in the cache for as long as its process runs; what a killed process has left is removed by the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aging.core.errors import writing

_LOCK = "lock"


@contextlib.contextmanager
def own_folder(kind: str, prefix: str, clear: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """A new folder among those of a ``kind``, locked until the context or its process ends, and then removed.

    Folders of ended processes are removed first, unless ``clear``, which may take down what is in one, returns False.
    Raises StorageError.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging" / kind
    with writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / _LOCK).open("w") as alone:  # a folder is not left while its lock is about to be taken
            fcntl.flock(alone, fcntl.LOCK_EX)
            for other in cache.glob(f"*/{_LOCK}"):
                _remove_if_left(other.parent, clear)
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=cache))
            lock = (folder / _LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path, clear: Callable[[Path], bool]) -> None:
    with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if clear(folder):
            shutil.rmtree(folder, ignore_errors=True)
