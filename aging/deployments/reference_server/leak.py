"""Aging of the reference server: amounts as pure functions of requests and time, and resources held to match them."""

from __future__ import annotations

import _thread
import contextlib
import mmap
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

PAGE_BYTES = mmap.PAGESIZE
CHUNK_BYTES = 4 * 1024 * 1024
"""Size of a mapping: virtual memory grows smoothly, and 100 GB take 25,000 mappings."""


def _amount(help_text: str) -> float:
    value: float = field(default=0.0, metadata={"help": help_text})
    return value


@dataclass(frozen=True, slots=True)
class Freed:
    """Bytes of the growth and of the cache that have been given back."""

    growth: float = 0.0
    cache: float = 0.0


NOTHING_FREED = Freed()


@dataclass(frozen=True, slots=True)
class Aging:
    """Configured aging of a server; all zero is a clean server.

    Growth is what requests and time add up to; a sawtooth frees it whenever that much has piled up, and a step comes
    on top. Beside it a cache may grow up to its limit; a limit without ``cache_bytes_per_request`` makes the growth
    itself a cache. A reset frees the cache, a trim the retained share of the growth, nothing but the end of the
    process the rest. Requests are counted when a well-formed one has been read, so that a client that leaves midway
    does not change the rate.
    """

    leak_bytes_per_request: float = _amount("anonymous memory kept for good by each request, in bytes")
    leak_bytes_per_hour: float = _amount("anonymous memory kept for good by time alone, in bytes per hour")
    cache_bytes_per_request: float = _amount("memory that each request adds to a cache beside the growth, in bytes")
    cache_limit_bytes: float = _amount("the cache (or else the growth) stops here, in bytes; 0 = no limit")
    retained_share: float = _amount("share of the growth that an allocator retains, and a trim frees, from 0 to 1")
    exhausts_at_bytes: float = _amount("the process is killed when it holds so much because of age; 0 = never")
    sawtooth_bytes: float = _amount("growth is freed each time it reaches this, in bytes; 0 = never")
    step_bytes: float = _amount("one jump of this size, in bytes")
    step_after_requests: float = _amount("the jump comes with this request, counted from 1")
    fds_per_request: float = _amount("file descriptors left open by each request; fractions add up")
    threads_per_request: float = _amount("threads left behind by each request; fractions add up")
    latency_seconds_per_hour: float = _amount("time to first token grows by this, in seconds per hour")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{each.name}: {value} is not a finite number from 0 up")
        if self.retained_share > 1:
            raise ValueError(f"retained_share: {self.retained_share} is more than 1")
        if self.sawtooth_bytes and self.retained_share:
            raise ValueError("sawtooth_bytes and retained_share: growth is freed by itself or by a trim, not both")
        if self.cache_limit_bytes and self.sawtooth_bytes:
            raise ValueError("cache_limit_bytes and sawtooth_bytes: growth either stops or is freed, not both")
        if bool(self.step_bytes) != bool(self.step_after_requests):
            raise ValueError("step_bytes and step_after_requests: a step needs both")

    def held_bytes(self, requests: int, seconds: float, freed: Freed = NOTHING_FREED) -> int:
        """Leaked anonymous memory in bytes, at this age and after what has been freed."""
        growth = self.growth(requests, seconds) - freed.growth
        if self.sawtooth_bytes:
            growth %= self.sawtooth_bytes
        cache = self.cache(requests, seconds) - freed.cache
        if self.cache_limit_bytes:
            cache = min(cache, self.cache_limit_bytes)
        step = self.step_bytes if self.step_bytes and requests >= self.step_after_requests else 0
        return int(growth + cache + step)

    def growth(self, requests: int, seconds: float) -> float:
        """Bytes of all growth up to this age that is no cache."""
        return self._added(requests, seconds) if self._apart else 0.0

    def cache(self, requests: int, seconds: float) -> float:
        """Bytes that have been put into the cache up to this age, were it without a limit."""
        return self.cache_bytes_per_request * requests if self._apart else self._added(requests, seconds)

    def _added(self, requests: int, seconds: float) -> float:
        return self.leak_bytes_per_request * requests + self.leak_bytes_per_hour * seconds / 3600

    @property
    def _apart(self) -> bool:
        """Whether the cache is beside the growth."""
        return bool(self.cache_bytes_per_request) or not self.cache_limit_bytes

    def held_fds(self, requests: int) -> int:
        """Leaked file descriptors after this number of requests."""
        return int(self.fds_per_request * requests)

    def held_threads(self, requests: int) -> int:
        """Leaked threads after this number of requests."""
        return int(self.threads_per_request * requests)

    def extra_latency(self, seconds: float) -> float:
        """Increase of the time to first token at this age, in seconds."""
        return self.latency_seconds_per_hour * seconds / 3600


