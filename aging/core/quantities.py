"""Parses durations and sizes with units: ``90s``, ``1h30m``, ``16KiB``. Standard library only.

Options of a verb are parsed before other imports. pydantic reads only ISO 8601 durations, and importing it takes
60 ms, as long as the whole `aging --help` (``docs/evidence.md``).
"""

from __future__ import annotations

import re
from typing import Any

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_MOST = 1e15
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)")


def parse_duration(text: Any) -> float:
    """Seconds of ``45s``, ``3m``, ``1h30m``, ``9d``. Raises ValueError with examples."""
    wrong = f'{text!r} is not a duration; write a number with its unit, like "45s", "3m", "1h30m" or "9d"'
    if not isinstance(text, str):
        raise ValueError(wrong)
    return _sum(text, _SECONDS, wrong)


def parse_size(text: Any) -> int:
    """Bytes of ``4096B``, ``16KiB``, ``1.5GiB``. Raises ValueError with examples."""
    return round(parse_bytes(text))


def parse_bytes(text: Any) -> float:
    """As :func:`parse_size`, with parts of a byte, as a rate may have them."""
    wrong = f'{text!r} is not a size; write a number with its unit, like "4096B", "16KiB" or "1.5GiB"'
    if not isinstance(text, str):
        raise ValueError(wrong)
    return _sum(text, _BYTES, wrong)


def _sum(text: str, units: dict[str, Any], wrong: str) -> float:
    total, end = 0.0, 0
    for match in _QUANTITY.finditer(text):
        if match.start() != end or match[2] not in units:
            raise ValueError(wrong)
        total += float(match[1]) * units[match[2]]
        end = match.end()
    if end == 0 or text[end:].strip() or total > _MOST:
        raise ValueError(wrong)
    return total
