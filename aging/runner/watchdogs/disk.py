"""Is there room for what is still to be written? A campaign that stops in time keeps all it has measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """What an ordinary user may still take of a file system; ``inodes`` is None where they are not counted."""

    bytes: int
    inodes: int | None

    @classmethod
    def of(cls, folder: Path) -> Room:
        disk = os.statvfs(folder)
        return cls(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None)


def too_little(room: Room, least_bytes: int, least_inodes: int) -> str | None:
    """Why a campaign must not go on writing there, in words; None when it may."""
    if room.bytes < least_bytes:
        return f"only {room.bytes / 2**20:.1f} MiB are free for results, less than {least_bytes / 2**20:.1f} MiB"
    if room.inodes is not None and room.inodes < least_inodes:
        return f"only {room.inodes} files more can be made for results, less than {least_inodes}"
    return None
