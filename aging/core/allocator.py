"""Keeps the allocators from making this process seem to grow: the harness must be flat where it measures growth."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 16 * 2**20
_MAPPED_FROM_BYTES = 128 * 1024

_COLLECTIONS = (700, 3, 3)
"""Asyncio leaves a cycle of every connection and of every timeout. Collected seldom they pile up by the megabyte; full
collections are cheap where all that the process began with is frozen."""

_SIZES = (16, 64, 100, 128, 200, 256, 400, 470, 1500, 6000)
"""Of blocks, in bytes: up to 512 with an object's header they are Python's own allocator's, above the C library's."""


def keep_flat() -> None:
    """One heap for all threads, and big blocks mapped one by one, so that they go back to the kernel when freed.

    By default each thread has a heap of its own, and the size from which blocks are mapped rises with those that
    were freed: a table of some megabytes that is now and then made anew, by whichever thread it happens to, then
    leaves its size in the heap of every thread in turn. Other C libraries are left as they are.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)


def prefill_allocator(spare: int) -> None:
    """To be called when everything has been done once, and before anybody measures.

    Python's allocator takes memory by the megabyte, but a page of it counts when it is first used, and the last pages
    of what it has taken are first used after hours. So ``spare`` bytes of blocks of each size are taken and given back.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)
    for size in _SIZES:
        blocks = [bytes(size) for _ in range(spare // size)]
        del blocks
