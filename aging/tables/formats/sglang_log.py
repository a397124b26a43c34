"""The log of SGLang: batches of prefill and decode with requests, tokens, use of the KV cache and throughput."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, plain
from aging.tables.table import Table

_LINE = re.compile(r"\b(?:Prefill|Decode) batch[^#]*[.,:] (?=#)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?")
_RANK = re.compile(r"\b(?:DP|TP|PP|EP)\d+\b")
_PAIR = re.compile(r"(#?[A-Za-z][\w() /#-]*?): (-?\d[\d.]*)\b")
_TOKENS = Measure("", "tokens/s")
_KNOWN = Knowledge(("rank",), dict.fromkeys(("gen throughput (token/s)", "input throughput (token/s)"), _TOKENS))


class SglangLog(Format):
    kind: ClassVar[str] = "sglang-log"
    title: ClassVar[str] = "log of SGLang"
    made_by: ClassVar[str] = "python -m sglang.launch_server --model-path MODEL 2>&1 | tee sglang.log"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_LINE.search(plain(text)) or "server_args=ServerArgs(" in text for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for text in lines(path):
            if match := _LINE.search(text):
                before = text[: match.start()]
                time, ranks = _TIME.search(before), _RANK.findall(before)
                labels = {"rank": " ".join(ranks)} if ranks else {}
                rows.add(time[0] if time else None, {**labels, **dict(_values(text[match.end() :]))})
        return rows.table(_KNOWN)


def _values(message: str) -> Iterator[tuple[str, str]]:
    for part in message.split(", "):
        if match := _PAIR.fullmatch(part.strip()):
            yield match[1], match[2]
