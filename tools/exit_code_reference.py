"""``docs/exit-codes.md``, every exit code and the errors that become it, from the classes of the code.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module

import aging
from aging.core.errors import AgingError, ExitCode
from aging.core.parts import lacking
from tools.markdown import made_by, table

MEANINGS: Mapping[ExitCode, tuple[str, str]] = {
    ExitCode.DONE: ("done, or the gate passed", "nothing"),
    ExitCode.GATE_FAILED: (
        "the gate failed (`aging check`, `observe --fail`, `compare --fail`)",
        "read the conditions that failed",
    ),
    ExitCode.BAD_INPUT: (
        "bad input, or this host is not ready; nothing was started",
        "the message names file, key and what would be right",
    ),
    ExitCode.INCONCLUSIVE: (
        "the data cannot tell, no server of `aging run` started, what was watched died, a watchdog halted the "
        "campaign, a cell of a study has no result or may still run after `aging stop`, or the ledger of a study was "
        "lost while it was written",
        "[the gate](troubleshooting.md#the-gate): what would decide; after a halt, or for a cell without a result, "
        "`aging resume DIR`; a cell that may still run: `aging stop DIR` again; a lost ledger: restore it",
    ),
    ExitCode.SERVER_FAILED: (
        "a server under the gate did not start, died or answered only errors (`aging check`)",
        "read the tail of its log, which is printed",
    ),
    ExitCode.CRASHED: ("a defect in `aging`; a traceback follows", "report it with `manifest.json`"),
    ExitCode.INTERRUPTED: (
        "interrupted by Ctrl-C or `aging stop`; `aging guard` then ends with 0",
        "`aging resume DIR` to continue",
    ),
}

_NOT_IMPORTED = re.compile(r"\._scripts|\.__main__$|^aging\.trends$")
"""Programs, and a former name, which warns."""

_HEAD = f"""\
# Exit codes

The exit code of every `aging` command. A CI job can tell a leak (1) from an undecided gate (3), a mistake in its own
file (2) and a defect of `aging` (70).

{made_by("exit_code_reference", "aging/core/errors.py and the classes derived from AgingError")}
"""

_ERRORS = """
## Errors

The exception classes of the package, all below `AgingError`, with the code that a command exits with. A program that
imports `aging` can catch them; any other exception is a defect.

"""


def page() -> str:
    """The whole page."""
    codes = [(str(int(code)), f"`{code.name}`", *MEANINGS[code]) for code in ExitCode]
    errors = [
        (f"`{error.__name__}`", f"`{error.__module__}`", str(int(error.exit_code)), _first_paragraph(error))
        for error in sorted(errors_below(AgingError), key=lambda error: (error.exit_code, error.__name__))
    ]
    return (
        _HEAD
        + table(("code", "name", "meaning", "do"), codes)
        + _ERRORS
        + table(("class", "module", "code", "meaning"), errors)
    )


def errors_below(root: type[AgingError]) -> Iterator[type[AgingError]]:
    """Every class of the package derived from ``root``, itself included."""
    for module in pkgutil.walk_packages(aging.__path__, "aging."):
        if _NOT_IMPORTED.search(module.name):
            continue
        try:
            import_module(module.name)
        except ModuleNotFoundError as error:
            if lacking(error) is None:  # else of a part that is not installed here
                raise
    return _below(root)


def _below(root: type[AgingError]) -> Iterator[type[AgingError]]:
    yield root
    for error in root.__subclasses__():
        if error.__module__.partition(".")[0] == "aging":
            yield from _below(error)


def _first_paragraph(error: type[AgingError]) -> str:
    return " ".join(inspect.cleandoc(error.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
