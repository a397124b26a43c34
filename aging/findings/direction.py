"""Which way a quantity gets worse, by its name: most grow, throughput and what is free fall."""

from __future__ import annotations

import re
from typing import Literal

Worse = Literal["up", "down"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_DOWN = frozenset(
    (
        *("throughput", "goodput", "tps", "qps", "rps", "tokps", "free", "available", "avail", "idle", "headroom"),
        *("remaining", "attainment", "memfree", "memavailable", "swapfree", "efficiency", "speedup", "apdex"),
        *("kbmemfree", "kbavail", "kbswpfree", "kbhugfree"),  # sar
    )
)
_PHRASES = re.compile(
    r"(tok(en)?s?|req(uest)?s?|quer(y|ies)|samples?|images?|steps?|items?|completions?|generations?)"
    r" (per|a|p) (s|sec|second|min|minute)\b"
    r"|(tok(en)?s?|req(uest)?s?|it) (s|sec)$"
    r"|\b(hit|hits|success|succeeded|acceptance|accept|cache hit|ok) (ratio|rate|share|percent|pct|fraction)\b"
    r"|\bhit %"
)
_WORSE_UP = re.compile(r"\b(not|non|un)\b|\b(errors?|failed|failures?|wait(ing)?|queued?|latency|age)\b")


def worsens(column: str) -> Worse:
    """``down`` for throughput, what is free, hit and success ratios and the like; ``up`` for everything else."""
    words = [word.lower() for word in _WORD.findall(column)]
    text = " ".join(words)
    if _WORSE_UP.search(text):
        return "up"
    return "down" if _DOWN.intersection(words) or _PHRASES.search(text) else "up"
