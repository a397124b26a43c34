"""A comparison in a cell of a notebook."""

from __future__ import annotations

from markupsafe import Markup

from aging.findings.comparison.types import Comparison
from aging.report.comparison import wording
from aging.report.comparison.content import COLUMNS, cells
from aging.report.html.templates import render

_TEMPLATE = """\
<div class="aging-comparison">
<p><strong>{{ headline }}.</strong></p>
<ul>{% for one in sentences %}<li>{{ one.text }}</li>{% endfor %}</ul>
<table>
<thead><tr><th>Deployment</th>{% for column in columns %}<th>{{ column.title }}</th>{% endfor %}</tr></thead>
<tbody>{% for name, row in rows %}<tr><th>{{ name }}</th>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table>
{% for one in remarks if one.warning %}<p>Warning: {{ one.text }}</p>{% endfor %}
</div>
"""


def fragment(found: Comparison) -> Markup:
    """The decision and the key differences, as HTML without styles."""
    rows = [
        (wording.match_name(found, match), cells(one))
        for place, match in enumerate(found.matches)
        for one in wording.key_differences(found, place)
    ]
    return render(
        _TEMPLATE,
        headline=wording.headline(found).text,
        sentences=list(wording.sentences(found)),
        columns=COLUMNS,
        rows=rows,
        remarks=found.remarks,
    )
