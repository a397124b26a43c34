"""The log of vLLM: throughput, requests, use of the KV cache and hits of the prefix cache, every ten seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import PERCENT, Knowledge, Rows, lines, plain
from aging.tables.table import Table

_LINE = re.compile(
    r"Avg prompt throughput: [\d.]+ tokens/s, Avg generation throughput: |Avg generation throughput: [\d.]+ tokens/s"
)
_PAIR = re.compile(r"([A-Z][A-Za-z ]*?): (-?[\d.]*\d|nan) ?(%|tokens/s|reqs|tokens)?")
_FULL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_SHORT = re.compile(r"\b(?:INFO|DEBUG|WARNING) (\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)")
_ENGINE = re.compile(r"\bEngine (\d+): ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKENS = Measure("", "tokens/s")
_PERCENTS = ("GPU KV cache usage", "CPU KV cache usage", "Prefix cache hit rate", "External prefix cache hit rate")
_KNOWN = Knowledge(
    ("engine",),
    {
        **dict.fromkeys(("Avg prompt throughput", "Avg generation throughput"), _TOKENS),
        **dict.fromkeys((*_PERCENTS, "MM cache hit rate"), PERCENT),
    },
)


class VllmLog(Format):
    kind: ClassVar[str] = "vllm-log"
    title: ClassVar[str] = "log of vLLM"
    made_by: ClassVar[str] = "vllm serve MODEL 2>&1 | tee vllm.log"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_LINE.search(plain(text)) or _is_of_vllm(plain(text)) for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for text in lines(path):
            if match := _LINE.search(text):
                engine = _ENGINE.search(text)
                values = dict(_values(text[match.start() :]))
                rows.add(_time(text[: match.start()]), {**({"engine": engine[1]} if engine else {}), **values})
        return rows.table(_KNOWN)


def _is_of_vllm(text: str) -> bool:
    return "vLLM API server version" in text or "Initializing a V1 LLM engine" in text


def _values(message: str) -> Iterator[tuple[str, str]]:
    for name, value, _unit in _PAIR.findall(message):
        yield name, value


def _time(before: str) -> str | None:
    """The time at the head of a line; that of ``08-25 12:00:00`` with the month's name, which is read in one way."""
    if match := _FULL.search(before):
        return match[0]
    if match := _SHORT.search(before):
        month, day, clock = match.groups()
        return f"{_MONTHS[(int(month) - 1) % 12]} {day} {clock}"
    return None
