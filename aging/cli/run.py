"""Run a campaign: start its deployments, load and sample them, print the findings and the report's path.

Ctrl-C once drains, seals and stops (exit 130; results can be analyzed); twice stops at once. With --detach the campaign
runs in its own process, which survives a logout; `status`, `stop` and `resume` take the directory that is printed.
Exit 0 when the campaign completed, whatever it found; `check` is the gate.

With --serve the campaign is shown in the browser while it runs, by a process of its own that ends with it (`aging serve
DIR` shows it again). An address that others can reach needs --token-file.

With --smoke the host is checked, then every deployment runs for 1 minute (or TIME) under the campaign's own load: was
it ready, did it answer without errors, were its indicators read, did the client keep its schedule?
Exit 0 when all passed, 3 when one did not. The output goes to its own folder (NAME.smoke) and is not a result.

With --cluster a study file runs on the hosts of a Ray cluster, or a campaign file on all of them that fit (--hosts N:
on N of them), one cell a host.
Ctrl-C once stops every cell (exit 130), twice ends this process and lets them go on; `resume` continues either.
Exit 0 when every cell has a result, 3 when one is missing.

With --cell one cell of a study file is run here, as one job of a batch system whose jobs share --results; --study names
the study for all of them. Run again, it continues what was interrupted on this host, and exits 0 where all is done.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from aging.cli.arguments import host_count, listen, minimum_duration
from aging.cli.console import console, show_checks, show_run
from aging.core.errors import AgingError, ExitCode, Mistake, MistakeCode, MistakesError
from aging.core.quantities import parse_duration

_LEAST_SMOKE_SECONDS = 5
_RESULTS = Path("results")
_SERVED_AT = "127.0.0.1:8765"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file, or study file")
    parser.add_argument("--duration", metavar="TIME", help="length of the load instead of the file's, like 3m")
    parser.add_argument("--scale", type=float, metavar="N", help="scale of the load instead of the file's, like 0.1")
    parser.add_argument(
        "--smoke",
        nargs="?",
        const="1m",
        type=minimum_duration(_LEAST_SMOKE_SECONDS),
        metavar="TIME",
        help="try every deployment for this long; default: 1m",
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="default: results, or what a study file says")
    parser.add_argument("--detach", action="store_true", help="run it in the background; print directory and pid")
    parser.add_argument("--serve", action="store_true", help="show it in the browser while it runs")
    parser.add_argument(
        "--listen", type=listen, metavar="HOST:PORT", help=f"where --serve listens; default: {_SERVED_AT}"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="with --serve: token that readers of the page must know"
    )
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on a Ray cluster: auto, or HOST:PORT")
    parser.add_argument(
        "--hosts",
        type=host_count,
        metavar="N",
        help="with --cluster: hosts of a campaign, default: all that fit; most hosts of a study",
    )
    parser.add_argument("--cell", type=int, metavar="N", help="run this cell of a study file here, counted from 0")
    parser.add_argument("--study", metavar="ID", help="with --cell: id of the study; default: $SLURM_ARRAY_JOB_ID")


def run(options: argparse.Namespace) -> ExitCode:
    if options.cluster is not None:
        return _study(options)
    if options.hosts is not None:
        raise AgingError("--hosts: is for a cluster; add --cluster ADDRESS")
    if options.smoke is not None and options.duration is not None:
        raise AgingError("--duration: a smoke run has its own duration; use --smoke TIME")
    if options.smoke is not None and options.detach:
        raise AgingError("--detach: a smoke run is short and prints its verdict; leave --detach out")
    if options.smoke is not None and options.serve:
        raise AgingError("--serve: a smoke run is short and prints its verdict; leave --serve out")
    for option, given in (("--listen", options.listen), ("--token-file", options.token_file)):
        if given is not None and not options.serve:
            raise AgingError(f"{option}: there is no page without --serve")
    if options.cell is None and options.study is not None:
        raise AgingError("--study: names the study of a --cell; give --cell N, too")
    if options.cell is not None:
        return _cell(options)
    from aging.study.load import is_study

    if is_study(options.file):
        raise AgingError(
            f"{options.file}: is a study file, whose cells run on many hosts; give --cluster ADDRESS to run all, "
            "or --cell N --study ID to run one cell here"
        )
    return _campaign(options) if options.smoke is None else _smoke(options)


_NOT_ON_A_CLUSTER = {
    "smoke": "try the campaign on one host first, without --cluster",
    "detach": "every cell is a process of its own on its host already; leave --detach out",
    "serve": "there is no page of a running study; use aging status STUDYDIR",
    "listen": "there is no page of a running study; use aging status STUDYDIR",
    "token_file": "there is no page of a running study; use aging status STUDYDIR",
    "duration": "set `duration` in the campaign file",
    "cell": "a cluster runs all cells; leave one of them out",
    "study": "the study gets an id of its own; leave --study out",
    "scale": "set `scale` in the campaign file",
}


def _study(options: argparse.Namespace) -> ExitCode:
    mistakes = [
        Mistake(f"--{name.replace('_', '-')}", f"does not go with --cluster: {instead}", MistakeCode.CONFLICT)
        for name, instead in _NOT_ON_A_CLUSTER.items()
        if getattr(options, name) not in (None, False)
    ]
    if mistakes:
        raise MistakesError("aging run", mistakes)
    from aging.app.study import run_study, study_of
    from aging.app.study_store import results_folder

    study = study_of(options.file, options.hosts)
    results = results_folder(study.file, options.file.parent, options.results)
    on_all = study.text is None and options.hosts is None
    return run_study(study, results, options.cluster, console(), on_all=on_all).exit_code


def _cell(options: argparse.Namespace) -> ExitCode:
    from aging.app.study_cell import run_cell

    for name in ("duration", "scale", "smoke", "detach", "serve"):
        if getattr(options, name):
            raise AgingError(f"--{name}: a cell is run as its study says; leave --{name} out")
    identity = options.study or os.environ.get("SLURM_ARRAY_JOB_ID")
    if not identity:
        raise AgingError("--cell: its study has no id; give --study ID, the same for all jobs of the study")
    out = console()
    done = run_cell(options.file, options.cell, identity, options.results, out)
    return ExitCode.DONE if done.run is None else show_run(done.run, out)


def _smoke(options: argparse.Namespace) -> ExitCode:
    from aging.app.smoke import run_smoke
    from aging.campaign.load import read_campaign
    from aging.report.terminal import show_smoke
    from aging.runner.campaign import Outcome

    out = console()
    campaign_text = read_campaign(options.file)
    if show_checks(options.results or _RESULTS, out) is not ExitCode.DONE:
        return ExitCode.BAD_INPUT
    seconds = parse_duration(options.smoke)
    smoke = run_smoke(campaign_text, options.results or _RESULTS, {"scale": options.scale}, seconds, out)
    show_smoke(smoke.verdicts, out)
    if smoke.outcome is Outcome.INTERRUPTED:
        return ExitCode.INTERRUPTED
    passed = all(verdict.passed for verdict in smoke.verdicts) and smoke.outcome is Outcome.COMPLETED
    return ExitCode.DONE if passed else ExitCode.INCONCLUSIVE


def _campaign(options: argparse.Namespace) -> ExitCode:
    from aging.app.detach import detach_campaign
    from aging.app.live_page import PageAt
    from aging.app.run import run_campaign
    from aging.campaign.load import read_campaign

    out = console()
    overrides = {"duration": options.duration, "scale": options.scale}
    campaign_text = read_campaign(options.file)
    page = PageAt(options.listen or listen(_SERVED_AT), options.token_file) if options.serve else None
    if options.detach:
        detached = detach_campaign(campaign_text, options.results or _RESULTS, overrides, out, page)
        out.print(f"results: {detached.layout.root}", soft_wrap=True)
        out.print(f"runner:  {detached.pid}, its output in {detached.layout.runner_log}", soft_wrap=True)
        return ExitCode.DONE
    return show_run(run_campaign(campaign_text, options.results or _RESULTS, overrides, out, page=page), out)
