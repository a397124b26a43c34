"""Findings as a table in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aging.core.format import readable_duration
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.types import Control, Experiment, FactorEffect, Finding, Findings, RunValidity, SmokeVerdict
from aging.report.format import objectives_text

_STYLES = {"aging": "bold red", "bounded": "yellow", "step": "yellow", "cyclic": "yellow", "stable": "green"}
_LEAST_PROBABILITY = 1e-12
"""Below this a probability says more of the model than of the world."""

_COLUMNS = ("deployment", "verdict", "growth per hour", "95 % interval", "per request", "q", "least detectable")
_NARROW = 112
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def show(findings: Findings, console: Console) -> None:
    """Memory of every deployment first, then whatever else was found to age, controls and problems."""
    console.print(_memory_table(findings, narrow=console.width < _NARROW))
    others = [f for f in findings.findings if f.verdict == "aging" and f.indicator != PRIMARY]
    for finding in others:
        rate = finding.slope_per_hour or 0.0
        text = bytes_text(rate) if finding.indicator.endswith("_bytes") else f"{rate:.4g}"
        console.print(f"also aging: {finding.deployment} {finding.indicator} by {text} per hour")
    for finding in findings.findings:
        if finding.indicator == PRIMARY and "/" not in finding.deployment:
            for line in _remarks(finding):
                console.print(line)
    if findings.objectives:
        console.print(_objectives_table(findings))
    for told in _run_lines(findings.runs):
        console.print(told)
    for experiment in findings.experiments:
        if experiment.per == "hour":
            _show_experiment(experiment, console)
    for control in findings.controls:
        console.print(_control_line(control))
    for problem in findings.problems:
        who = f"{problem.deployment}: " if problem.deployment else ""
        when = f" (at {problem.at_seconds:.0f} s)" if problem.at_seconds is not None else ""
        console.print(Text(f"problem: {who}{problem.message}{when}", style="yellow"))


def show_smoke(verdicts: Sequence[SmokeVerdict], console: Console) -> None:
    """A line a deployment, and what was not as it should be below it."""
    for verdict in verdicts:
        outcome, style = ("passed", "green") if verdict.passed else ("FAILED", "bold red")
        told = "; ".join(check.message for check in verdict.checks if check.status == "ok")
        console.print(Text.assemble((f"{outcome:<7}", style), verdict.deployment, f": {told}" if told else ""))
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
            yield Text(
                f"{run.validity}: {run.deployment}, replica {run.replica}: {'; '.join(run.reasons)}", style=style
            )


def _show_experiment(experiment: Experiment, console: Console) -> None:
    title = f"{experiment.deployment}: effects on the growth per hour, of {experiment.runs} runs"
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("term", "effect", "95 % interval", "p", "q", "not told from"):
        grid.add_column(column, header_style="dim")
    for effect in experiment.effects:
        grid.add_row(*_effect_cells(effect))
    console.print(grid)
    for note in experiment.notes:
        console.print(Text(f"but: {experiment.deployment}: {note}"))


def _effect_cells(effect: FactorEffect) -> tuple[str, ...]:
    if effect.effect is None:
        told = ", ".join(
            f"{level}: {'–' if mean is None else bytes_text(mean)}" for level, mean in effect.means.items()
        )
    else:
        told = f"{bytes_text(effect.effect)}/h"
    interval = "–" if effect.ci is None else f"{bytes_text(effect.ci[0])} … {bytes_text(effect.ci[1])}"
    return effect.term, told, interval, _probability(effect.p), _probability(effect.q), ", ".join(effect.aliases) or "–"


def _remarks(finding: Finding) -> Iterator[str]:
    """What a reader of the verdict must know beside it."""
    notes = "; ".join(finding.notes)
    if finding.verdict == "inconclusive":
        yield f"inconclusive: {finding.deployment}: {notes or f'{finding.n} points are too few'}"
    elif finding.dose is not None:
        yield f"dose: {finding.deployment}: {finding.notes[-1]}"
    elif finding.verdict == "aging" and notes:
        yield f"but: {finding.deployment}: {notes}"


def _objectives_table(findings: Findings) -> Table:
    edge = readable_duration(min(one.edge_seconds for one in findings.objectives))
    table = Table(title=f"{findings.campaign}: objectives", title_justify="left", box=None, pad_edge=False)
    for column in ("deployment", "class", "objectives", "attained", "goodput", f"first {edge}", f"last {edge}"):
        table.add_column(column)
    for one in findings.objectives:
        table.add_row(
            one.deployment,
            one.load_class or "–",
            objectives_text(one.objectives),
            share_text(one.attainment),
            goodput_text(one.goodput),
            share_text(one.first_attainment),
            share_text(one.last_attainment),
        )
    return table


def share_text(share: float | None) -> str:
    """``99.3 %``; never 100 % where something was missed."""
    if share is None:
        return "–"
    return "100 %" if share == 1 else f"{min(share, 0.9999) * 100:.4g} %"


def goodput_text(rate: float | None) -> str:
    """``7.9 req/s``."""
    return "–" if rate is None else f"{rate:.3g} req/s"


def bytes_text(count: float) -> str:
    """``1.5 MiB``; the sign is kept."""
    value, unit = float(count), 0
    while abs(value) >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.4g} {_UNITS[unit]}"


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
        Text(finding.verdict, style=_STYLES.get(finding.verdict, "")),
        "–" if slope is None else f"{bytes_text(slope)}/h",
        "–" if ci is None else f"{bytes_text(ci[0])} … {bytes_text(ci[1])}",
        "–" if finding.slope_per_request is None else bytes_text(finding.slope_per_request),
        _probability(finding.q),
        "–" if least is None else f"{bytes_text(least)}/h",
    )


def _probability(q: float | None) -> str:
    if q is None:
        return "–"
    return f"{q:.2g}" if q >= _LEAST_PROBABILITY else f"<{_LEAST_PROBABILITY:g}"


def _control_line(control: Control) -> Text:
    name = f"{control.deployment}: known to be {control.expected}"
    if control.expected_per_hour:
        name += f" by {bytes_text(control.expected_per_hour)}/h"
    found = f"found {control.verdict}"
    if control.ci_per_hour is not None:
        found += f", {bytes_text(control.ci_per_hour[0])} … {bytes_text(control.ci_per_hour[1])}/h"
    if control.verdict == "inconclusive":
        return Text(f"control undecided: {name}, {found}", style="yellow")
    outcome, style = ("control passed", "green") if control.passed else ("CONTROL FAILED", "bold red")
    return Text(f"{outcome}: {name}, {found}", style=style)
