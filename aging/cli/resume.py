"""Continue a campaign whose runner was killed, interrupted or halted, at the right place of its schedule.

Servers that are still running are re-adopted and keep their age; others start a new generation. Requests that were
due while the runner was down are skipped and reported. A campaign that has ended, or that is running, is refused.
An observation is judged by the --fail that it began with.

Of a study every cell without a result is continued: adopted where it runs, resumed where its runner is gone, begun
again where its host is lost. It runs on the cluster that it ran on before, or on the one of --cluster. The URL of a
study in a store (s3://bucket/results/STUDY/START) is fetched to results/STUDY/START first. Exit 0 once every cell of
the study has a result, also where nothing was left to do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.console import console, show_run
from aging.core.errors import AgingError, ExitCode
from aging.study.layout import StudyLayout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="result directory of a campaign or a study; URL of a study")
    parser.add_argument("--cluster", metavar="ADDRESS", help="Ray cluster of a study: auto, or HOST:PORT")


def run(options: argparse.Namespace) -> ExitCode:
    directory = _folder(options.directory)
    if StudyLayout(directory).exists:
        from aging.app.study import resume_study

        return resume_study(directory, options.cluster, console()).exit_code
    from aging.report.study.folder import study_of_copy
    from aging.store.results import open_results

    if (study := study_of_copy(directory)) is not None:
        raise AgingError(
            f"{directory}: is the copy of an attempt, which is continued on its own host alone; aging resume {study}"
        )
    open_results(directory)  # what is no result directory at all is named first
    if options.cluster is not None:
        raise AgingError(f"--cluster: {directory} is not the folder of a study; leave --cluster out")
    from aging.app.resume import resume_campaign
    from aging.store.gate import read_gate
    from aging.store.layout import Layout

    out = console()
    given = read_gate(Layout(directory))
    if given is None:
        return show_run(resume_campaign(directory, out), out)
    from aging.check.observation import conditions_of
    from aging.cli.observed import conclude

    conditions = conditions_of(given)
    return conclude(resume_campaign(directory, out), conditions, as_json=False)


def _folder(given: str) -> Path:
    """The local folder of what is given; a URL is fetched."""
    if "://" not in given:
        return Path(given)
    from aging.app.study_store import fetched

    return fetched(given)
