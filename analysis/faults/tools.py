"""What faults are made with: a disk that fills, a clock that is stepped, a sampler that misbehaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

_CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *step;
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *seen = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        if (seen != MAP_FAILED) step = seen;
        close(file);
    }
}
int clock_gettime(clockid_t which, struct timespec *out) {
    int failed = syscall(SYS_clock_gettime, which, out);
    if (!failed && which == CLOCK_REALTIME && step) out->tv_sec += *step;
    return failed;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""

_SAMPLER = '''
import os, time
from aging.core.records import HARNESS, Reading
from aging.sampling.base import Sampler

class Faulty(Sampler):
    """From its fourth second on it misbehaves for three reads."""
    kind = "faulty"
    default_interval = 0.5
    count = 0

    def read(self):
        self.count += 1
        value = float(self.count)
        if 8 <= self.count < 11:
            how = os.environ["FAULTS_SAMPLER"]
            if how == "raises":
                raise RuntimeError("the sampler has had enough")
            if how == "hangs":
                time.sleep(7.0)
            if how == "unwritable":
                value = float("nan")
        return [Reading(HARNESS, "faulty", 1, {"faulty_count": value})]
'''


class Clock:
    """The wall clock of a campaign's processes, all of them: a shim before libc's, and the file it takes the step from.

    Nothing else is touched: the kernel's clock, the stamps of files and every other process stay as they are.
    """

    def __init__(self, shim: Path, file: Path) -> None:
        self._file = file
        file.write_bytes(struct.pack("l", 0))
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(shim), "FAULTS_CLOCK": str(file)}

    def step(self, seconds: int) -> None:
        with self._file.open("r+b") as file:
            file.write(struct.pack("l", seconds))


def clock_shim(folder: Path) -> Path | None:
    """The shim, compiled; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, shim = folder / "clock.c", folder / "clock.so"
    source.write_text(_CLOCK)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(shim), str(source)], check=True)
    return shim


def faulty_sampler(folder: Path, how: str) -> Mapping[str, str]:
    """The environment in which a sampler of another distribution misbehaves: ``raises``, ``hangs``, ``unwritable``."""
    metadata = folder / "faulty-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[aging.sampling.samplers]\nfaulty = faulty:Faulty\n")
    (folder / "faulty.py").write_text(_SAMPLER)
    path = os.pathsep.join(part for part in (str(folder), os.environ.get("PYTHONPATH")) if part)
    return {"PYTHONPATH": path, "FAULTS_SAMPLER": how}


class Disk:
    """A small file system in memory, that is filled in an instant: most of it is taken before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def prepare(self) -> None:
        """Leave so much that a short campaign ends before it is full."""
        room = os.statvfs(self.folder)
        with self._filler.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - _ROOM)

    def fill(self, room: int = 0) -> None:
        """Leave ``room`` bytes free (whole pages of them)."""
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        if room >= 4096:
            os.truncate(self._filler, self._filler.stat().st_size - room // 4096 * 4096)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)
        for one in self.folder.glob("inode-*"):
            one.unlink()

    def take_inodes(self) -> None:
        """Leave no file to be made."""
        with contextlib.suppress(OSError):
            for number in range(1_000_000):
                (self.folder / f"inode-{number}").touch()


_ROOM = 8 << 20


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a file system in memory."""
    try:
        with small_disk(folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def small_disk(folder: Path, size: int = 240 << 20, inodes: int = 4000) -> Iterator[Disk]:
    """A file system of ``size`` bytes. Raises OSError where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size},nr_inodes={inodes}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        raise OSError(mounted.stderr.decode().strip())
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
