"""The allocator probe: how much of a server's memory glibc keeps after the server has freed it.

Memory that a process has freed is not always memory that the kernel gets back: the allocator
keeps it, and from outside that looks like a leak. Only the allocator knows, and only the
process can ask it (``mallinfo2``). A small C library, loaded into the server by ``LD_PRELOAD``
where a campaign asks for it, answers from inside; it is compiled on first use.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aging.core.errors import DeploymentError

PROBE = "AGING_PROBE"
"""Environment variable of a process that has the probe."""

_SOURCE = Path(__file__).with_name("_probe.c")
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-pthread")
_PATIENCE_SECONDS = 1.0
_LINE_BYTES = 128


@dataclass(frozen=True, slots=True)
class Heap:
    """What an allocator holds, in bytes.

    ``in_use`` is what the program has not freed (with chunks that its threads keep at
    hand: up to about 0.2 MiB a thread); ``retained`` what it has freed and the
    allocator kept, of which ``trimmable`` lies at the end of a heap.
    """

    in_use: int
    retained: int
    trimmable: int


def missing() -> str | None:
    """Why the probe cannot be made on this machine, and what would help; None when it can."""
    if _library().exists() or _compiler() is not None:
        return None
    return "the allocator probe is compiled on first use, and there is no C compiler (cc or gcc); install one"


def environment(other: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that load the probe into a process, beside those it has. Raises DeploymentError."""
    library = _library()
    if not library.exists():
        _compile(library)
    preloaded = other.get("LD_PRELOAD") or os.environ.get("LD_PRELOAD")
    return {PROBE: "1", "LD_PRELOAD": f"{library}:{preloaded}" if preloaded else str(library)}


def ask(pid: int) -> Heap:
    """What the allocator of a process with the probe holds now. Raises OSError where none answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(_PATIENCE_SECONDS)
        caller.connect(f"\0aging-probe.{pid}")
        told = caller.recv(_LINE_BYTES).split()
    if len(told) != 5:
        raise ConnectionResetError(f"the probe in pid {pid} told nothing")
    _, in_use, free, mapped, top = map(int, told)
    return Heap(in_use + mapped, free, top)


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
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    if told.returncode:
        why = next((line for line in told.stderr.splitlines() if "error" in line), told.stderr)
        raise DeploymentError(f"the allocator probe could not be compiled: {why.strip()}")
    temporary.replace(library)
