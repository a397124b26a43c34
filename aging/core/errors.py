"""The package's exceptions, and the exit code of each.

::

    AgingError                 2   bad input or usage
    ├── CampaignError          2   mistakes in a campaign file, all at once
    ├── PreflightError         2   the host is not ready for a valid campaign
    ├── ResultsError           2   a path that is not a result directory
    ├── PluginError            2   two plug-ins of one kind
    ├── MissingPartError       2   what is asked for needs a package that is not installed
    ├── InputError             2   a value given to a function of the public API; a ValueError, too
    ├── DeploymentError        3   a deployment did not become ready
    │   └── AttachError        2   the process to attach to does not run, or several match
    │       └── SeveralError   2   several processes match
    ├── StorageError           3   a write that the disk refused; also an OSError
    ├── InconclusiveError      3   too short, too noisy, or a broken run
    └── WorkerError           70   a worker process that ended without a result (``aging.core.worker``)

``aging.cli.main.main`` alone turns an exception into an exit code. StateError is not an AgingError: like any other
exception it is a bug of the package, and ends with 70 and its traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class ExitCode(IntEnum):
    """Process exit codes. They separate a failed gate (1), an undecided one (3), a dead server (4) and a bug (70)."""

    DONE = 0
    GATE_FAILED = 1
    BAD_INPUT = 2
    INCONCLUSIVE = 3
    SERVER_FAILED = 4
    CRASHED = 70
    INTERRUPTED = 130


class MistakeCode(StrEnum):
    """What is wrong with an input. Stable, unlike the text of a message: tests and programs rely on the code."""

    CONFLICT = "conflict"
    DUPLICATE_NAME = "duplicate-name"
    INVALID_VALUE = "invalid-value"
    MISSING_KEY = "missing-key"
    NOT_TOML = "not-toml"
    OUT_OF_RANGE = "out-of-range"
    UNKNOWN_KEY = "unknown-key"
    UNKNOWN_NAME = "unknown-name"
    UNREADABLE_FILE = "unreadable-file"
    WRONG_TYPE = "wrong-type"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the input: the key, and what is wrong and would be right."""

    where: str
    what: str
    code: MistakeCode = MistakeCode.INVALID_VALUE

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class AgingError(Exception):
    """Base of the package's exceptions."""

    exit_code = ExitCode.BAD_INPUT


class MistakesError(AgingError):
    """Several mistakes in one input, reported together."""

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


class MissingPartError(AgingError):
    """What is asked for needs an optional part that is not installed; the message has the command that installs it."""


class InputError(AgingError, ValueError):
    """A value given to a function of the public API that it cannot use; the message says what would be right."""


class DeploymentError(AgingError):
    """A deployment that did not become ready; the message carries its last log lines."""

    exit_code = ExitCode.INCONCLUSIVE


class AttachError(DeploymentError):
    """The process to attach to does not run, or several match; the message lists the candidates."""

    exit_code = ExitCode.BAD_INPUT


class SeveralError(AttachError):
    """Several processes match; the first line of the message says how many, the others list them."""


class InconclusiveError(AgingError):
    """A question that the data at hand cannot answer."""

    exit_code = ExitCode.INCONCLUSIVE


class StorageError(AgingError, OSError):
    """A failed write: disk full, no permission, I/O error. Code that continues without a disk catches OSError."""

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
    """A step before the one that it requires: a bug, so not an AgingError, and its traceback is shown."""


def require(value: T | None, what: str) -> T:
    """Return ``value``, optional state that must be set by now. Raises StateError naming ``what`` if it is None."""
    if value is None:
        raise StateError(f"{what} is not set")
    return value
