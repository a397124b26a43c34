"""Containers, through the command line of docker or podman: run by us, or found running.

The processes of a container are the host's, too: its first one is asked for, and the
samplers read it and its descendants as they would any other process tree.
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
"""A container whose process was killed by signal n exits with this and n."""


def container_pid(name: str) -> int:
    """The host's pid of a running container's first process. Raises AttachError saying what is wrong."""
    found = [program for program in PROGRAMS if shutil.which(program)]
    if not found:
        raise AttachError(f"container {name!r}: neither docker nor podman is installed")
    refusals = []
    for program in found:
        told = ask(program, "inspect", "--format", "{{.State.Pid}}", name)
        if told.returncode == 0 and told.stdout.strip().isdigit():
            if (pid := int(told.stdout)) == 0:
                raise AttachError(f"container {name!r} is not running")
            return here(pid, program)
        refusals.append(f"{program}: {last_line(told)}")
    raise AttachError(f"container {name!r}: {'; '.join(refusals)}")


def ask(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``program`` briefly. Raises AttachError when it does not answer."""
    try:
        return subprocess.run(
            (program, *arguments), capture_output=True, text=True, timeout=_ASKED_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AttachError(f"{program} {arguments[0]} did not answer within {_ASKED_SECONDS:g} s") from None


def last_line(told: subprocess.CompletedProcess[str]) -> str:
    """What a program said last, for a message."""
    lines = (told.stderr.strip() or told.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit {told.returncode}"


def here(pid: int, program: str) -> int:
    """The pid, if it is one of this machine's. Raises AttachError where the containers run elsewhere."""
    if not Path(f"/proc/{pid}").exists():
        raise AttachError(
            f"{program} runs its containers on another machine, or in a virtual one: no process {pid} here"
        )
    return pid


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """An :class:`~aging.deployments.lifecycle.Origin`: ``program run`` with ``arguments``, as container ``name``.

    ``port`` is the one that is listened on inside; ``patience`` seconds lie between SIGTERM and SIGKILL. The program
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
    returns: ClassVar[bool] = False

    @property
    def command(self) -> tuple[str, ...]:
        """The command line; the container is removed when it ends, and ends with the program that started it."""
        return (self.program, "run", "--rm", "--pull", "never", "--name", self.name, *self.arguments)

    @property
    def metrics_url(self) -> str | None:
        return self.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Contained:
        with open_log(log) as output:
            child = await Child.start(
                self.command, {GENERATION_MARKER: mark(log)}, campaign, output, folder=self.folder
            )
        life = Contained(self, child, time.monotonic())
        try:
            await life.appear()
        except (DeploymentError, asyncio.CancelledError):  # nobody else knows of it
            await life.end()
            raise
        return life

    async def readopt(self, past: PriorServer) -> Contained | None:
        if not past.proven():
            return None
        program = past.processes[MAIN]
        life = Contained(self, AdoptedProcess(program, mark(past.log)), time.monotonic() - age(program.pid))
        await life.appear()
        return life

    def described(self) -> Mapping[str, Any]:
        told = ask(
            self.program, "image", "inspect", "--format", "{{.Id}} {{range .RepoDigests}}{{.}} {{end}}", self.image
        )
        image_id, *digests = told.stdout.split() if told.returncode == 0 else ["unknown"]
        return {"command": list(self.command), "image": self.image, "image_id": image_id, "image_digests": digests}


class Contained:
    """A life inside a container that we run: our child is the program that runs it."""

    with_descendants = True

    def __init__(self, run: ContainerRun, child: Child | AdoptedProcess, born: float) -> None:
        self._run = run
        self._child = child
        self._pid: int | None = None
        self.command = run.command
        self.born = born

    async def appear(self) -> None:
        """Wait until there is a process in the container, or no container any more."""
        while not self._child.ended and self._pid is None:
            told = await self._tell("inspect", "--format", "{{.State.Pid}}", self._run.name)
            if told.isdigit() and int(told):
                self._pid = here(int(told), self._run.program)
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
        """Inside the container's own network; where its sockets may not be seen it is taken for granted."""
        return self._pid is not None and tree_listens(self._pid, self._run.port) is not False

    async def end(self) -> str:
        if not self._child.ended:
            await self._tell("stop", "--time", f"{self._run.patience:.0f}", self._run.name)
            try:
                async with asyncio.timeout(_ASKED_SECONDS):
                    await self._child.wait()
            except TimeoutError:
                await self._tell("rm", "--force", self._run.name)
        await self._child.terminate(_ASKED_SECONDS)
        return _described(self._child.exit_status)

    async def _tell(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._run.program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._run.patience + _ASKED_SECONDS):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise DeploymentError(f"{self._run.program} {arguments[0]} did not answer") from None
        return said.decode().strip()


def _described(status: int | None) -> str:
    return describe_exit(_SIGNALLED - status if status is not None and status > _SIGNALLED else status)


def refusal(program: str, image: str) -> str | None:
    """Why a container of ``image`` cannot be run now, and what would help; None when it can."""
    if shutil.which(program) is None:
        return f"{program} is not installed"
    try:
        daemon = ask(program, "version", "--format", "{{.Server.Version}}")
        if daemon.returncode != 0 and program == "docker":
            return f"docker does not answer: {last_line(daemon)}"
        if ask(program, "image", "inspect", "--format", "{{.Id}}", image).returncode != 0:
            return f"the image {image!r} is not on this machine; run: {program} pull {image}"
    except AttachError as error:
        return str(error)
    return None


def arguments_of(options: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """``{"--env": ["A=1"]}`` as a command line."""
    return tuple(part for option, values in options.items() for value in values for part in (option, value))
