"""Containers, by the command line of docker or podman: started by the campaign, or attached to.

Processes of a container are also processes of the host: the samplers read its first process and the
descendants like any other process tree.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aging.core.endpoint import Endpoint
from aging.core.errors import AttachError, DeploymentError
from aging.core.processes.child import MAIN, AdoptedProcess, Child, describe_exit, tree_listens
from aging.core.processes.logs import open_log
from aging.core.processes.ownership import GENERATION_MARKER, Identity, age, mark
from aging.deployments.lifecycle import PriorServer

PROGRAMS = ("docker", "podman")

_ASKED_SECONDS = 10.0
_POLL_SECONDS = 0.1
_SIGNALLED = 128
"""Exit status of a container whose process was killed by signal n: this number plus n."""


def container_pid(name: str) -> int:
    """The host's pid of the first process of a running container. Raises AttachError with the reason."""
    found = [program for program in PROGRAMS if shutil.which(program)]
    if not found:
        raise AttachError(f"container {name!r}: neither docker nor podman is installed")
    reasons = []
    for program in found:
        answer = ask(program, "inspect", "--format", "{{.State.Pid}}", name)
        if answer.returncode == 0 and answer.stdout.strip().isdigit():
            if (pid := int(answer.stdout)) == 0:
                raise AttachError(f"container {name!r} is not running")
            return here(pid, program)
        reasons.append(f"{program}: {last_line(answer)}")
    raise AttachError(f"container {name!r}: {'; '.join(reasons)}")


def image_of(container: str) -> Mapping[str, Any]:
    """The image of a running container, for the manifest; empty where no program knows it."""
    for program in filter(shutil.which, PROGRAMS):
        answer = ask(program, "inspect", "--format", "{{.Config.Image}} {{.Image}}", container)
        if answer.returncode == 0 and (names := answer.stdout.split()):
            # By its id: its name may be that of a newer image by now.
            return {**image_described(program, names[-1]), "image": names[0]}
    return {}


def image_described(program: str, image: str) -> Mapping[str, Any]:
    """An image by name, id and digests, for the manifest. Raises AttachError."""
    answer = ask(program, "image", "inspect", "--format", "{{.Id}} {{range .RepoDigests}}{{.}} {{end}}", image)
    image_id, *digests = answer.stdout.split() if answer.returncode == 0 else ["unknown"]
    return {"image": image, "image_id": image_id, "image_digests": digests}


def ask(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``program``. Raises AttachError if it does not end within the timeout."""
    try:
        return subprocess.run(
            (program, *arguments), capture_output=True, text=True, timeout=_ASKED_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AttachError(f"{program} {arguments[0]} did not answer within {_ASKED_SECONDS:g} s") from None


def last_line(answer: subprocess.CompletedProcess[str]) -> str:
    """The last line of a program's output, for a message."""
    lines = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit {answer.returncode}"


def here(pid: int, program: str) -> int:
    """The pid, if this host has it. Raises AttachError if the containers run on another host."""
    if not Path(f"/proc/{pid}").exists():
        raise AttachError(
            f"{program} runs its containers on another host or in a virtual machine: no process {pid} here"
        )
    return pid


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """An :class:`~aging.deployments.lifecycle.Origin`: ``program run`` with ``arguments``, as container ``name``.

    ``port`` is the port inside the container; ``patience`` the time from SIGTERM to SIGKILL, in seconds. The program
    runs in ``folder``.
    """

    program: str
    name: str
    image: str
    arguments: tuple[str, ...]
    endpoint: Endpoint
    port: int
    patience: float
    folder: Path = Path()
    returns_within: ClassVar[float] = 0.0

    @property
    def command(self) -> tuple[str, ...]:
        """The command line. The container is removed at its end, and ends with this program."""
        return (self.program, "run", "--rm", "--pull", "never", "--name", self.name, *self.arguments)

    @property
    def metrics_url(self) -> str | None:
        return self.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Contained:
        with open_log(log) as output:
            child = await Child.start(
                self.command, {GENERATION_MARKER: mark(log)}, campaign, output, folder=self.folder
            )
        server = Contained(self, child, time.monotonic())
        try:
            await server.appear()
        except (DeploymentError, asyncio.CancelledError):  # the container has no other owner
            await server.end()
            raise
        return server

    async def readopt(self, prior: PriorServer) -> Contained | None:
        if not prior.proven():
            return None
        program = prior.processes[MAIN]
        server = Contained(self, AdoptedProcess(program, mark(prior.log)), time.monotonic() - age(program.pid))
        await server.appear()
        return server

    def described(self) -> Mapping[str, Any]:
        return {"command": list(self.command), **image_described(self.program, self.image)}


class Contained:
    """A server in a container that the campaign runs; its child process is docker or podman."""

    with_descendants = True

    def __init__(self, run: ContainerRun, child: Child | AdoptedProcess, born: float) -> None:
        self._run = run
        self._child = child
        self._pid: int | None = None
        self.command = run.command
        self.born = born

    async def appear(self) -> None:
        """Wait until the container has a process, or has ended."""
        while not self._child.ended and self._pid is None:
            answer = await self._run_program("inspect", "--format", "{{.State.Pid}}", self._run.name)
            if answer.isdigit() and int(answer):
                self._pid = here(int(answer), self._run.program)
                return
            await asyncio.sleep(_POLL_SECONDS)

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        if self._pid is None or self._child.ended:
            return {}
        return {MAIN: (self._pid,)}

    @property
    def owned(self) -> Mapping[str, Identity]:
        return {} if self._child.identity is None else {MAIN: self._child.identity}

    async def wait(self) -> str:
        return _described(await self._child.wait())

    def serves(self) -> bool:
        """In the network of the container; true if its sockets are hidden from this user."""
        return self._pid is not None and tree_listens(self._pid, self._run.port) is not False

    async def end(self) -> str:
        if not self._child.ended:
            await self._run_program("stop", "--time", f"{self._run.patience:.0f}", self._run.name)
            try:
                async with asyncio.timeout(_ASKED_SECONDS):
                    await self._child.wait()
            except TimeoutError:
                await self._run_program("rm", "--force", self._run.name)
        await self._child.terminate(_ASKED_SECONDS)
        return _described(self._child.exit_status)

    async def _run_program(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._run.program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._run.patience + _ASKED_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise DeploymentError(f"{self._run.program} {arguments[0]} did not answer") from None
        return output.decode().strip()


def _described(status: int | None) -> str:
    return describe_exit(_SIGNALLED - status if status is not None and status > _SIGNALLED else status)


def refusal(program: str, image: str) -> str | None:
    """Why a container of ``image`` cannot be run, and the remedy; None if it can."""
    if shutil.which(program) is None:
        return f"{program} is not installed"
    try:
        daemon = ask(program, "version", "--format", "{{.Server.Version}}")
        if daemon.returncode != 0 and program == "docker":
            return f"docker does not answer: {last_line(daemon)}"
        if ask(program, "image", "inspect", "--format", "{{.Id}}", image).returncode != 0:
            return f"the image {image!r} is not on this host; run: {program} pull {image}"
    except AttachError as error:
        return str(error)
    return None


def arguments_of(options: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """``{"--env": ["A=1"]}`` as a command line."""
    return tuple(part for option, values in options.items() for value in values for part in (option, value))
