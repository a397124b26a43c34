"""Stop a campaign from another terminal, as one Ctrl-C would: drain, seal, analyze. It can be resumed.

If the runner was killed, stops the processes it left behind (only processes proven to belong to the campaign).

Of a study every cell is stopped so, and its files are collected; if no process runs the study, its cluster is asked.
Exit 3 if a cell may still run, on a host that the cluster does not have.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode
from aging.study.layout import StudyLayout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory, of a campaign or of a study")
    parser.add_argument("--cluster", metavar="ADDRESS", help="Ray cluster of a study: auto, or HOST:PORT")


def run(options: argparse.Namespace) -> ExitCode:
    if StudyLayout(options.directory).exists:
        from aging.app.study import stop_study

        out = console()
        for line in stop_study(options.directory, options.cluster, out):
            out.print(line, soft_wrap=True)
        return ExitCode.DONE
    if options.cluster is not None:
        raise AgingError(f"--cluster: {options.directory} is not the folder of a study; leave --cluster out")
    from aging.runner.stop import stop
    from aging.store.results import open_results

    out = console()
    for line in stop(options.directory, open_results(options.directory).layout):
        out.print(line, soft_wrap=True)
    return ExitCode.DONE
