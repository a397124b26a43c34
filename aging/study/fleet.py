"""What a study asks of a cluster. :class:`aging.cluster.fleet.RayFleet` answers with Ray; tests have a virtual one.

All calls may take seconds. Whatever a host or the cluster does not answer is a :class:`HostLostError`: the study asks
again later. A call that was not answered may have been carried out: every call can be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, Protocol

from aging.core.errors import AgingError, ExitCode


class HostLostError(AgingError):
    """A host, or the whole cluster, that did not answer."""


def said_of(host: str, error: AgingError) -> str:
    """What an error says of a host, for a line that names the host itself."""
    return str(error).removeprefix(f"Host {host}: ").removesuffix(".")


class OtherCodeError(AgingError):
    """A host whose code of this package is not that of the process that asks it."""

    exit_code = ExitCode.INCONCLUSIVE


SHARED_ROOMS = ("study", "cluster")
"""The code that must be the same on both sides of a call to a host, also while a cell runs there."""


@dataclass(frozen=True, slots=True)
class Node:
    """A host of the cluster as the cluster knows it.

    ``host`` is the name that stays when it leaves and joins again: the label ``aging.host``, else its hostname.
    ``node`` is the cluster's id of this joining. ``accelerator`` is the cluster's name for the type of its GPUs, like
    ``H100``; memory in bytes.
    """

    host: str
    node: str
    alive: bool
    address: str = ""
    cpus: float = 0.0
    gpus: float = 0.0
    accelerator: str | None = None
    memory: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as NVML reads it; clocks in MHz (the application or maximum clock), memory in bytes."""

    uuid: str
    model: str
    memory: int
    clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host says of itself. Two hosts whose facts differ may age at different rates.

    ``clock_offset`` is its wall clock less that of the asker, seconds; ``free`` the bytes free in the scratch folder;
    ``busy`` names the campaign that runs there already, which ``shares`` the host or has all of it; ``disk`` is the
    random id of its scratch folder, which changes when the disk is lost. ``code`` is the digest of this package's code
    there.
    """

    host: str
    disk: str
    cpu: str
    cores: int
    memory: int
    kernel: str
    libc: str
    python: str
    aging: str
    driver: str | None
    cuda: str | None
    gpus: Sequence[Gpu]
    packages: Mapping[str, str]
    free: int
    clock_offset: float = 0.0
    busy: str | None = None
    boot: str = ""
    shares: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """One attempt at a cell. A new attempt never appends to an earlier one: it has another folder."""

    study: str
    cell: str
    number: int

    def __str__(self) -> str:
        return f"{self.cell}, attempt {self.number}"


@dataclass(frozen=True, slots=True)
class Order:
    """What is started on a host. ``files`` are the campaign's input files by relative path; ``devices`` its GPUs."""

    key: AttemptKey
    campaign: str
    scratch: str
    files: Mapping[str, bytes]
    exclusive: bool = True
    devices: Sequence[str] = ()


AttemptState = Literal[
    "absent", "running", "completed", "decided", "interrupted", "halted", "died", "failed", "abandoned", "refused"
]
"""``absent``: the host has no such attempt. ``abandoned``: not ended, and its runner is gone (it can be resumed).
``refused``: it could not start. The others are the phases of :mod:`aging.store.state`."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of an attempt that no one writes any more; ``path`` is relative to its result directory.

    ``modified`` is when it was written, ns since the epoch: findings that are older than the end are not of it.
    """

    path: str
    size: int
    sha256: str
    modified: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """An attempt as its host has it. ``ends`` is the seconds until its planned end, None where unknown.

    ``why`` says in a sentence why it was refused, halted or failed. ``directory`` is its result directory there;
    ``sealed`` its files that no one writes any more (all of them once it has ended). ``devices`` are the GPUs that the
    cluster assigned to it where it shares its host. ``starting``: it is ``running`` as a process of its host starts or
    continues it just now; its runner does not own its result directory yet.
    """

    key: AttemptKey
    state: AttemptState
    ends: float | None = None
    resumable: bool = False
    why: str | None = None
    directory: str | None = None
    sealed: Sequence[File] = ()
    runner: int | None = None
    devices: Sequence[str] = ()
    starting: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """The resources that a cell takes of a host: all of it, or that many CPUs and GPUs.

    ``scratch`` is the folder on the host in which its attempt is: where it is found once its study is gone.
    """

    exclusive: bool = True
    cpus: float = 0.0
    gpus: int = 0
    scratch: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What the cluster holds for an attempt of any study, also of one that is gone.

    ``made`` is False while it waits for the resources of its host; ``since`` in epoch seconds. ``since`` and
    ``scratch`` are None where the cluster does not have them. ``run_from`` is the address of the machine from which the
    study is run, and ``pid`` its process there; None where that is not connected to the cluster any more.
    """

    key: AttemptKey
    host: str
    made: bool
    cpus: float
    gpus: float
    since: float | None = None
    scratch: str | None = None
    run_from: str | None = None
    pid: int | None = None


class Fleet(Protocol):
    """The hosts of a cluster."""

    async def nodes(self) -> Sequence[Node]:
        """Every host that the cluster knows, also those that are gone. Costs the hosts nothing."""

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:
        """Reserve resources of a host for a cell, beyond the life of this process; False if they are not free now."""

    async def release(self, key: AttemptKey) -> None:
        """Give back what is reserved for a cell; nothing happens if nothing is."""

    async def reservations(self) -> Sequence[Held]:
        """What is reserved for attempts of all studies. Costs the hosts nothing."""

    async def facts(self, node: Node, scratch: str) -> HostFacts: ...

    async def start(self, node: Node, order: Order) -> Look:
        """Start a cell's campaign as a process that outlives the cluster; does nothing if the attempt is there."""

    async def resume(self, node: Node, key: AttemptKey, scratch: str) -> Look: ...

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look: ...

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]: ...

    async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:
        """Remove an attempt from its host, once it has ended and has been collected."""

    def read(self, node: Node, key: AttemptKey, scratch: str, files: Sequence[File]) -> AsyncIterator[Chunk]:
        """The content of files in chunks of at most 4 MiB, in order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file. ``offset`` is where it begins."""

    path: PurePosixPath
    offset: int
    content: bytes
