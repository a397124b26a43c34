"""Memory of this process, from inside: in use in its allocators, to the byte, and anonymous, to the page."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import NamedTuple

_IN_BLOCKS = re.compile(rb"^# bytes in allocated blocks\s*=\s*([\d,]+)", re.MULTILINE)
_ANONYMOUS = {
    "/proc/self/smaps_rollup": re.compile(rb"^(?:Anonymous|Swap):\s+(\d+) kB", re.MULTILINE),
    "/proc/self/status": re.compile(rb"^(?:RssAnon|VmSwap):\s+(\d+) kB", re.MULTILINE),
}
"""Exact, or up to 64 pages a thread late; a kernel or a sandbox may have only the second."""

_PROBE_BYTES = 1 << 20


_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallInfo2(ctypes.Structure):
    """``struct mallinfo2`` of malloc.h, glibc 2.33 and newer."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


class Memory(NamedTuple):
    """Bytes: of Python's objects, of the C heap, both None where they cannot be read; and anonymous with swap."""

    python: int | None
    heap: int | None
    anonymous: int


class MemoryReader:
    """Reads the memory of the process that made it, with a file in memory and without growing itself.

    Python's small objects are those of pymalloc; larger ones are on the C heap. With ``PYTHONMALLOC=malloc`` all are.
    """

    def __init__(self) -> None:
        self._mallinfo2 = _mallinfo2()
        self._file = os.memfd_create("aging")

    def read(self) -> Memory:
        """The memory now."""
        heap = None if self._mallinfo2 is None else _in_use(self._mallinfo2)
        return Memory(None if heap is None else self._python(), heap, _anonymous())

    def _python(self) -> int | None:
        """Bytes in blocks of pymalloc, which CPython says on the file of standard error alone."""
        report = getattr(sys, "_debugmallocstats", None)
        if report is None:
            return None
        kept = os.dup(2)
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        try:
            os.dup2(self._file, 2)
            report()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        found = _IN_BLOCKS.search(os.pread(self._file, 1 << 16, 0))
        return None if found is None else int(found[1].replace(b",", b""))


def _mallinfo2() -> ctypes._NamedFuncPointer | None:
    """The function, where it counts what malloc gives: it does not under another allocator, such as jemalloc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return None
    function = library.mallinfo2
    function.restype = _MallInfo2
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    library.free.argtypes = (ctypes.c_void_p,)
    before = _in_use(function)
    block = library.malloc(_PROBE_BYTES)
    counted = _in_use(function) - before
    library.free(block)
    return function if counted >= _PROBE_BYTES else None


def _in_use(mallinfo2: ctypes._NamedFuncPointer) -> int:
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


def _anonymous() -> int:
    for path, pattern in _ANONYMOUS.items():
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            found = pattern.findall(os.read(file, 1 << 14))
        finally:
            os.close(file)
        if found:
            return 1024 * sum(map(int, found))
    raise OSError("neither /proc/self/smaps_rollup nor /proc/self/status says how much memory is anonymous")
