"""Free loopback ports for deployments whose campaign file names no port."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from aging.campaign.schema import Campaign
from aging.core.errors import DeploymentError
from aging.core.ports import port_taken

_LOWEST, _HIGHEST = 20_000, 65_535
_LEAST_CHOICE = 1_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LIKE_A_PORT = re.compile(r"(?<!\d)\d{4,5}(?!\d)")


def named_ports(campaign: Campaign) -> frozenset[int]:
    """Every number in the deployment tables that could be a port: in a key, a command line or a URL."""
    texts = [options.model_dump_json() for options in campaign.deployment]
    return frozenset(int(number) for text in texts for number in _LIKE_A_PORT.findall(text))


class FreePorts:
    """Free loopback ports, one per deployment of a campaign, reserved until :meth:`close`.

    ``named`` ports are never used. ``known`` are the ports that an earlier runner of the campaign used, by deployment.
    Two processes of this package on one host never get the same port, also before a server listens on it: the port is
    reserved by the name of an abstract socket, which the kernel frees when the process ends.
    """

    def __init__(self, named: Collection[int] = (), known: Mapping[str, int] | None = None) -> None:
        self._named = frozenset(named)
        self._given: dict[str, int] = dict(known or {})
        self._reserved: dict[int, socket.socket | None] = {}

    def of(self, deployment: str) -> FreePort:
        """The port of one deployment."""
        return FreePort(self, deployment)

    def take(self, deployment: str) -> int:
        """The deployment's port if it is free, else another free one. Raises DeploymentError if all are in use."""
        kept = self._given.get(deployment)
        if kept is not None and self._is_free(kept):
            return kept
        others = {port for name, port in self._given.items() if name != deployment}
        choice = [port for port in _choice() if port not in self._named | others]
        for port in SystemRandom().sample(choice, len(choice)):
            if self._is_free(port):
                self._given[deployment] = port
                return port
        raise DeploymentError(
            f"{deployment}: all loopback ports are in use; set one in the campaign file: port = NUMBER"
        )

    def spare(self, deployment: str, first: int | None = None) -> int:
        """A free port for a second server of the deployment: ``first``, if it is free, or another one.

        Raises DeploymentError if all are in use.
        """
        if first is not None and self._is_free(first):
            return first
        choice = [port for port in _choice() if port not in self._named | {*self._given.values()}]
        for port in SystemRandom().sample(choice, len(choice)):
            if self._is_free(port):
                return port
        raise DeploymentError(f"{deployment}: all loopback ports are in use; a successor has none")

    def release(self, port: int) -> None:
        """Give up a port that a server of this campaign used."""
        held = self._reserved.pop(port, None)
        if held is not None:
            held.close()

    def hold(self, deployment: str, port: int) -> None:
        """Reserve the port on which the deployment's server already listens."""
        self._given[deployment] = port
        self._reserve(port)

    def close(self) -> None:
        """Release all ports."""
        for held in self._reserved.values():
            if held is not None:
                held.close()
        self._reserved.clear()

    def _is_free(self, port: int) -> bool:
        return self._reserve(port) and port_taken(port) is None

    def _reserve(self, port: int) -> bool:
        """Whether the port is now reserved by this process."""
        if port in self._reserved:
            return True
        held = None
        if sys.platform == "linux":
            held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                held.bind(f"\0aging-port.{port}")
            except OSError:
                held.close()
                return False
        self._reserved[port] = held
        return True


@dataclass(frozen=True, slots=True)
class FreePort:
    """The port of one deployment whose table names no port."""

    ports: FreePorts
    deployment: str

    def take(self) -> int:
        """See :meth:`FreePorts.take`."""
        return self.ports.take(self.deployment)

    def spare(self, first: int | None) -> int:
        """See :meth:`FreePorts.spare`."""
        return self.ports.spare(self.deployment, first)

    def release(self, port: int) -> None:
        """See :meth:`FreePorts.release`."""
        self.ports.release(port)

    def hold(self, port: int) -> None:
        """See :meth:`FreePorts.hold`."""
        self.ports.hold(self.deployment, port)


def _choice() -> range:
    """Ports outside the range that the kernel uses for outgoing connections.

    Otherwise a connection of a load client could take the port of a server while it restarts.
    """
    try:
        first, last = map(int, _EPHEMERAL.read_text().split())
    except (OSError, ValueError):
        return range(_LOWEST, _HIGHEST + 1)
    below, above = range(_LOWEST, first), range(max(last + 1, _LOWEST), _HIGHEST + 1)
    longest = max(below, above, key=len)
    return longest if len(longest) >= _LEAST_CHOICE else range(_LOWEST, _HIGHEST + 1)
