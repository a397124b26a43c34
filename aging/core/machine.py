"""This machine, and the packages of this Python: the facts that a result directory keeps."""

from __future__ import annotations

import os
import platform
import re
import resource
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

import psutil


def machine() -> dict[str, str | int | float]:
    """This machine: name, kernel, processor, C library, memory and limits."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "name": platform.node(),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "libc": " ".join(filter(None, platform.libc_ver())) or "unknown",
        "cores": os.cpu_count() or 0,
        "memory_bytes": memory.total,
        "swap_bytes": swap.total,
        "memory_limit_bytes": min(memory.total, _cgroup_limit() or memory.total),
        "open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "boot_id": _text(Path("/proc/sys/kernel/random/boot_id")),
        "transparent_hugepages": _text(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "cgroup": _text(Path("/proc/self/cgroup")),
    }


def installed_packages() -> Mapping[str, str]:
    """The version of every package of this Python, by name."""
    return dict(filter(None, map(_name_and_version, distributions())))


def _name_and_version(found: Distribution) -> tuple[str, str] | None:
    """Of an installed package. The library's own parser reads the whole text as a mail, in 2 ms each."""
    head = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "").partition("\n\n")[0]
    name, version_line = (re.search(rf"^{key}: *(.+)$", head, re.MULTILINE) for key in ("Name", "Version"))
    return None if name is None or version_line is None else (name[1].strip(), version_line[1].strip())


def _cgroup_limit() -> int | None:
    """The memory limit of the control group (v2 or v1) at the root that this process sees."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if (text := _text(Path(path))).isdigit():
            return int(text)
    return None


def _cpu_model() -> str:
    """The name of the processor, as the kernel knows it."""
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _text(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or "unknown"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"
