"""Checks that a host is ready to measure on."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from aging.core.parts import CAMPAIGN, REPORT
from aging.deployments.base import DeploymentBase
from aging.deployments.environments import environments_folder
from aging.runner.catalogue import Catalogue
from aging.runner.preflight import results_mistakes

_COMFORTABLE_DISK_BYTES = 5 * 2**30
_COMFORTABLE_OPEN_FILES = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``aging doctor``: ``fail`` prevents campaigns from running, ``warn`` disturbs measurements."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str


def host_checks(results: Path, catalogue: Catalogue) -> Sequence[Check]:
    """The result of every check of this host."""
    return [
        _cores(),
        _memory(),
        _swap(),
        _cgroup(),
        _open_files(),
        _disk(results),
        _clock(),
        _hugepages(),
        *_parts(),
        *_samplers(catalogue),
        *_runtimes(catalogue.deployments),
    ]


def _parts() -> Iterator[Check]:
    for part, what in ((REPORT, "reports and pictures"), (CAMPAIGN, "campaigns")):
        missing = part.missing()
        name = f"part {part.extra}"
        if missing:
            yield Check(name, "warn", f"no {what} without {', '.join(missing)}: {part.command}")
        else:
            yield Check(name, "ok", f"{what}: installed")


def _cores() -> Check:
    cores = os.cpu_count() or 0
    load = os.getloadavg()[0]
    busy = load > cores / 2
    message = f"{cores} cores, load {load:.2f}"
    return Check("cores", "warn" if busy else "ok", message + ("; other processes use them" if busy else ""))


def _memory() -> Check:
    memory = psutil.virtual_memory()
    message = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB available"
    return Check("memory", "warn" if memory.available < 2 * 2**30 else "ok", message)


def _swap() -> Check:
    swap = psutil.swap_memory()
    if swap.total == 0:
        return Check("swap", "ok", "none")
    return Check("swap", "ok", f"{swap.total / 2**30:.1f} GiB; RSS falls when pages are swapped, anon+swap does not")


def _cgroup() -> Check:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if Path(path).is_file():
            text = Path(path).read_text().strip()
            limited = text.isdigit() and int(text) < psutil.virtual_memory().total
            return Check("cgroup", "ok", f"memory limit {int(text) / 2**30:.1f} GiB" if limited else "no memory limit")
    return Check("cgroup", "ok", "no memory controller at the root of the hierarchy")


def _open_files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _COMFORTABLE_OPEN_FILES:
        return Check("ulimit", "ok", f"{soft} open files")
    return Check("ulimit", "warn", f"{soft} open files; raise it with: ulimit -n {_COMFORTABLE_OPEN_FILES}")


def _disk(results: Path) -> Check:
    if mistakes := list(results_mistakes(results)):
        return Check("disk", "fail", str(mistakes[0]))
    existing = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    return Check("disk", "warn" if free < _COMFORTABLE_DISK_BYTES else "ok", f"{free / 2**30:.1f} GiB free for results")


def _clock() -> Check:
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    name = source.read_text().strip() if source.exists() else "unknown"
    slow = name in ("hpet", "acpi_pm")
    return Check("clock", "warn" if slow else "ok", f"clock source {name}{'; reading it is slow' if slow else ''}")


def _hugepages() -> Check:
    path = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not path.exists():
        return Check("hugepages", "ok", "no transparent huge pages")
    always = "[always]" in path.read_text()
    message = "always: memory grows in 2 MiB steps" if always else "not forced on every process"
    return Check("hugepages", "warn" if always else "ok", message)


def _samplers(catalogue: Catalogue) -> Iterator[Check]:
    for kind, sampler in catalogue.samplers.items():
        if reason := sampler.unavailable():
            yield Check(f"{kind} sampler", "ok", f"not sampled: {reason}")
        elif reason := sampler.reduced():
            yield Check(f"{kind} sampler", "warn", f"reduced: {reason}")
        else:
            yield Check(f"{kind} sampler", "ok", "available")


def _runtimes(deployments: Mapping[str, type[DeploymentBase[Any]]]) -> Iterator[Check]:
    for deployment in deployments.values():
        for needs in deployment.requirements:
            whole = needs.installed(environments_folder())
            message = " ".join(needs.pins) if whole else f"not installed; run: aging env create {needs.name}"
            yield Check(f"{needs.name} runtime", "ok" if whole else "warn", message)
