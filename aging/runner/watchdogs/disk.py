"""Is there room for results? A campaign that halts before the disk is full keeps all its data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """Free space of a file system for ordinary users; ``inodes`` is None if it does not count them."""

    bytes: int
    inodes: int | None

    @classmethod
    def of(cls, folder: Path) -> Room:
        disk = os.statvfs(folder)
        return cls(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None)


def too_little(room: Room, least_bytes: int, least_inodes: int) -> str | None:
    """Why the campaign must halt; None if there is enough room."""
    if room.bytes < least_bytes:
        return f"only {room.bytes / 2**20:.1f} MiB are free for results, less than {least_bytes / 2**20:.1f} MiB"
    if room.inodes is not None and room.inodes < least_inodes:
        return f"only {room.inodes} more files can be created for results, less than {least_inodes}"
    return None
