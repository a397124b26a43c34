"""Where the control group of a process is seen: the mounted hierarchies of version 1 and 2, and its folder in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ROOT = Path("/")
_PROC = Path("/proc")

V1_UNLIMITED = 2.0**62
"""Version 1 writes "no limit" as the largest multiple of a page, which is above this."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy: which group of it, ``root``, is seen at which folder."""

    version: int
    controllers: frozenset[str]
    root: PurePosixPath
    folder: Path


@dataclass(frozen=True, slots=True)
class Group:
    """A process's group in the hierarchy of one controller; ``top`` is the uppermost folder that is seen of it."""

    version: int
    path: str
    folder: Path
    top: Path


def group_of(pid: int, controller: str, mounts: Sequence[Mount]) -> Group | str | None:
    """The group of a process for a controller, None for the root group, or why it cannot be seen.

    Raises OSError where the process has ended or may not be read.
    """
    return _place(controller, _paths((_PROC / str(pid) / "cgroup").read_text()), mounts)


def upwards(group: Group) -> Iterator[Path]:
    """The folder of the group and of those above it, as far as they are seen."""
    for folder in (group.folder, *group.folder.parents):
        yield folder
        if folder == group.top:
            return


def _paths(text: str) -> Mapping[str, str]:
    """``/proc/PID/cgroup``: path by version 1 controller; that of version 2 by the empty name."""
    lines = (line.split(":", 2) for line in text.splitlines())
    return {controller: path for _, controllers, path in lines for controller in controllers.split(",")}


def _place(controller: str, paths: Mapping[str, str], mounts: Sequence[Mount]) -> Group | str | None:
    version = 1 if controller in paths else 2
    path = paths.get(controller, paths.get(""))
    if path is None:
        return f"the kernel has no {controller} controller"
    where = [
        mount for mount in mounts if mount.version == version and (version == 2 or controller in mount.controllers)
    ]
    if not where:
        return f"the hierarchy of the {controller} controller is not mounted"
    for mount in where:
        if not PurePosixPath(path).is_relative_to(mount.root) or ".." in path.split("/"):
            continue
        folder = mount.folder / PurePosixPath(path).relative_to(mount.root)
        if folder.is_dir():
            whole = folder == mount.folder and _is_root(folder, version)
            return None if whole else Group(version, path, folder, mount.folder)
    return f"control group {path} is not seen from here"


def _is_root(folder: Path, version: int) -> bool:
    """Whether it is the root of all: in a container the topmost folder may be any group."""
    return (folder / "release_agent").exists() if version == 1 else not (folder / "cgroup.events").exists()


def read_mounts() -> Sequence[Mount]:
    """The control group file systems that are mounted here. Raises FileNotFoundError where there is no ``/proc``."""
    return list(_parsed((_PROC / "self" / "mountinfo").read_text()))


def _parsed(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, point = (part.replace("\\040", " ") for part in before.split()[3:5])
        kind, _source, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            folder = _ROOT / point.lstrip("/")
            version = 1 if kind == "cgroup" else 2
            yield Mount(version, frozenset(options.split(",")), PurePosixPath(root), folder)
