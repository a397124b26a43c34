"""Memory by kind of mapping, of a process that takes known amounts of each kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aging.core.metrics import PRIMARY
from aging.core.processes import procfs
from aging.sampling import mappings
from aging.sampling.mappings import FILE, HEAP, MAPPING, RESERVED, STACK, STACKS, memory_by_kind
from aging.sampling.samplers.process import read_process

MIB = 1 << 20
KIB = 1 << 10
NO_SUCH_PID = 2**22 + 1

CHILD = """
import ctypes, mmap, sys, tempfile, threading
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
kept = []

def heap(size):  # small blocks, which brk extends the heap for
    for _ in range(int(size) // 4096):
        block = libc.malloc(4080)
        ctypes.memset(block, 1, 4080)
        kept.append(block)

def mapping(size):
    area = mmap.mmap(-1, int(size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    area[:] = b"m" * int(size)
    kept.append(area)

def shared(size):
    area = mmap.mmap(-1, int(size))
    area[:] = b"s" * int(size)
    kept.append(area)

def file(size):
    with tempfile.TemporaryFile() as opened:
        opened.truncate(int(size))
        area = mmap.mmap(opened.fileno(), int(size), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    area[:] = b"f" * int(size)
    kept.append(area)

def threads(count):
    for _ in range(int(count)):
        threading.Thread(target=threading.Event().wait, daemon=True).start()

print("up", flush=True)
for line in sys.stdin:
    name, amount = line.split()
    globals()[name](amount)
    print("done", flush=True)
"""


class Child:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def do(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def grown(self, command: str) -> dict[str, int]:
        """What a command adds to each kind."""
        before = memory_by_kind(self.pid)
        self.do(command)
        after = memory_by_kind(self.pid)
        return {name: after[name] - before[name] for name in mappings.KINDS}


@pytest.fixture
def child() -> Iterator[Child]:
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(MIB)}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Child(process)


@pytest.mark.parametrize(
    ("command", "kind"),
    [(f"heap {8 * MIB}", HEAP), (f"mapping {8 * MIB}", MAPPING), (f"file {2 * MIB}", FILE)],
    ids=["heap", "mapping", "file"],
)
def test_each_kind_is_seen_as_such(child: Child, command: str, kind: str) -> None:
    grown = child.grown(command)
    assert grown[kind] == pytest.approx(int(command.split()[1]), rel=0.05)
    others = sum(value for name, value in grown.items() if name != kind)
    assert others == pytest.approx(0, abs=512 * KIB)


def test_shared_memory_is_of_no_kind(child: Child) -> None:
    assert sum(child.grown(f"shared {8 * MIB}").values()) == pytest.approx(0, abs=512 * KIB)


def test_stacks_of_threads(child: Child) -> None:
    grown = child.grown("threads 12")
    assert grown[STACKS] == 12
    assert grown[RESERVED] / 12 == pytest.approx(8 * MIB, rel=0.01)
    assert 12 * 4 * KIB <= grown[STACK] < 12 * 256 * KIB
    for command in (f"mapping {4 * MIB}", f"heap {4 * MIB}"):
        assert child.grown(command)[STACKS] == 0


def test_kinds_make_up_the_leak_indicator(child: Child) -> None:
    child.do(f"mapping {8 * MIB}")
    found = memory_by_kind(child.pid)
    whole = read_process(child.pid, {}, with_reaped=False)[PRIMARY]
    assert sum(found[kind] for kind in (HEAP, STACK, MAPPING, FILE)) == pytest.approx(whole, rel=0.02)


def test_parts_of_the_file_make_no_difference(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    child.do("threads 3")
    whole = memory_by_kind(child.pid)
    monkeypatch.setattr(mappings, "_READ_BYTES", 900)
    assert memory_by_kind(child.pid) == whole


def entry(begin: int, size: int, access: str, anonymous: int = 0, name: str = "") -> str:
    head = f"{begin:x}-{begin + size:x} {access} 00000000 00:00 0 {name}\n"
    return f"{head}Size: {size} kB\nAnonymous: {anonymous} kB\nAnonHugePages: 0 kB\nSwap: 4 kB\nVmFlags: rd wr\n"


def test_an_arena_above_the_rest_of_another_is_no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arena = 1 << 26
    text = "".join(
        [
            entry(0x7F0000000000, arena - 4 * KIB, "rw-p", 100),
            entry(0x7F0000000000 + arena - 4 * KIB, 4 * KIB, "---p"),
            entry(0x7F0000000000 + arena, MIB, "rw-p", 200),
        ]
    )
    (tmp_path / "smaps").write_text(text)
    monkeypatch.setattr(procfs, "name", lambda _pid, file: str(tmp_path / file))
    found = memory_by_kind(1)
    assert (found[STACKS], found[STACK]) == (0, 0)
    assert found[MAPPING] == (100 + 4 + 4 + 200 + 4) * KIB


def test_one_that_has_ended() -> None:
    with pytest.raises(FileNotFoundError):
        memory_by_kind(NO_SUCH_PID)
