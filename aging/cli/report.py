"""Rebuild report.html of a result directory and print its path."""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode
from aging.core.parts import REPORT


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    REPORT.require("aging report")
    from aging.app.analyze import derive
    from aging.store.layout import Layout

    derive(options.directory)
    print(Layout(options.directory).report)
    return ExitCode.DONE
