"""What `trim` returns: ``python -m analysis.offers.trim``.

A process takes 256 MiB in blocks of a size from glibc's allocator, frees all but one of every N, and is asked by the
allocator probe to return what is free. The share that comes back depends on how many whole pages lie between the blocks
that stay. A line per case; anonymous memory is the kernel's figure, in MiB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from aging.core import malloc_probe

_MIB = 2**20
_TAKEN = 256 * _MIB
_SIZES = (64, 1024, 16 * 1024)
_KEPT = (1000, 64, 16, 4, 2)

_CHILD = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size, count, kept = map(int, sys.argv[1:])
blocks = (ctypes.c_void_p * count)()
for k in range(count):
    blocks[k] = libc.malloc(size - 16)
    ctypes.memset(blocks[k], 1, size - 16)
print("taken", flush=True)
sys.stdin.readline()
for k in range(count):
    if k % kept:
        libc.free(blocks[k])
print("freed", flush=True)
sys.stdin.readline()
"""


def main() -> None:
    """Print the table."""
    sys.stdout.write("block bytes | kept | taken MiB | freed | after trim | came back | of what was freed | seconds\n")
    for size in _SIZES:
        for kept in _KEPT:
            sys.stdout.write(_row(size, kept) + "\n")
            sys.stdout.flush()


def _row(size: int, kept: int) -> str:
    argv = [sys.executable, "-c", _CHILD, str(size), str(_TAKEN // size), str(kept)]
    env = {**os.environ, **malloc_probe.environment({})}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        taken = _anonymous(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        freed, free = _anonymous(child.pid), malloc_probe.ask(child.pid).retained
        began = time.monotonic()
        back = malloc_probe.trim([child.pid])[child.pid]
        seconds = time.monotonic() - began
        after = _anonymous(child.pid)
        child.stdin.close()
    figures = (f"{number / _MIB:.0f}" for number in (taken, freed, after, back))
    return f"{size} | 1 of {kept} | {' | '.join(figures)} | {back / free:.0%} | {seconds:.2f}"


def _anonymous(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) * 1024


if __name__ == "__main__":
    main()
