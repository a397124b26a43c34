"""What of a machine decides the last bits of a finding: two machines with the same mark compute the same numbers."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aging.core.package_code import code_digest

_PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "statsmodels")
_ROOMS = ("core", "findings", "stats", "store")
_CPU = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")


@cache
def mark() -> str:
    """A hash of the interpreter, the packages that compute, the sources of the analysis and the kind of CPU.

    numpy and OpenBLAS choose their loops by the kind of CPU: another order of additions is another last bit.
    """
    said = [platform.python_version(), platform.machine(), *platform.libc_ver(), *_cpu(), *_simd()]
    said += [f"{name} {_version(name)}" for name in _PACKAGES]
    said.append(str(find_spec("aging.stats.slope._reordering") is not None))
    digest = hashlib.sha256("\n".join(said).encode())
    digest.update(code_digest(*_ROOMS).encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _simd() -> list[str]:
    """The extensions of the instruction set that numpy has found."""
    config = np.show_config(mode="dicts")
    found = (config or {}).get("SIMD Extensions", {})
    return sorted(str(one) for one in (*found.get("baseline", ()), *found.get("found", ())))


def _cpu() -> list[str]:
    """Vendor and model of the first processor, as Linux names them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except OSError:
        return [platform.processor()]
    return [" ".join(line.split()) for line in lines if line.partition(":")[0].strip() in _CPU]
