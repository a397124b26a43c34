"""The log of llama.cpp's server: the timings of each request, along the number of requests where it has no times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, plain, stamped
from aging.tables.table import Table

_TIMING = re.compile(
    r"\b(prompt eval|eval) time =\s*([\d.]+) ms /\s*(\d+) (?:tokens|runs)\s*\(\s*([\d.]+) ms per token,\s*"
    r"([\d.]+|inf) tokens per second\)"
)
_TOTAL = re.compile(r"\btotal time =\s*([\d.]+) ms /\s*(\d+) tokens")
_MILLISECONDS = Measure("s", "ms", 1e-3)
_REQUEST = "request"
_NAMES = {"prompt eval": "prompt", "eval": "generation"}
_KNOWN = Knowledge(
    measures={
        **{f"{name} time per token": _MILLISECONDS for name in _NAMES.values()},
        **{f"{name} throughput": Measure("", "tokens/s") for name in _NAMES.values()},
        "total latency": _MILLISECONDS,
    }
)


class LlamaLog(Format):
    kind: ClassVar[str] = "llama-log"
    title: ClassVar[str] = "log of llama.cpp's server"
    made_by: ClassVar[str] = "llama-server -m MODEL.gguf 2>&1 | tee llama.log"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_TIMING.search(plain(text)) or "print_timing:" in text for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        values: dict[str, str] = {}
        requests = 0
        for line in stamped(lines(path)):
            if match := _TIMING.search(line.text):
                name = _NAMES[match[1]]
                values |= {f"{name} tokens per request": match[3], f"{name} time per token": match[4]}
                values |= {f"{name} throughput": match[5]}
            elif match := _TOTAL.search(line.text):
                requests += 1
                rows.add(line.time, {_REQUEST: requests, **values, "total latency": match[1]})
                values = {}
        return rows.table(_KNOWN)
