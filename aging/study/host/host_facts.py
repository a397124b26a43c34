"""What a host says of itself."""

from __future__ import annotations

import platform
import shutil
import time
from importlib.metadata import version

from aging.core.clock import boot_id
from aging.core.errors import writing
from aging.core.machine import installed_packages, machine
from aging.core.package_code import code_digest
from aging.sampling.nvml_library import why_missing
from aging.study.fleet import Gpu, HostFacts
from aging.study.host.busy import occupants
from aging.study.host.folder import HostFolder


def facts(host: str, scratch: str, asked_wall: float) -> HostFacts:
    """The facts of this host under its name ``host``; ``asked_wall`` is the asker's clock, epoch seconds.

    Raises StorageError where its scratch folder cannot be written. NVML may take a minute to answer.
    """
    offset = time.time() - asked_wall
    folder = HostFolder.of(scratch, host)
    disk = folder.disk()
    known = machine()
    driver, cuda, gpus = _devices()
    running = sorted(occupants(folder), key=lambda one: not one.exclusive)
    with writing(folder.root):
        free = shutil.disk_usage(folder.root).free
    return HostFacts(
        host=host,
        disk=disk,
        cpu=str(known["cpu"]),
        cores=int(known["cores"]),
        memory=int(known["memory_limit_bytes"]),
        kernel=str(known["kernel"]),
        libc=str(known["libc"]),
        python=platform.python_version(),
        aging=version("llm-aging"),
        driver=driver,
        cuda=cuda,
        gpus=gpus,
        packages=installed_packages(),
        free=free,
        clock_offset=offset,
        busy=running[0].name if running else None,
        boot=boot_id(),
        shares=bool(running) and not running[0].exclusive,
        code=code_digest(),
    )


def _devices() -> tuple[str | None, str | None, tuple[Gpu, ...]]:
    if why_missing() is not None:
        return None, None, ()
    from aging.sampling.nvml.inventory import inventory  # noqa: PLC0415 - 3 MB, where there is a device

    found = inventory()
    gpus = (Gpu(one.uuid, one.model, one.memory, one.clock_mhz, one.memory_clock_mhz, one.used) for one in found.gpus)
    return found.driver, found.cuda, tuple(gpus)
