"""Keeps glibc's allocator from making this process seem to grow: the harness must be flat where it measures growth."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_MAPPED_FROM_BYTES = 128 * 1024


def keep_flat() -> None:
    """One heap for all threads, and big blocks mapped one by one, so that they go back to the kernel when freed.

    By default each thread has a heap of its own, and the size from which blocks are mapped rises with those that
    were freed: a table of some megabytes that is now and then made anew, by whichever thread it happens to, then
    leaves its size in the heap of every thread in turn. Other C libraries are left as they are.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
