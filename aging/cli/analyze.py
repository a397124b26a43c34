"""Rebuild findings.json and report.html of a result directory, also if the runner was killed.

The outlook says whether the servers can run for 30 days more, or for [analysis] horizon, within the memory of the host
or [analysis] memory_limit. --horizon and --limit ask for another time and another limit:

  aging analyze results/real-runtimes --horizon 7d --limit 64GiB

--warmup, --grid, --test and --q ask how far the verdicts depend on the settings of the campaign file. With any of them
the findings are only printed: no file is written.

  aging analyze results/real-runtimes --warmup 10m --grid 30s

Several directories, or a quoted pattern: a line for each; smoke runs are left out. One that cannot be analyzed is named
and does not stop the others; the exit code is then 3, or 2 for a DIR that is no result directory. --cluster computes on
a cluster of Ray (auto: the one of this machine), with findings that are equal to the last bit.

  aging analyze 'results/**' --cluster auto

The folder of a study: every cell that counts, then the whole; exit 3 where a cell is missing, which is named.
The URL of a study in a store (s3://bucket/results/STUDY/START) is fetched to results/STUDY/START first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.arguments import outlook_arguments
from aging.cli.console import console
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode, InputError
from aging.core.parts import REPORT

if TYPE_CHECKING:
    from aging.app.directories import Analyzed, Question, Selected
    from aging.store.layout import Layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directories", nargs="+", metavar="DIR", help="result directory, study, or a pattern like 'results/**'"
    )
    outlook_arguments(parser)
    what_if = parser.add_argument_group("other settings than the campaign's (nothing is written)")
    what_if.add_argument("--warmup", metavar="TIME", help="start of the load that is left out, like 10m; or auto")
    what_if.add_argument("--grid", metavar="TIME", help="bin width of the time grid, like 30s")
    what_if.add_argument("--test", metavar="NAME", help="trend test that decides the verdicts, like hamed_rao")
    what_if.add_argument("--q", metavar="RATE", help="false-discovery rate, like 0.05")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="compute on a cluster of Ray: auto, or HOST:PORT of its head"
    )
    parser.add_argument(
        "--json", action="store_true", help="print findings.json instead of tables; of several DIR an object a line"
    )


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    from aging.app.directories import Question, selected, several, study_folder
    from aging.findings.asked import Asked

    given = {name: getattr(options, name) for name in ("warmup", "grid", "test", "q")}
    given = given if any(value is not None for value in given.values()) else {}
    question = Question(Asked(options.limit, options.horizon), given)
    if (study := study_folder(options.directories)) is not None:
        return _study(study, question, options)
    if several(options.directories):
        return _several(selected(options.directories), question, options)
    return _one(Path(options.directories[0]), question, options)


def _one(directory: Path, question: Question, options: argparse.Namespace) -> ExitCode:
    from aging.app.analyze import derive, vary
    from aging.app.directories import NOTHING_MEASURED, mapper_of
    from aging.findings.findings_file import findings_text
    from aging.report.terminal import show
    from aging.store.layout import Layout

    out, layout = console(), Layout(directory)
    with mapper_of(options.cluster) as mapper:
        if question.given:
            settings, findings = vary(directory, question.asked, question.given, mapper)
            ends = [f"Nothing was written: these findings are of other settings than the campaign's ({settings})."]
        else:
            findings = derive(directory, question.asked, mapper=mapper)
            ends = [f"findings: {layout.findings}", _report(layout)]
    if options.json:
        print(findings_text(findings))
    else:
        show(findings, out)
        for line in ends:
            out.print(line, soft_wrap=True)
    if not findings.findings:
        print(NOTHING_MEASURED, file=sys.stderr)
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE


def _study(root: Path, question: Question, options: argparse.Namespace) -> ExitCode:
    """Every cell that counts, then the whole; one that cannot be analyzed is missing in it."""
    from aging.app.directories import each
    from aging.app.study_analysis import conclude, counting, written
    from aging.report.study.findings_text import show
    from aging.study.layout import StudyLayout
    from aging.study.plan_file import read_plan

    out, layout = console(), StudyLayout(root)
    if question.given:
        cells = layout.cells / "**"
        raise InputError(f"{root}: a study is analyzed with its own settings; for others: aging analyze '{cells}'")
    read_plan(layout)  # a folder that is none is named first
    counted = counting(layout)
    failed: dict[str, str] = {}
    for cell, one in zip(counted, each(list(counted.values()), question, options.cluster), strict=True):
        if one.why is not None:
            failed[cell] = one.why
            print(f"aging: {_named(one)}", file=sys.stderr)
    record = conclude(layout, failed)
    if options.json:
        print(layout.findings.read_text(encoding="utf-8"), end="")
    else:
        show(record.findings, record.account, out)
        for name, path in written(record).items():
            out.print(f"{name}: {path}", soft_wrap=True)
    return ExitCode.DONE if record.findings.complete else ExitCode.INCONCLUSIVE


def _several(chosen: Selected, question: Question, options: argparse.Namespace) -> ExitCode:
    from aging.app.directories import each, worst

    for text in chosen.unmatched:
        what = "no folder of a campaign matches (one has journal.jsonl and manifest.json)"
        print(f"aging: {text}: {what}; give a pattern like 'results/**'", file=sys.stderr)
    for directory in chosen.smoke:
        print(f"{directory}: left out: a smoke run, which measures no growth", file=sys.stderr)
    outcomes = []
    for one in each(chosen.directories, question, options.cluster) if chosen.directories else ():
        outcomes.append(one)
        if one.why is not None:
            print(f"aging: {_named(one)}", file=sys.stderr)
        if options.json:
            print(_json_line(one), flush=True)
        elif one.findings is not None:
            print(f"{one.directory}: {_counted(one)}", flush=True)
    if not options.json:
        print(_summary(outcomes, written=not question.given))
    return worst(outcomes, chosen)


def _named(one: Analyzed) -> str:
    """Why a directory has no findings, with its name once."""
    why = one.why or ""
    return why if why.startswith(str(one.directory)) else f"{one.directory}: {why}"


def _counted(one: Analyzed) -> str:
    """Its verdicts, most frequent first, then its problems."""
    assert one.findings is not None
    verdicts = Counter(str(finding.verdict) for finding in one.findings.findings)
    problems = len(one.findings.problems)
    counted = [
        f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return ", ".join([*counted, f"{problems} problem{'s' if problems != 1 else ''}"])


def _json_line(one: Analyzed) -> str:
    said = {"directory": str(one.directory), "exit_code": int(one.code), "error": one.why}
    content = {} if one.findings is None else asdict(one.findings)
    return json.dumps(said | content, allow_nan=False, default=list)


def _summary(outcomes: Sequence[Analyzed], *, written: bool) -> str:
    done = [one for one in outcomes if one.code == ExitCode.DONE]
    aging = sum(any(finding.verdict == "aging" for finding in one.findings.findings) for one in done if one.findings)
    where = "findings.json and report.html are in each" if written else "nothing was written"
    return f"{len(done)} of {len(outcomes)} directories analyzed, {aging} with an indicator that ages; {where}"


def _report(layout: Layout) -> str:
    return f"report:   {layout.report if REPORT.installed else f'none; for one: {REPORT.command}'}"