class Arena:
    """Anonymous private memory with page resolution, allocated by ``mmap`` without an allocator.

    Neither malloc nor Python's own pools can round, retain or return what comes
    straight from the kernel and is touched page by page; huge pages are refused
    because one touch of one would count 2 MiB.
    """

    def __init__(self) -> None:
        self._chunks: list[mmap.mmap] = []
        self._pages = 0

    @property
    def held_bytes(self) -> int:
        """Resident bytes: whole pages."""
        return self._pages * PAGE_BYTES

    def hold(self, size: int) -> None:
        """Hold ``size`` resident bytes, rounded down to whole pages."""
        pages = size // PAGE_BYTES
        if pages > self._pages:
            self._grow(pages)
        elif pages < self._pages:
            self._shrink(pages)

    def _grow(self, pages: int) -> None:
        while self._pages < pages:
            index, offset = divmod(self.held_bytes, CHUNK_BYTES)
            if index == len(self._chunks):
                self._chunks.append(_fresh_chunk())
            end = min(CHUNK_BYTES, offset + (pages - self._pages) * PAGE_BYTES)
            count = (end - offset) // PAGE_BYTES
            self._chunks[index][offset:end:PAGE_BYTES] = b"\1" * count
            self._pages += count

    def _shrink(self, pages: int) -> None:
        whole, rest = divmod(pages * PAGE_BYTES, CHUNK_BYTES)
        while len(self._chunks) > whole + (rest > 0):
            self._chunks.pop().close()
        if rest:
            self._chunks[whole].madvise(mmap.MADV_DONTNEED, rest, CHUNK_BYTES - rest)
        self._pages = pages


def _fresh_chunk() -> mmap.mmap:
    chunk = mmap.mmap(-1, CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages rejects the advice
        chunk.madvise(mmap.MADV_NOHUGEPAGE)
    return chunk


class Ager:
    """The age of a server, and the resources that it leaks."""

    def __init__(self, aging: Aging, now: Callable[[], float] = time.monotonic) -> None:
        self.aging = aging
        self.requests = 0
        self.fds = 0
        self.threads = 0
        self._arena = Arena()
        self._freed = NOTHING_FREED
        self._now = now
        self._born = now()
        self._null = os.open(os.devnull, os.O_RDONLY) if aging.fds_per_request else -1
        self._never = _thread.allocate_lock()
        self._never.acquire()
        if aging.threads_per_request:
            _thread.stack_size(64 * 1024)

    @property
    def seconds(self) -> float:
        """Age in seconds."""
        return self._now() - self._born

    @property
    def held_bytes(self) -> int:
        """Leaked resident bytes."""
        return self._arena.held_bytes

    def count_request(self) -> None:
        """Count one request.

        Raises ``OSError`` where the process can have no more descriptors and
        ``RuntimeError`` where it can have no more threads.
        """
        self.requests += 1
        self.catch_up()
        for _ in range(self.aging.held_fds(self.requests) - self.fds):
            os.dup(self._null)
            self.fds += 1
        for _ in range(self.aging.held_threads(self.requests) - self.threads):
            _thread.start_new_thread(self._never.acquire, ())
            self.threads += 1

    def catch_up(self) -> None:
        """Hold the memory of the present age; called between requests, since memory can also leak with time.

        Where that exhausts what the server may hold, the process is killed, as by the kernel of a full control group.
        """
        due, most = self.aging.held_bytes(self.requests, self.seconds, self._freed), self.aging.exhausts_at_bytes
        if most and due >= most:
            os.kill(os.getpid(), signal.SIGKILL)
        self._arena.hold(due)

    def trim(self) -> int:
        """Give back what the allocator retains; the bytes that came back."""
        growth = self.aging.retained_share * self.aging.growth(self.requests, self.seconds)
        return self._free(replace(self._freed, growth=growth))

    def reset_caches(self) -> int:
        """Empty the cache; the bytes that came back."""
        return self._free(replace(self._freed, cache=self.aging.cache(self.requests, self.seconds)))

    def _free(self, freed: Freed) -> int:
        before = self.held_bytes
        self._freed = freed
        self.catch_up()
        return max(before - self.held_bytes, 0)

    def extra_latency(self) -> float:
        """Increase of the time to first token, in seconds."""
        return self.aging.extra_latency(self.seconds)
