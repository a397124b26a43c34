"""``docs/indicators.md``, the reference of stored metrics and indicators, from the tables of the code.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import aging.sampling.samplers
from aging.core.metric_table import METRICS, SOURCES, Metric, Source
from aging.core.metrics import PRIMARY, indicators
from aging.core.plugins import discover
from aging.sampling.base import Sampler
from tools.markdown import made_by, table

_HEAD = f"""\
# Indicators and stored metrics

Every metric that `aging` stores or judges. A name ends in its unit. `_total` is a counter, analyzed as its rate per
second; without it the value is a gauge, analyzed as the median of each grid cell. Those in **bold** become findings;
the leak indicator is `{PRIMARY}`. *Worse* is the direction that is bad for a server: a
finding is *aging* when the indicator moves that way and does not stop. A value that cannot be read is absent, and the
column `missing` gives the reason ([rows.md](rows.md)).

How the figures of cost were measured: [measurement.md](measurement.md#what-measuring-costs). Intervals are defaults,
set by [`[sampling]`](campaign.md#sampling).

{made_by("metric_reference", "aging/core/metric_table.py")}"""

_OF_CLASSES = """
With several classes of requests each of these also exists for every class, its name in the middle:
`client_NAME_ttft_seconds`. `slo_attainment_ratio` and `goodput_requests_per_second` exist where the load has
[objectives](objectives.md).
"""

_ARROWS = {"up": "up", "down": "down", None: "—"}


def page() -> str:
    """The whole page."""
    samplers = discover(aging.sampling.samplers, Sampler)
    judged = frozenset(indicators())
    return "\n".join([_HEAD, *(part for source in SOURCES for part in _section(source, samplers, judged))])


def _section(source: Source, samplers: Mapping[str, type[Sampler]], judged: frozenset[str]) -> Iterator[str]:
    sampler = samplers.get(source.name)
    yield f"## `{source.name}`\n"
    every = f"every {sampler.default_interval:g} s" if sampler else "one value a grid cell"
    yield f"- **Rows:** {source.rows}\n- **Interval:** {every}\n- **Cost:** {source.cost}"
    yield f"- **Cannot see:** {source.blind_spot}\n"
    rows = [_row(metric, judged) for metric in METRICS if metric.source == source.name]
    yield table(("metric", "unit", "meaning", "worse", "cannot see"), rows)
    if sampler is None:
        yield _OF_CLASSES.lstrip("\n")


def _row(metric: Metric, judged: frozenset[str]) -> tuple[str, ...]:
    name = f"`{metric.name}`"
    shown = f"**{name}**" if metric.name in judged else name
    return shown, metric.unit, metric.meaning, _ARROWS[metric.worse], metric.blind_spot or "—"
