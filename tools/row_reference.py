"""``docs/rows.md``, the schema of the stored rows, from the tables of the code.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

from collections.abc import Mapping

from aging.core.metric_table import SOURCES
from aging.core.row_columns import REQUEST_COLUMNS, SAMPLE_COLUMNS, Column
from tools.markdown import listed, made_by, table

_HEAD = f"""\
# Stored rows

A result directory holds one folder a source: `DIR/OWNER/r01/SOURCE/`. `OWNER` is a deployment, or `_harness` for the
harness, the host and the devices; `r01` is the replica (`r01-2` the second attempt at it). A finished hour is a
Parquet file, the hour being written a file of JSON lines. Read both alike:

```python
import aging

results = aging.open_results("results/first-look")
results.samples("reference-leak", "process")  # one row a tick
results.requests("reference-leak")  # one row a request
```

Times are seconds of `CLOCK_MONOTONIC` on the campaign's timeline, which goes on over a reboot
([running.md](running.md#what-a-resume-does)). Columns are only ever added: a result of an earlier release lacks the
newer ones. `findings.json` is described in [findings.md](findings.md).

{made_by("row_reference", "aging/core/row_columns.py")}
"""

_SAMPLES = """\
## Samples

One row a tick and entity. Sources: {sources}. Metrics follow these columns, one each; a column exists
once one row of the file has a value in it. Their units are in [indicators.md](indicators.md).

"""

_REQUESTS = """
## requests

One row a request of the load, in the order they ended. A column whose value is the default is left out of the file;
`Results.requests` fills it in.

"""


def page() -> str:
    """The whole page."""
    sources = listed(source.name for source in SOURCES if source.name != "requests")
    samples = _SAMPLES.format(sources=sources) + _columns(SAMPLE_COLUMNS)
    return _HEAD + samples + _REQUESTS + _columns(REQUEST_COLUMNS)


def _columns(columns: Mapping[str, Column]) -> str:
    rows = [(f"`{name}`", one.type, one.unit, one.meaning, one.absent) for name, one in columns.items()]
    return table(("column", "type", "unit", "meaning", "absent"), rows)
