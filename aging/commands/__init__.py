"""The command line: one verb a file; its docstring is its ``--help``, its exit code its answer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType, TracebackType

from aging.commands import (
    analyze,
    calibrate,
    check,
    doctor,
    env,
    model,
    observe,
    plan,
    report,
    resume,
    run,
    status,
    stop,
    trend,
    validate,
)
from aging.errors import AgingError, ExitCode

_VERBS: tuple[ModuleType, ...] = (
    *(run, resume, stop, status, observe, check, plan, calibrate),
    *(trend, validate, doctor, analyze, report, model, env),
)

_DESCRIPTION = """\
Does your LLM serving system age? How fast, of what, and when must it be rejuvenated?

exit codes: 0 done, or gate passed · 1 gate failed (check only) · 2 bad input · 3 inconclusive · 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; every error of the package becomes its message and its exit code here. Any other is a bug."""
    sys.excepthook = _crashed
    options = parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except AgingError as error:
        print(f"aging: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("aging: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    return int(code)


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A bug of ours must not exit 1: to a CI job that says "it leaks"."""
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    os._exit(ExitCode.CRASHED)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="aging", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument("--version", action="version", version=f"aging {version('llm-aging')}")
    verbs = root.add_subparsers(metavar="VERB", required=True)
    for verb in _VERBS:
        name = verb.__name__.rpartition(".")[2]
        doc = (verb.__doc__ or "").strip()
        sub = verbs.add_parser(
            name,
            help=doc.splitlines()[0].removesuffix("."),
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.arguments(sub)
        sub.set_defaults(run=verb.run)
    return root
