"""What a Python server is made to leak: a constant payload a request, in one kind of structure.

``LEAK`` names the kind, ``DOSE`` the payload bytes of a request, ``LEAK_AFTER`` the requests served before the first
leak, ``LEAK_WORKER`` the one worker that leaks (-1: every). Payload and counted bytes (``sys.getsizeof`` of the objects
and of the slot that holds them) are reported with each response.
"""

import mmap
import os
import sys
import threading
from collections.abc import Callable

POINTER = 8


class Leak:
    """One worker's leak."""

    def __init__(self, worker: int = 0) -> None:
        kind = os.environ.get("LEAK", "none")
        only = int(os.environ.get("LEAK_WORKER", "-1"))
        self.kind = kind if only in (-1, worker) else "none"
        self.dose = int(os.environ.get("DOSE", "0"))
        self.after = int(os.environ.get("LEAK_AFTER", "0"))
        self.payload = self.counted = self.calls = 0
        self.list: list[object] = []
        self.dict: dict[str, str] = {}
        self.chain: list[object] = []
        self.array = bytearray()
        self.arena: mmap.mmap | None = None
        self.slab = bytearray()
        self.used = 0
        self.step: Callable[[], int] | None = getattr(self, "_" + self.kind, None)
        if self.kind != "none" and self.step is None:
            raise SystemExit(f"unknown leak {self.kind}")

    def __call__(self) -> None:
        """Leak one request's dose."""
        self.calls += 1
        if self.step is None or self.calls <= self.after:
            return
        self.counted += self.step()
        self.payload += self.dose

    def _text(self) -> str:
        return (f"{self.calls:016d}" * (self.dose // 16 + 1))[: self.dose]

    def _list(self) -> int:
        self.list.append(self._text())
        return sys.getsizeof(self.list[-1]) + POINTER

    def _objects(self) -> int:
        """Records of 64 bytes of payload: a tuple of two numbers and a text of 48 characters."""
        size = 0
        for part in range(max(1, self.dose // 64)):
            record = (self.calls * 1000 + part, float(self.calls), f"{self.calls * 1000 + part:048d}")
            self.list.append(record)
            size += sys.getsizeof(record) + 32 + 24 + sys.getsizeof(record[2]) + POINTER
        return size

    def _dict(self) -> int:
        self.dict[f"key-{self.calls}"] = self._text()
        return sys.getsizeof(self.dict[f"key-{self.calls}"]) + 56 + 24

    def _chunks(self) -> int:
        self.chain = [self.chain, self._text()]
        return sys.getsizeof(self.chain) + sys.getsizeof(self.chain[1])

    def _bytearray(self) -> int:
        self.array += self._text().encode()
        return self.dose

    def _arena(self) -> int:
        """A private mapping that doubles: the old one is copied and unmapped."""
        if self.arena is None or self.used + self.dose > len(self.arena):
            size = max(1 << 20, 2 * (len(self.arena) if self.arena else 0))
            new = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            if self.arena is not None:
                new[: self.used] = self.arena[: self.used]
                self.arena.close()
            self.arena = new
        self.arena[self.used : self.used + self.dose] = self._text().encode()
        self.used += self.dose
        return self.dose

    def _slabs(self) -> int:
        """Entries in slabs of 1 MiB that are cleared when they are taken."""
        if self.used + self.dose > len(self.slab):
            self.slab, self.used = bytearray(b"\1") * (1 << 20), 0
            self.list.append(self.slab)
        self.slab[self.used : self.used + self.dose] = self._text().encode()
        self.used += self.dose
        return self.dose

    def _thread(self) -> int:
        """Every 100th request leaves a thread that waits forever; every request leaves its dose."""
        if self.calls % 100 == 0:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        return self._list()

    def _fd(self) -> int:
        """Every 20th request leaves a file open, and the dose with it."""
        if self.calls % 20 == 0:
            self.list.append(os.open("/dev/null", os.O_RDONLY))
        return self._dict()
