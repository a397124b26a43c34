"""Findings as a table in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aging.core import format
from aging.core.format import NONE, objectives_text, readable_duration
from aging.core.metrics import PRIMARY, is_engine_series
from aging.core.records import HARNESS
from aging.findings.first_limit import first_limits, runs_out
from aging.findings.types import Control, Experiment, FactorEffect, Finding, Findings, RunValidity, SmokeVerdict
from aging.report import rejuvenations
from aging.report.outlook import HOW_TO_LIMIT, finding_sentence, reached
from aging.report.places import where
from aging.report.wording import undecided

STYLES = {
    "aging": "bold red",
    "exhausted": "bold red",
    "bounded": "yellow",
    "step": "yellow",
    "cyclic": "yellow",
    "capped": "yellow",
    "declining": "yellow",
    "stable": "green",
}
_ANSWER_STYLES = {"exhausts": "bold red", "undecided": "yellow", "safe": "green"}
_TONES = {"good": "", "warn": "yellow", "bad": "bold red"}
_COLUMNS = ("deployment", "verdict", "growth per hour", "95 % interval", "per request", "q", "least detectable")
_NARROW = 112
_ALWAYS_TOLD = "children_replaced"
"""The note that belongs beside every verdict."""


def show(findings: Findings, console: Console) -> None:
    """Print outlooks, memory, notes, rejuvenations, objectives, runs, effects, controls and problems."""
    for text in _outlook_lines(findings):
        console.print(text)
    console.print(_memory_table(findings, narrow=console.width < _NARROW))
    for text in (*_also_aging(findings), *_unjudged_lines(findings)):
        console.print(text, soft_wrap=True)
    for finding in findings.findings:
        if finding.indicator == PRIMARY and "/" not in finding.deployment:
            for line in where(finding):
                console.print(Text(f"{finding.deployment}: {line}"), soft_wrap=True)
            for line in _remarks(finding):
                console.print(line)
    _show_rejuvenations(findings, console)
    if findings.objectives:
        console.print(_objectives_table(findings))
    for text in _run_lines(findings.runs):
        console.print(text)
    for experiment in findings.experiments:
        if experiment.per == "hour":
            _show_experiment(experiment, console)
    for control in _told_controls(findings.controls):
        console.print(_control_line(control))
    for problem in findings.problems:
        who = f"{problem.deployment}: " if problem.deployment else ""
        when = f" (at {problem.at_seconds:.0f} s)" if problem.at_seconds is not None else ""
        console.print(Text(f"problem: {who}{problem.message}{when}", style="yellow"))


def _outlook_lines(findings: Findings) -> Iterator[Text]:
    """What an operator asks first: can it run until the next deployment? The limit that is met first is first."""
    shown = [one.deployment for one in findings.findings if one.indicator == PRIMARY and "/" not in one.deployment]
    width = max(map(len, shown), default=0)
    told = [(name, one) for name in shown for one in first_limits(_of(findings, name)) if one.outlook is not None]
    for name, one in told:
        if one.outlook is not None:
            yield Text.assemble(f"{name:<{width}}  ", (finding_sentence(one), _ANSWER_STYLES[one.outlook.answer]))
    if shown and not told:
        yield Text(HOW_TO_LIMIT)


def _of(findings: Findings, name: str) -> Sequence[Finding]:
    return [one for one in findings.findings if one.deployment == name]


def _also_aging(findings: Findings) -> Iterator[Text]:
    for finding in findings.findings:
        if finding.verdict == "aging" and finding.indicator != PRIMARY:
            rate = format.slope(finding.indicator, finding.slope_per_hour, "h", finding.ci_per_hour)
            # What runs out has a line of its own above, with the bounds of that outlook.
            until = "" if runs_out(finding) else reached(finding.indicator, finding.outlook, finding.exhaustion_hours)
            line = f"also aging: {finding.deployment} {finding.indicator} by {rate}{until and f', {until}'}"
            yield Text(line, style="bold red" if until or runs_out(finding) else "")


def _unjudged_lines(findings: Findings) -> Iterator[Text]:
    """How many series of its metrics are judged, and why the others are not."""
    for name in dict.fromkeys(one.deployment for one in findings.unjudged):
        judged = sum(one.deployment == name and is_engine_series(one.indicator) for one in findings.findings)
        reasons = Counter(one.code.replace("_", " ") for one in findings.unjudged if one.deployment == name)
        others = ", ".join(f"{count} {code}" for code, count in reasons.most_common())
        yield Text(f"metrics of {name}: {judged} series judged; not judged: {others}", style="dim")


def show_smoke(verdicts: Sequence[SmokeVerdict], console: Console) -> None:
    """Print a line per deployment, and below it the checks that warn or fail."""
    for verdict in verdicts:
        outcome, style = ("passed", "green") if verdict.passed else ("FAILED", "bold red")
        passed = "; ".join(check.message for check in verdict.checks if check.status == "ok")
        console.print(Text.assemble((f"{outcome:<7}", style), verdict.deployment, f": {passed}" if passed else ""))
        for check in verdict.checks:
            if check.status != "ok":
                style = "bold red" if check.status == "fail" else "yellow"
                console.print(Text(f"  {check.status}: {check.name}: {check.message}", style=style))


def _run_lines(runs: Sequence[RunValidity]) -> Iterator[Text]:
    """How many runs are complete, and each that is not with its reasons."""
    counts = Counter(run.validity for run in runs)
    if set(counts) <= {"complete"}:
        return
    yield Text(
        "runs: " + ", ".join(f"{counts[kind]} {kind}" for kind in ("complete", "short", "broken") if counts[kind])
    )
    for run in runs:
        if run.validity != "complete":
            style = "bold red" if run.validity == "broken" else "yellow"
            yield Text(f"{run.validity}: {run.deployment}, replica {run.replica}: {' '.join(run.reasons)}", style=style)


def _show_experiment(experiment: Experiment, console: Console) -> None:
    title = f"{experiment.deployment}: effects on the growth per hour, of {experiment.runs} runs"
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("term", "effect", "95 % interval", "p", "q", "aliased with"):
        grid.add_column(column, header_style="dim")
    for effect in experiment.effects:
        grid.add_row(*_effect_cells(experiment.indicator, effect))
    console.print(grid)
    for note in experiment.notes:
        console.print(Text(f"note: {experiment.deployment}: {note}"))


def _effect_cells(indicator: str, effect: FactorEffect) -> tuple[str, ...]:
    rate = format.slope(indicator, effect.effect, "h", effect.ci)
    if effect.effect is None:
        rate = ", ".join(f"{level}: {format.slope(indicator, mean, 'h')}" for level, mean in effect.means.items())
    interval = format.interval(indicator, effect.ci, "h")
    p, q = format.probability(effect.p), format.probability(effect.q)
    return effect.term, rate, interval, p, q, ", ".join(effect.aliases) or NONE


def _remarks(finding: Finding) -> Iterator[str]:
    """The notes that belong beside the verdict."""
    notes = " ".join(finding.notes)
    if finding.verdict == "inconclusive":
        yield f"inconclusive: {finding.deployment}: {notes or f'{finding.n} points are too few.'}"
    elif finding.dose is not None:
        yield f"dose: {finding.deployment}: {finding.notes[-1]}"
    elif finding.verdict == "aging" and notes:
        yield f"note: {finding.deployment}: {notes}"
    else:
        for note in finding.noted():
            if note.code == _ALWAYS_TOLD:
                yield f"note: {finding.deployment}: {note}"


def _show_rejuvenations(findings: Findings, console: Console) -> None:
    """What those of each deployment did, the decisions that were not carried out, and policies compared."""
    for name, sentence, tone in rejuvenations.summaries(findings.rejuvenations):
        console.print(Text(f"{name}: {sentence}", style=_TONES[tone]), soft_wrap=True)
    for name, sentence in rejuvenations.decisions(findings.decisions_not_carried_out):
        console.print(Text(f"{name}: {sentence}", style="yellow"), soft_wrap=True)
    if findings.policies:
        console.print(_policies_table(findings))


def _policies_table(findings: Findings) -> Table:
    table = Table(title=f"{findings.campaign}: policies", title_justify="left", box=None, pad_edge=False)
    for column in rejuvenations.POLICY_COLUMNS:
        table.add_column(column, header_style="dim")
    for one in findings.policies:
        table.add_row(*rejuvenations.policy_cells(one))
    return table


def _objectives_table(findings: Findings) -> Table:
    edge = readable_duration(min(one.edge_seconds for one in findings.objectives))
    table = Table(title=f"{findings.campaign}: objectives", title_justify="left", box=None, pad_edge=False)
    for column in ("deployment", "class", "objectives", "attained", "goodput", f"first {edge}", f"last {edge}"):
        table.add_column(column)
    for one in findings.objectives:
        table.add_row(
            one.deployment,
            one.load_class or NONE,
            objectives_text(one.objectives),
            format.share(one.attainment),
            format.request_rate(one.goodput),
            format.share(one.first_attainment),
            format.share(one.last_attainment),
        )
    return table


def _memory_table(findings: Findings, *, narrow: bool) -> Table:
    title = f"{findings.campaign}: memory (anonymous + swap)"
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
    shown = _COLUMNS[:4] if narrow else _COLUMNS
    for column in shown:
        grid.add_column(column, no_wrap=True, header_style="dim")
    for finding in findings.findings:
        if finding.indicator == PRIMARY and not finding.deployment.startswith(f"{HARNESS}/"):
            grid.add_row(*_cells(finding)[: len(shown)])
    return grid


def _cells(finding: Finding) -> tuple[str | Text, ...]:
    slope, ci, least = finding.slope_per_hour, finding.ci_per_hour, finding.minimum_detectable_per_hour
    return (
        finding.deployment,
        Text(finding.verdict, style=STYLES.get(finding.verdict, "")),
        *format.bounded(PRIMARY, slope, ci, "h"),
        format.slope(PRIMARY, finding.slope_per_request, "request"),
        format.probability(finding.q),
        format.size(PRIMARY, least, "h"),
    )


def _told_controls(controls: Sequence[Control]) -> Sequence[Control]:
    """Without the undecided of the harness alone: that it was watched too briefly says nothing of what it observed."""
    alone = all(control.deployment.startswith(f"{HARNESS}/") for control in controls)
    return [control for control in controls if not (alone and undecided(control))]


def _control_line(control: Control) -> Text:
    name = f"{control.deployment}: expected {control.expected}"
    if control.expected_per_hour:
        name += f" by {format.slope(control.indicator, control.expected_per_hour, 'h')}"
    found = f"found {control.verdict}"
    if control.ci_per_hour is not None:
        found += f", {format.interval(control.indicator, control.ci_per_hour, 'h')}"
    if undecided(control):
        return Text(f"control undecided: {name}, {found}", style="yellow")
    outcome, style = ("control passed", "green") if control.passed else ("CONTROL FAILED", "bold red")
    return Text(f"{outcome}: {name}, {found}", style=style)
