"""Allocator settings that keep the memory of this process flat, in the runner and the load processes only.

A harness whose own memory grows could not measure the growth of others; ``docs/evidence.md`` has the figures.
"""

from __future__ import annotations

import ctypes
import gc
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 16 * 2**20
_MAPPED_FROM_BYTES = 128 * 1024

_COLLECTIONS = (700, 3, 3)
"""Asyncio leaves a reference cycle per connection and per timeout; rare collections let them grow to megabytes. Full
collections are cheap since the objects of the start are frozen."""

_SIZES = (16, 64, 100, 128, 200, 256, 400, 470, 1500, 6000)
"""Block sizes in bytes; with the object header, Python's allocator serves up to 512, the C library larger ones."""


def keep_flat() -> None:
    """Set glibc to one heap for all threads and to map large blocks separately, so that freeing returns them.

    By default each thread has a separate heap, and glibc raises the mapping threshold when large blocks are freed: a
    table of megabytes that different threads rebuild would then leave its size in the heap of each. No effect with
    other C libraries.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)


def prefill_allocator(spare: int) -> None:
    """Allocate and free ``spare`` bytes of blocks of each size; call it after start-up and before measurements.

    Python's allocator reserves memory by the megabyte, but a page becomes resident at its first use, which can be
    hours later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)
    for size in _SIZES:
        blocks = [bytes(size) for _ in range(spare // size)]
        del blocks
