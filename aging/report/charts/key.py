"""Names of figures: unique in a report, and file names."""

from __future__ import annotations

import re
from hashlib import blake2s

_OTHER = re.compile(r"[^a-z0-9._-]+")
_LONGEST = 80


def figure_key(*parts: str) -> str:
    """``memory-llama-r01``; a part that is no such name is replaced by letters and digits that stand for it alone."""
    return "-".join(_part(part) for part in parts)


def run_key(kind: str, owner: str, replica: int, *more: str) -> str:
    """The key of a figure of one run."""
    return figure_key(kind, owner, f"r{replica:02d}", *more)


def _part(part: str) -> str:
    plain = _OTHER.sub("-", part.lower()).strip("-.")
    if plain == part and len(plain) <= _LONGEST:
        return plain
    return f"{plain[:_LONGEST]}-{blake2s(part.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}".strip("-.")
