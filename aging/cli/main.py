"""The command line: one verb a file; its docstring is its ``--help``.

Only the verb that runs is imported; of the others only the docstring is read. A verb imports what takes long to import,
such as pandas, scipy and the runner, in its ``run``, so that ``--help`` does not wait for it.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from aging.core.errors import AgingError, ExitCode

VERBS = (
    *("run", "resume", "stop", "status", "serve", "observe", "guard", "check", "plan", "calibrate"),
    *(
        "rejuvenate",
        "trend",
        "scan",
        "validate",
        "doctor",
        "analyze",
        "report",
        "compare",
        "model",
        "env",
        "completion",
    ),
)

_DESCRIPTION = """\
Does your LLM serving system age? How fast, of what, and when must it be rejuvenated?

exit codes: 0 done, or gate passed · 1 gate failed · 2 bad input · 3 inconclusive
            70 a defect in aging itself · 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. An AgingError becomes its message and its exit code; any other exception is a bug."""
    sys.excepthook = _crashed
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser(given[:1]).parse_args(given)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except AgingError as error:
        print(f"aging: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        return _needs_part(error)
    except KeyboardInterrupt:
        print("aging: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    return int(code)


def _needs_part(error: ModuleNotFoundError) -> int:
    """The exit code for a module that an optional part brings; of any other it is a defect, and raised again."""
    from aging.core.parts import lacking

    needed = lacking(error)
    if needed is None:
        raise error
    print(f"aging: {needed}", file=sys.stderr)
    return needed.exit_code


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Exit 70 after an unexpected exception: in a CI job exit 1 means that the gate failed."""
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    os._exit(ExitCode.CRASHED)


def parser(asked: Collection[str] = VERBS) -> argparse.ArgumentParser:
    """The command line, with the options and the help of only those verbs that are ``asked`` for; of none, all help."""
    root = _Parser(prog="aging", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    root.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    verbs = root.add_subparsers(metavar="VERB", required=True)
    described = asked if set(asked) & set(VERBS) else VERBS
    for name in VERBS:
        doc = _docstring(name) if name in described else name
        sub = verbs.add_parser(
            name,
            help=doc.splitlines()[0].removesuffix("."),
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in asked:
            verb = import_module(f"{__package__}.{name}")
            verb.arguments(sub)
            sub.set_defaults(run=verb.run)
    return root


def _docstring(verb: str) -> str:
    """A verb's docstring, read from its source: importing all fifteen takes six times as long."""
    source = Path(__file__).with_name(f"{verb}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the value of an option without the usage of all others."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("argument -"):
            self.exit(ExitCode.BAD_INPUT, f"{self.prog}: {message.removeprefix('argument ')}\n")
        super().error(message)


class _Version(argparse.Action):
    """Looks up the version on demand: it takes 50 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"aging {version('llm-aging')}")
        parser.exit()
