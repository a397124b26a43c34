"""The command line in this very process: what a verb prints and its exit code, without a fresh interpreter."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

from aging.cli.main import main


def run_here(folder: Path, *arguments: str | Path) -> CompletedProcess[str]:
    """Run one verb in ``folder``, as ``python -m aging`` would."""
    argv = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), _kept_hook(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = int(main(argv))
        except SystemExit as exit_:  # argparse
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return CompletedProcess(argv, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _kept_hook() -> Iterator[None]:
    """The command line's hook for crashes would end the test process."""
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
