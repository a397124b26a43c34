"""The map: every indicator of every deployment by its verdict, with a link to the deployment's plots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.core.metrics import PRIMARY, is_engine_series
from aging.core.records import HARNESS
from aging.findings.types import Finding
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section
from aging.report.wording import MARK, TONE

_TEMPLATE = """
{% from "macros.html.j2" import mark, wide %}
<p class="legend">{% for verdict in verdicts %}{{ mark(TONE.get(verdict, "mute"), MARK.get(verdict, "·"), verdict) }}
{% endfor %}<span>growth per hour; an empty cell was not measured</span></p>
{% macro rows_of(groups) %}
<table class="heat{{ " few" if columns | length <= few }}">
<thead><tr><th scope="col">Indicator</th>
{% for name, anchor in columns %}<th scope="col"><a href="#{{ anchor }}">{{ name | named }}</a></th>
{% endfor %}</tr></thead>
{% for title, rows in groups %}
<tbody>
<tr class="group"><th scope="rowgroup" colspan="{{ columns | length + 1 }}">{{ title }}</th></tr>
{% for indicator, cells in rows %}
<tr><th scope="row">{{ indicator | named }}</th>
{% for cell in cells %}{% if cell %}<td class="{{ cell.tone }}" title="{{ cell.title }}"><span class="glyph">
{{- cell.glyph }}<span class="said">{{ cell.verdict }}, </span></span>{{ cell.rate }}</td>
{% else %}<td class="none"><span class="said">not measured</span></td>{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
{% endmacro %}
{% call wide("Indicators by deployment") %}{{ rows_of(groups) }}{% endcall %}
{% if engine %}
<details><summary>Series of the engines' metrics ({{ engine_count }})</summary>
{% call wide("Series of the engines by deployment") %}{{ rows_of(engine) }}{% endcall %}
</details>
{% endif %}
"""

_TITLES = {"process": "Process tree", "client": "Requests", "device": "Device", "engine": "Engine"}
_MOST_COLUMNS = 40
_FEW_COLUMNS = 4


class Map(Section):
    """A table of indicators by deployments; the series of engines, which differ by runtime, in a fold."""

    kind = "map"
    title = "All indicators at a glance"
    order = 18

    def render(self, context: Context) -> Markup:
        names = list(context.results.deployments)[:_MOST_COLUMNS]
        own = [one for one in context.findings.findings if one.deployment in names and HARNESS not in one.deployment]
        if not own:
            return Markup()
        indicators = sorted(dict.fromkeys(one.indicator for one in own), key=_order)
        rows = [(name, [_cell(context.found.get((of, name))) for of in names]) for name in indicators]
        groups = [(_TITLES.get(key, key.capitalize()), list(part)) for key, part in groupby(rows, _prefix)]
        engine = [one for one in groups if one[0] == _TITLES["engine"]]
        return render(
            _TEMPLATE,
            few=_FEW_COLUMNS,
            columns=[(name, context.anchors[name]) for name in names],
            groups=[one for one in groups if one not in engine] or engine,
            engine=engine if len(engine) < len(groups) else [],
            engine_count=sum(len(rows) for _, rows in engine),
            verdicts=[verdict for verdict in MARK if any(one.verdict == verdict for one in own)],
        )


def _order(indicator: str) -> tuple[int, str, str]:
    prefix = indicator.partition("_")[0]
    return (0 if indicator == PRIMARY else 2 if is_engine_series(indicator) else 1), _rank(prefix), indicator


def _rank(prefix: str) -> str:
    return {"process": "0", "device": "1", "client": "2"}.get(prefix, prefix)


def _prefix(row: tuple[str, Sequence[Any]]) -> str:
    return "engine" if is_engine_series(row[0]) else row[0].partition("_")[0]


def _cell(finding: Finding | None) -> dict[str, str] | None:
    if finding is None:
        return None
    per_hour, limits = format.bounded(finding.indicator, finding.slope_per_hour, finding.ci_per_hour, "h")
    return {
        "tone": TONE.get(finding.verdict, "mute"),
        "glyph": MARK.get(finding.verdict, "·"),
        "verdict": finding.verdict,
        "rate": format.slope(finding.indicator, finding.slope_per_hour, ""),
        "title": f"{finding.verdict}: {per_hour} [{limits}]",
    }
