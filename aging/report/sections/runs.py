"""Runs: the validity of each, with reasons."""

from __future__ import annotations

from markupsafe import Markup

from aging.core.format import share
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import fold, mark %}
{% macro rows() %}
<table class="stacked">
<thead><tr><th scope="col">Run</th><th scope="col">Validity</th><th scope="col" class="num">Window sampled</th>
<th scope="col" class="num">Requests failed</th>{% if levels %}<th scope="col">Levels</th>{% endif %}</tr></thead>
<tbody>
{% for run in runs %}
<tr>
<th scope="row">{{ run.deployment }} <span class="sub">replica {{ run.replica }}
{%- if run.attempt > 1 %}, attempt {{ run.attempt }}{% endif %}</span></th>
<td data-label="Validity">
{% if run.validity == "complete" %}{{ mark("good", "✓", "complete") }}
{% elif run.validity == "short" %}{{ mark("warn", "–", "short") }}
{% else %}{{ mark("bad", "✗", "broken") }}{% endif %}
{% for reason in run.reasons %}<span class="sub">{{ reason }}</span>
{% endfor %}</td>
<td class="num" data-label="Window sampled">{{ share(run.measured_share) }}</td>
<td class="num" data-label="Requests failed">{{ share(run.failed_share) }}</td>
{% if levels %}<td data-label="Levels">
{% for path, level in run.levels.items() %}<span class="sub">{{ path }} = {{ level }}</span>
{% endfor %}</td>{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
{% endmacro %}
<p class="note">
{% if imperfect %}
{{ complete }} of {{ runs | length }} runs are complete. A <em>short</em> run is sound as far as it goes, and its
findings are marked; a <em>broken</em> run decides nothing and is left out of averages.
{% else %}
Every run is complete: it was measured as planned.
{% endif %}
</p>
{% if imperfect %}{{ rows() }}{% else %}{% call fold("Each run") %}{{ rows() }}{% endcall %}{% endif %}
"""


class Runs(Section):
    """One row per run."""

    kind = "runs"
    title = "Runs"
    order = 25

    def render(self, context: Context) -> Markup:
        runs = context.findings.runs
        if not runs:
            return Markup()
        complete = sum(run.validity == "complete" for run in runs)
        return render(
            _TEMPLATE,
            runs=runs,
            complete=complete,
            imperfect=complete < len(runs),
            levels=any(run.levels for run in runs),
            share=share,
        )
