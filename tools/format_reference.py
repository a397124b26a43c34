"""``docs/formats.md``, every tool whose output is read as printed, from the formats of the package.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

import aging.tables.formats
from aging.core.plugins import discover
from aging.tables.base import Format
from tools.markdown import made_by, table

_HEAD = f"""\
# Formats

The output of these tools is read as they print it: `aging trend FILE`. The format is recognized by the first 200
lines; `--format NAME` forces one.

{made_by("format_reference", "aging/tables/formats/")}
"""

_GENERAL = 1
"""The rank from which on a format is not that of one tool."""

_OTHERS = """
## Any other file

"""

_TEXT = """
## Times

A time before a row, or on a line of its own above, is that of the row: `date`, `date +%s`, `date +%T`, `date -Is`,
`ts`, an ISO 8601 time, the times of syslog, any of them in brackets. So a loop needs one `date`:

```sh
while sleep 60; do date; COMMAND; done >> usage.log
```

Without one (`top` after `grep`, `vmstat` without `-t`, `docker stats` without a loop) say how far the samples are
apart: `aging trend usage.log --every 15s`.

## Units

| output | unit |
|---|---|
| `top`, `ps`, `smem`, `pmap`, pidstat, sar: numbers without a unit | KiB |
| `free`, `vmstat`: numbers without a unit | KiB; bytes if all are multiples of 4096, MiB if not all of 4 |
| psrecord's `MB`, mprof, `nvidia-smi dmon`'s `MB` | MiB, as their sources count |
| docker's `kB`, `MB`, `GB` of network and disk | 1000, 1000², 1000³ bytes |

`free -m`, `free -b` and `vmstat -S M` do not print their unit: it follows from the page size, by which the kernel
counts, and a note says so. Below 600 it is `free -g`, since no host that serves a model has less than 600 MiB.

## Series

One process, container, pod, GPU or interface is one series of each column. Tables of pidstat and sar that have the
same time are read side by side. What `watch` writes to a file cannot be read: it holds only the characters that
changed.
"""


def page() -> str:
    """The whole page."""
    found = sorted(discover(aging.tables.formats, Format).items())
    tools = [(f"`{kind}`", one.title, f"`{one.made_by}`") for kind, one in found if one.rank < _GENERAL]
    others = [(f"`{kind}`", one.title, one.made_by) for kind, one in found if one.rank >= _GENERAL]
    return (
        _HEAD
        + table(("name", "output of", "made by"), tools)
        + _OTHERS
        + table(("name", "what", "made by"), others)
        + _TEXT
    )
