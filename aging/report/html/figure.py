"""A figure of a page: its SVG, and the data with which the page's script makes it live."""

from __future__ import annotations

from markupsafe import Markup, escape

from aging.report.charts.chart import Chart, Figure, Forest
from aging.report.charts.encoding import encoded


def figure_element(figure: Figure, svg: Markup, caption: Markup | None = None, note: Markup | None = None) -> Markup:
    """A ``<figure class="plot">`` with a caption (by default the figure's title), its SVG, its data and a note.

    Without scripts, and in print, the SVG is shown. Forest plots and heat maps have no data: nothing to zoom.
    """
    kind = "chart" if isinstance(figure, Chart) else "forest" if isinstance(figure, Forest) else "heat-map"
    head = Markup('<span class="name">{}</span>').format(figure.title) if caption is None else caption
    data = Markup('<script type="application/json">{}</script>').format(Markup(encoded(figure)))
    return Markup(
        '<figure class="plot" data-figure="{}" data-key="{}">\n<figcaption>{}</figcaption>\n{}{}{}</figure>'
    ).format(
        kind,
        figure.key,
        head,
        svg,
        data if kind == "chart" else "",
        Markup('<p class="sub">{}</p>').format(escape(note)) if note else "",
    )
