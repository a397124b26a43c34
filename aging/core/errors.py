"""Everything the package raises on purpose, and the exit code each becomes.

::

    AgingError                 2   bad input or usage
    ├── CampaignError          2   mistakes in a campaign file, all at once
    ├── PreflightError         2   the host is not ready for a valid campaign
    ├── ResultsError           2   a path that is not a result directory
    ├── PluginError            2   plug-ins that cannot be told apart
    ├── InputError             2   a value given to a function of the public API; a ValueError, too
    ├── DeploymentError        3   a deployment did not become ready
    │   └── AttachError        2   what is to be watched does not run, or is not told apart
    ├── StorageError           3   a write that the disk refused; an OSError, too
    ├── InconclusiveError      3   too short, too noisy, or a broken run
    └── WorkerError           70   a process of our own that ended without its result (``aging.core.worker``)

``aging.cli.main.main`` is the only place that turns one into an exit code. StateError is none of them: a bug of ours
ends with 70 and its trace, as any other exception does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class ExitCode(IntEnum):
    """Process exit codes; a CI job tells a failed gate (1) from an undecided one (3) and from our own bug (70)."""

    DONE = 0
    GATE_FAILED = 1
    BAD_INPUT = 2
    INCONCLUSIVE = 3
    CRASHED = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with the input: where it stands, what is wrong, what would be right."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class AgingError(Exception):
    """Root of the package's exceptions."""

    exit_code = ExitCode.BAD_INPUT


class MistakesError(AgingError):
    """Several mistakes in one thing, reported together."""

    def __init__(self, subject: str, mistakes: Sequence[Mistake]) -> None:
        self.subject = subject
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{subject}: {count} mistake{'s' if count != 1 else ''}\n{lines}")


class CampaignError(MistakesError):
    """A campaign file that cannot be run as written."""


class PreflightError(MistakesError):
    """A valid campaign that this host cannot run now."""


class ResultsError(AgingError):
    """A path that is not a readable result directory."""


class PluginError(AgingError):
    """Two plug-ins of one kind; the message names both."""


class InputError(AgingError, ValueError):
    """A value given to a function of the public API that it cannot use; the message says what would be right."""


class DeploymentError(AgingError):
    """A deployment that did not become ready; the message carries its last log lines."""

    exit_code = ExitCode.INCONCLUSIVE


class AttachError(DeploymentError):
    """What is to be watched does not run, or cannot be told from something else; the message says what there is."""

    exit_code = ExitCode.BAD_INPUT


class InconclusiveError(AgingError):
    """A question that the data at hand cannot answer."""

    exit_code = ExitCode.INCONCLUSIVE


class StorageError(AgingError, OSError):
    """A write that failed: no room, no right, a broken disk. What goes on without a disk catches it as an OSError."""

    exit_code = ExitCode.INCONCLUSIVE


@contextmanager
def writing(what: Path | str) -> Iterator[None]:
    """Turn an OSError of the body, which writes ``what``, into a StorageError that names it."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{what} cannot be written: {error.strerror or error}") from error


class StateError(RuntimeError):
    """A step that was asked for before the one that it needs: a bug, and no AgingError, so that its trace is shown."""


def needed(value: T | None, what: str) -> T:
    """The value of optional state that must be there by now. Raises StateError naming ``what`` where it is not."""
    if value is None:
        raise StateError(f"{what} is not there yet")
    return value
