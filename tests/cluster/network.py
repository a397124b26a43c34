"""Hosts in network namespaces of this machine, each with its own address on a bridge, whose links can be cut.

The bridge is in the namespace of the tests, with an address of its own: a head of Ray runs there. Needs root.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from tests.cluster.raylets import Site

_NAMESPACES = Path("/run/netns")
_INTERFACES = Path("/sys/class/net")
_NAMED = re.compile(r"ag(\d+)(?:[-v]\w+)?")
"""A bridge ``agPID``, its links ``agPIDvN`` and the namespaces ``agPID-HOST``, by the process that made them."""

_SECONDS = 20.0


class Network:
    """A bridge and hosts on it. ``cut`` takes a host's link down, ``heal`` takes it up again."""

    def __init__(self, bridge: str, subnet: str) -> None:
        self._bridge, self._subnet = bridge, subnet
        self._links: dict[str, str] = {}

    @property
    def root(self) -> Site:
        """What is not in a namespace."""
        return Site(f"{self._subnet}.1")

    def add(self, host: str) -> Site:
        """A new host."""
        number = len(self._links) + 2
        namespace, link, address = f"{self._bridge}-{host}", f"{self._bridge}v{number}", f"{self._subnet}.{number}"
        inside = ("-n", namespace)
        _ip("netns", "add", namespace)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip(*inside, "address", "add", f"{address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip(*inside, "link", "set", interface, "up")
        _ip("link", "set", link, "master", self._bridge, "up")
        self._links[host] = link
        return Site(address, ("nsenter", f"--net={_NAMESPACES / namespace}"))

    def cut(self, host: str) -> None:
        """From now on no packet passes, to the host or from it."""
        _ip("link", "set", self._links[host], "down")

    def heal(self, host: str) -> None:
        _ip("link", "set", self._links[host], "up")


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network that is gone after the context, also where it failed. Processes in it must have ended by then."""
    _sweep()
    bridge = f"ag{os.getpid()}"
    subnet = _free_subnet()
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield Network(bridge, subnet)
    finally:
        _remove(str(os.getpid()))


def why_none() -> str | None:
    """Why no namespaces can be made here; None where they can."""
    if missing := [program for program in ("ip", "nsenter") if shutil.which(program) is None]:
        return f"needs {', '.join(missing)} (iproute2, util-linux)"
    try:
        with network() as made:
            made.add("probe")
    except subprocess.CalledProcessError as error:
        return f"network namespaces cannot be made: {error.stderr.strip()}"
    return None


def _sweep() -> None:
    """Remove what a killed test has left."""
    for name in _names():
        if (found := _NAMED.fullmatch(name)) is not None and not psutil.pid_exists(int(found[1])):
            _remove(found[1])


def _remove(pid: str) -> None:
    """Remove all that this process made; a namespace is gone with its last process."""
    mine = [name for name in _names() if (found := _NAMED.fullmatch(name)) is not None and found[1] == pid]
    for name in mine:
        is_namespace = "-" in name
        with contextlib.suppress(subprocess.CalledProcessError):  # gone with its other end
            _ip(*(("netns", "delete", name) if is_namespace else ("link", "delete", name)))


def _names() -> Sequence[str]:
    return [path.name for folder in (_NAMESPACES, _INTERFACES) if folder.is_dir() for path in folder.iterdir()]


def _free_subnet() -> str:
    """A network of 198.18.0.0/15, which is for benchmarks (RFC 2544), that no interface has."""
    taken = _ip("-4", "address", "show")
    return next(one for number in itertools.count() if f" {(one := f'198.18.{number}')}." not in taken)


def _ip(*arguments: str) -> str:
    """Raises CalledProcessError with what ``ip`` said."""
    return subprocess.run(
        ["ip", *arguments], check=True, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
    ).stdout
