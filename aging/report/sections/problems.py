"""Problems of the measurement, by kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from aging.findings.problem_kinds import ProblemKind, kind_description
from aging.findings.types import Problem
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% if groups %}
<ul class="problems">
{% for group in groups %}
<li class="{{ "grave" if group.grave }}"><h3>{{ group.title }}</h3>
<ul>
{% for row in group.rows %}
{% if row.left_out %}<li class="sub">{{ row.left_out | count }} more are left out here;
<code>findings.json</code> has all</li>
{% else %}<li>
{% if row.deployment %}<strong>{{ row.deployment | shown_name }}</strong>{% endif %}
{% if row.at is not none %}<span class="when">at {{ row.at | clock }}</span>{% endif %}
{{ row.message }}
{% if row.log %}
<p class="sub">Last lines of the log</p>
<pre>{{ row.log | join("\n") }}</pre>
{% endif %}
</li>{% endif %}
{% endfor %}
</ul></li>
{% endfor %}
</ul>
{% if timed %}<p class="note">Times are hours, minutes and seconds since the campaign started.</p>{% endif %}
{% else %}
<p class="note">No problems recorded: no death{% if loaded %}, no failed, dropped or late request{% endif %}, no lost
samples above the tolerated share.</p>
{% endif %}
"""


class Problems(Section):
    """Every problem, grave kinds first; a death with its reason and the last lines of the log."""

    kind = "problems"
    title = "What failed"
    order = 30

    def render(self, context: Context) -> Markup:
        problems = context.findings.problems
        kinds = {problem.kind: kind_description(problem.kind) for problem in problems}
        groups = [
            {
                "title": known.title,
                "grave": known.severity == "grave",
                "rows": _rows(context, [problem for problem in problems if problem.kind == kind]),
            }
            for kind, known in sorted(kinds.items(), key=lambda one: one[1].severity != "grave")
        ]
        timed = any(problem.at_seconds is not None for problem in problems)
        loaded = context.manifest.campaign.load is not None
        return render(_TEMPLATE, groups=groups, timed=timed, loaded=loaded)


_MOST = 100
"""Of more problems of a kind the first and the last are shown."""


def _rows(context: Context, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    if len(problems) <= _MOST:
        return [_row(context, problem) for problem in problems]
    half = _MOST // 2
    shown = [_row(context, problem) for problem in (*problems[:half], *problems[-half:])]
    return [*shown[:half], {"left_out": len(problems) - 2 * half}, *shown[half:]]


def _row(context: Context, problem: Problem) -> dict[str, Any]:
    message, log = problem.message, []
    if ProblemKind.DIED.of(problem) and problem.deployment is not None:
        event = context.death(problem.deployment, problem.at_seconds)
        if event is not None:  # the log is shown as lines, not joined in the message
            log = list(event.log)
            message = f"Replica {event.replica}, generation {event.generation}: {event.why}"
    return {
        "left_out": 0,
        "deployment": problem.deployment,
        "at": problem.at_seconds,
        "message": message,
        "log": log,
    }
