"""The allocator probe: how much freed memory glibc keeps in a server.

The allocator does not return all freed memory to the kernel, which from outside looks like a leak. Only the process
can query its allocator (``mallinfo2``). With ``allocator_probe = true``, a small C library is loaded into the server
by ``LD_PRELOAD`` and answers on a socket; it is compiled on first use. On request it returns free memory to the kernel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from aging.core.errors import DeploymentError

PROBE = "AGING_PROBE"
"""Environment variable that marks a process with the probe."""

_SOURCE = Path(__file__).with_name("_probe.c")
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-pthread")
_PATIENCE_SECONDS = 1.0
_TRIM_SECONDS = 60.0
_LINE_BYTES = 128


@dataclass(frozen=True, slots=True)
class Heap:
    """Memory of an allocator, in bytes.

    ``in_use`` has not been freed (including the thread caches, up to about 0.2 MiB per thread); ``retained`` has been
    freed but is kept by the allocator; ``trimmable`` is the part of it at the end of a heap.
    """

    in_use: int
    retained: int
    trimmable: int


def missing() -> str | None:
    """Why the probe cannot be built on this host, and the remedy; None if it can."""
    if _library().exists() or _compiler() is not None:
        return None
    return "the allocator probe is compiled on first use, and no C compiler (cc or gcc) was found; install one"


def environment(other: Mapping[str, str]) -> Mapping[str, str]:
    """Environment variables that load the probe, in addition to ``other``. Raises DeploymentError."""
    library = _library()
    if not library.exists():
        _compile(library)
    preloaded = other.get("LD_PRELOAD") or os.environ.get("LD_PRELOAD")
    return {PROBE: "1", "LD_PRELOAD": f"{library}:{preloaded}" if preloaded else str(library)}


def ask(pid: int) -> Heap:
    """Query the allocator of a process with the probe. Raises OSError if it does not answer."""
    answer = _answer(f"aging-probe.{pid}", _PATIENCE_SECONDS)
    if len(answer) != 5:
        raise ConnectionResetError(f"the probe in pid {pid} sent no answer")
    _, in_use, free, mapped, top = answer
    return Heap(in_use + mapped, free, top)


def trim(pids: Collection[int], patience: float = _TRIM_SECONDS) -> Mapping[int, int]:
    """Make the allocators of these processes return free memory to the kernel (``malloc_trim``), one after the other.

    Gives the bytes by which anonymous memory and swap of each process fell; negative if it took more meanwhile.
    A process without the probe, or with one of an earlier release, is left out. Raises OSError, with the pid in its
    message, if a probe does not answer within ``patience`` seconds.
    """
    released = {}
    for pid in pids:
        try:
            answer = _answer(f"aging-trim.{pid}", patience)
        except ConnectionRefusedError:
            continue
        except OSError as error:
            raise OSError(f"pid {pid}: its allocator probe does not answer: {error.strerror or error}") from None
        if len(answer) != 2:
            raise ConnectionResetError(f"pid {pid}: its allocator probe sent no answer")
        if 0 in answer:
            raise OSError(f"pid {pid}: its allocator probe cannot read /proc/self/smaps_rollup")
        before, after = answer
        released[pid] = before - after
    return released


def _answer(name: str, patience: float) -> list[int]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(patience)
        caller.connect(f"\0{name}")
        return [int(number) for number in caller.recv(_LINE_BYTES).split()]


def _library() -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging"
    made_from = hashlib.sha256(_SOURCE.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:12]
    return default / f"probe-{made_from}.so"


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def _compile(library: Path) -> None:
    compiler = _compiler()
    if compiler is None:
        raise DeploymentError(missing())
    library.parent.mkdir(parents=True, exist_ok=True)
    temporary = library.with_suffix(f".{os.getpid()}.tmp")
    argv = [compiler, *_FLAGS, "-o", str(temporary), str(_SOURCE)]
    compiled = subprocess.run(argv, capture_output=True, text=True, check=False)
    if compiled.returncode:
        why = next((line for line in compiled.stderr.splitlines() if "error" in line), compiled.stderr)
        raise DeploymentError(f"the allocator probe could not be compiled: {why.strip()}")
    temporary.replace(library)
