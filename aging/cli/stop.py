"""Stop a campaign from another terminal, as one Ctrl-C would: drain, seal, analyze. It can be resumed.

If the runner was killed, stops the processes it left behind (only processes proven to belong to the campaign).

Of a study every cell is stopped so, and its files are collected; if no process runs the study, its cluster is asked.

With --cluster and --study in place of DIR, gives back the hosts of a study whose folder is gone (`aging status
--cluster` lists them). Refused while a process runs the study, or while a runner of its cells is alive; --drain stops
those first, and their files stay on their hosts.

Exit 3 if a cell may still run, on a host that the cluster does not have.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode
from aging.study.layout import StudyLayout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, nargs="?", metavar="DIR", help="result directory, of a campaign or of a study"
    )
    parser.add_argument("--cluster", metavar="ADDRESS", help="Ray cluster of a study: auto, or HOST:PORT")
    parser.add_argument("--study", metavar="NAME/START", help="in place of DIR: give back the hosts of this study")
    parser.add_argument("--drain", action="store_true", help="with --study: stop its running cells first")


def run(options: argparse.Namespace) -> ExitCode:
    if options.study is not None:
        return _give_back(options)
    if options.drain:
        raise AgingError("--drain: goes with --study; of a folder every cell is drained anyway, leave --drain out")
    if options.directory is None:
        raise AgingError("give DIR, the directory of a campaign or study, or --cluster ADDRESS --study NAME/START")
    if StudyLayout(options.directory).exists:
        from aging.app.study import stop_study

        out = console()
        for line in stop_study(options.directory, options.cluster, out):
            out.print(line, soft_wrap=True)
        return ExitCode.DONE
    from aging.store.results import open_results

    results = open_results(options.directory)  # what is no result directory at all is named first
    if options.cluster is not None:
        raise AgingError(f"--cluster: {options.directory} is not the folder of a study; leave --cluster out")
    from aging.runner.stop import stop

    out = console()
    for line in stop(options.directory, results.layout):
        out.print(line, soft_wrap=True)
    return ExitCode.DONE


def _give_back(options: argparse.Namespace) -> ExitCode:
    from functools import partial

    from aging.app.study_reservations import give_back_study

    if options.directory is not None:
        raise AgingError("--study: stands in place of DIR; leave one of them out")
    if options.cluster is None:
        raise AgingError("--study: needs the cluster whose hosts the study holds; give --cluster ADDRESS")
    tell = partial(console().print, soft_wrap=True, markup=False, highlight=False)
    give_back_study(options.cluster, options.study, tell, drain=options.drain)
    return ExitCode.DONE
