"""The page: header, then every section, in one file that loads no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

import aging.report.sections
from aging.core.errors import writing
from aging.core.format import readable_duration, utc
from aging.core.plugins import discover
from aging.findings.problem_kinds import ProblemKind
from aging.findings.series import Measured
from aging.findings.types import Findings
from aging.report import outlook, wording
from aging.report.html.context import Context
from aging.report.html.scripts import chart_scripts
from aging.report.html.templates import environment
from aging.report.sections.base import Section

_MOST_LISTED = 40
"""Deployments in the table of contents."""


@dataclass(frozen=True, slots=True)
class RenderedSection:
    """A section with content."""

    kind: str
    title: str
    content: Markup


@dataclass(frozen=True, slots=True)
class Notice:
    """A line below the headline with a link to its section."""

    text: str
    tone: str
    anchor: str


def write_report(measured: Measured, findings: Findings, path: Path) -> None:
    """Write the report whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    content = page(measured, findings)
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)


def page(measured: Measured, findings: Findings) -> str:
    """The report as HTML."""
    context = Context(measured, findings)
    campaign = context.manifest.campaign
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            name=findings.campaign,
            description=campaign.description,
            css=Markup(resources.files("aging.report.html").joinpath("report.css").read_text("utf-8")),
            charts=chart_scripts(),
            facts=facts(context),
            outlook=outlook.headline(context.under_test or context.results.deployments, context.found),
            headline=wording.headline(context.under_test or context.results.deployments, context.found),
            notices=[*gate_notice(findings), *controls_notice(findings), *problems_notice(findings)],
            sections=render_sections(context),
            blocks=list(context.anchors.items())[:_MOST_LISTED],
            version=version("llm-aging"),
            root=context.results.layout.root.name,
        )
    )


def render_sections(context: Context) -> Sequence[RenderedSection]:
    """Every section that is not empty, in order."""
    plugins: list[type[Section]] = list(discover(aging.report.sections, Section).values())
    shown = [(plugin, plugin().render(context)) for plugin in sorted(plugins, key=lambda one: (one.order, one.kind))]
    return [RenderedSection(plugin.kind, plugin.title, content) for plugin, content in shown if content.strip()]


def facts(context: Context) -> Sequence[tuple[str, str]]:
    """The facts of a campaign: when, how long, how often, and how it ended."""
    state, campaign = context.results.state, context.manifest.campaign
    found = [("Campaign", wording.PHASE.get(state.phase, state.phase))]
    if state.started is not None:
        found.append(("Started", f"{utc(state.started.wall):%Y-%m-%d %H:%M} UTC"))
    if seconds := campaign.duration_seconds:
        found.append(("Load per run" if campaign.load else "Watched for", readable_duration(seconds)))
    if campaign.warmup_seconds is not None:
        found.append(("Warm-up left out", readable_duration(campaign.warmup_seconds)))
    found.append(("Deployments", str(len(context.results.deployments))))
    found.append(("Replicas", str(campaign.replicas)))
    found.append(("Seed", str(context.manifest.seed)))
    if host := context.manifest.host.name:
        found.append(("Host", host))
    return found


_GATE = {
    "passed": ("The gate passed", "good"),
    "failed": ("The gate failed", "bad"),
    "inconclusive": ("The gate cannot tell", "warn"),
    "server-failed": ("A server under the gate failed", "bad"),
}


def gate_notice(findings: Findings) -> Sequence[Notice]:
    """The outcome of the gate, in one line, where there was one."""
    return () if findings.gate is None else [Notice(*_GATE[findings.gate.outcome], "gate")]


def controls_notice(findings: Findings) -> Sequence[Notice]:
    """The outcome of the controls, in one line."""
    total, failed = len(findings.controls), sum(wording.failed(control) for control in findings.controls)
    if not total:
        return [Notice("No controls in this campaign: the instrument is not verified", "mute", "verdicts")]
    open_ = sum(wording.undecided(control) for control in findings.controls)
    if failed:
        return [Notice(f"Controls: {failed} of {total} failed.", "bad", "controls")]
    if open_:
        return [Notice(f"Controls: {total - open_} of {total} passed, {open_} undecided.", "mute", "controls")]
    return [Notice(f"Controls: {total} of {total} passed.", "good", "controls")]


def problems_notice(findings: Findings) -> Sequence[Notice]:
    """The number of problems, in one line; deaths in separate lines."""
    died = dict.fromkeys(one.deployment for one in findings.problems if ProblemKind.DIED.of(one) and one.deployment)
    notices = [Notice(f"{name} died", "bad", "problems") for name in died]
    rest = sum(not ProblemKind.DIED.of(problem) for problem in findings.problems)
    if rest:
        more = "more " if died else ""
        notices.append(Notice(f"{rest} {more}{'problem' if rest == 1 else 'problems'} recorded", "warn", "problems"))
    return notices or [Notice("No problems recorded", "good", "problems")]
