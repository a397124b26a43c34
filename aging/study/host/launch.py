"""Starts a cell's campaign on this host, as a process that outlives the one that starts it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from aging.core.errors import AgingError, StorageError, writing
from aging.core.processes.logs import tail
from aging.core.processes.ownership import GENERATION_MARKER, MARKER
from aging.core.whole_file import write_synced
from aging.study.fleet import AttemptKey, Look, Order
from aging.study.host.busy import conflict, starting
from aging.study.host.folder import AttemptFolder, HostFolder, checked_files, replace_json
from aging.study.host.leftovers import end_leftovers
from aging.study.host.looks import look_at
from aging.study.host.priority import PriorityError, as_parent

_WAIT_SECONDS = 60.0
"""For another start on this host to end."""

_START_SECONDS = 600.0
"""Imports, checks, and the sanity run of a campaign that has one."""

_LINES = 40

_OF_A_WORKER = (
    "RAY_",
    "GRPC_",
    "SPT_NOENV",
    "PYTHONBREAKPOINT",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "ONEAPI_DEVICE_SELECTOR",
    "TPU_VISIBLE_CHIPS",
    "NEURON_RT_VISIBLE_CORES",
    "ASCEND_RT_VISIBLE_DEVICES",
    "HABANA_VISIBLE_MODULES",
    MARKER,
    GENERATION_MARKER,
)
"""Beginnings of variables that a cluster sets for its workers: a campaign is to be as one that is started by hand."""

_APART = (
    "import subprocess, sys; log = int(sys.argv[1]); "
    "one = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True); "
    "print(one.pid)"
)
"""Starts a program and exits. Ray ends the direct children of a worker with it, so a runner may be none."""


def start(host: str, order: Order) -> Look:
    """Start a campaign in its attempt's folder; only look where the attempt is there already.

    It returns when the campaign's runner has taken its result directory, or with state ``refused`` and the reason.
    A host that is busy with another attempt is a refusal that leaves nothing behind.
    """
    try:
        folder = HostFolder.of(order.scratch, host)
        attempt = folder.attempt(order.key)
        with starting(folder, order.key, _WAIT_SECONDS) as handle:
            seen = look_at(folder, order.key, by_starter=handle is not None)
            if seen.state != "absent":
                return seen
            if handle is None:
                return _refused(order, "the host is starting another attempt for longer than a minute; start it again")
            if why := checked_files(tuple(order.files)) or conflict(folder, order):
                return _refused(order, why)
            folder.disk()
            end_leftovers(folder)
            _write(attempt, order)
            why = _run(attempt, order, handle)
            if why is not None and attempt.directory() is None:
                with writing(attempt.refused):
                    write_synced(attempt.refused, why.encode())
            return look_at(folder, order.key, by_starter=True)
    except AgingError as error:
        return _refused(order, str(error))


def _refused(order: Order, why: str) -> Look:
    return Look(order.key, "refused", why=why)


def _write(attempt: AttemptFolder, order: Order) -> None:
    """Write the attempt's folder, whole or not at all. Raises StorageError."""
    if attempt.root.is_dir():  # a start that was killed before the campaign had its result directory
        return
    temporary = attempt.root.with_name(f"{attempt.root.name}.{token_hex(4)}.tmp")
    try:
        with writing(attempt.root):
            for left in attempt.root.parent.glob(f"{attempt.root.name}.*.tmp"):
                shutil.rmtree(left, ignore_errors=True)
            temporary.mkdir(parents=True)
            for path, content in order.files.items():
                target = temporary / path
                target.parent.mkdir(parents=True, exist_ok=True)
                write_synced(target, content)
            made = AttemptFolder(temporary)
            write_synced(made.campaign, order.campaign.encode())
            write_order(made, order.key, order.devices, exclusive=order.exclusive)
            temporary.rename(attempt.root)
    except StorageError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_order(attempt: AttemptFolder, key: AttemptKey, devices: Sequence[str], *, exclusive: bool) -> None:
    """Write what an attempt takes of its host. Raises OSError."""
    names = {"study": key.study, "cell": key.cell, "number": key.number}
    replace_json(attempt.order, names | {"exclusive": exclusive, "devices": list(devices)})


def _run(attempt: AttemptFolder, order: Order, handle: int) -> str | None:
    """Run ``aging run --detach`` to its end; the sentences that it refused with, None if it started."""
    command = ("run", attempt.campaign.name, "--results", attempt.results.name, "--detach")
    with writing(attempt.log):
        log = attempt.log.open("wb")
    with log:
        try:
            process = spawn(command, attempt.root, order.devices, log.fileno(), keep=(handle,))
        except PriorityError as error:
            return str(error)
    try:
        status = process.wait(_START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"the campaign did not start within {_START_SECONDS:g} s and was stopped"
    return None if status == 0 else said(attempt.log) or f"`aging run` exited {status} without a message"


def spawn(
    arguments: Sequence[str], folder: Path, devices: Sequence[str], log: int, keep: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start ``aging`` in its own session, without what a cluster sets for its workers.

    Raises PriorityError where it would have another priority than a campaign that is started by hand.
    """
    with as_parent(), _unmasked():
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "aging", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=clean(os.environ, devices),
            start_new_session=True,
            pass_fds=keep,
        )


def spawn_apart(arguments: Sequence[str], folder: Path, devices: Sequence[str], log: int) -> int:
    """Start ``aging`` as :func:`spawn` does, as a child of no process of this host's cluster; return its pid."""
    with as_parent(), _unmasked():
        started = subprocess.run(
            [sys.executable, "-I", "-c", _APART, str(log), sys.executable, "-P", "-m", "aging", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=clean(os.environ, devices),
            pass_fds=(log,),
            check=True,
        )
    return int(started.stdout)


@contextlib.contextmanager
def _unmasked() -> Iterator[None]:
    """Have no signal blocked in this thread within the context, whose mask a process that is started inherits.

    Ray 2.60 blocks SIGINT in its nodes, so in their workers (measured): a runner would never see that it is stopped.
    """
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def clean(environment: Mapping[str, str], devices: Sequence[str] = ()) -> dict[str, str]:
    """The environment without what a cluster sets for its workers; with the GPUs that were assigned, if any."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_OF_A_WORKER)}
    return kept | ({"CUDA_VISIBLE_DEVICES": ",".join(devices)} if devices else {})


def said(log: Path) -> str:
    """The last message of ``aging`` in its output, without its name."""
    lines = tail(log, _LINES)
    with contextlib.suppress(StopIteration):
        first = next(place for place in reversed(range(len(lines))) if lines[place].startswith("aging: "))
        lines = lines[first:]
    return "\n".join(lines).removeprefix("aging: ").strip()
