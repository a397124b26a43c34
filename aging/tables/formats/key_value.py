"""Logs with ``key=value`` or ``key: value`` parts, with or without a time in front."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.stamps import stamp_of
from aging.tables.table import Table
from aging.tables.text import opened

_UNITS = r"(?: (?:[kKMGTP]i?[bB](?:ytes)?|[kKMG]i|bytes|B|ms|us|s|min|%)(?![\w]))?"
_BARE = r"""(?:[^\s,;"'=\]\)\}]|[,'](?=\d))+"""
_PAIR = re.compile(
    rf"""(?P<key>[A-Za-z_%@][\w.\-/%+]*)\s?=\s?(?P<value>"[^"]*"|'[^']*'|\[[^\[\]]*\]|{_BARE}{_UNITS})"""
    rf"""|(?<![\w.:\-/])(?P<words>(?:[A-Za-z_]\w*\ ){{0,2}}[A-Za-z_%][\w.\-/%]*)\s?:\s*"""
    rf"""(?P<number>[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?\s?[A-Za-z%/]*(?=[\s,;|\])}}]|$))"""
)
_NUMBER = re.compile(r"(?<![\w.\[(])\d[\d.,]*(?=\s|$)")
_LEVELS = re.compile(r"^\W*(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b", re.IGNORECASE)
_WORDS_OF_TIME = 7
_TIME = "time"
_SHARE = 0.6
_RARE = 0.02


class KeyValue(Format):
    """Log lines with named values."""

    kind: ClassVar[str] = "key-value"
    title: ClassVar[str] = "Log lines with key=value or key: value"
    made_by: ClassVar[str] = "logfmt, and most programs' own logs: `ts=2026-08-01T12:00:00Z rss=123MB`"
    rank: ClassVar[int] = 8

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        lines = [line for line in head if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            return False
        pairs = [_pairs(line, time_of(line)[1]) for line in lines]
        named = sum(bool(found) for found in pairs)
        keys = Counter(key for found in pairs for key, _ in found)
        usual = [key for key, count in keys.items() if count >= max(2, 0.3 * len(lines))]
        if named < _SHARE * len(lines) or not usual or _is_header(lines, keys):
            return False
        return sum(map(_has_more_without_name, lines)) <= len(lines) / 2

    @classmethod
    def read(cls, path: Path) -> Table:
        rows: list[dict[str, str]] = []
        without = 0
        with opened(path) as file:
            for line in file:
                if not line.strip():
                    continue
                at, rest = time_of(line)
                pairs = dict(_pairs(line, rest))
                if not pairs:
                    without += 1
                    continue
                if at and _TIME not in pairs:
                    pairs[_TIME] = at
                rows.append(pairs)
        if not rows:
            raise ValueError("has no line with key=value or key: value")
        notes = []
        if without:
            notes.append(Note("rows_odd", f"{without} lines without key=value or key: value are left out."))
        names = dict.fromkeys(key for row in rows for key in row)
        ordered = sorted(names, key=lambda name: name != _TIME)
        columns = {name: np.array([row.get(name) for row in rows], dtype=object) for name in ordered}
        times = [row.get(_TIME) for row in rows]
        if _TIME in columns and sum(one is None for one in times) > (1 - _SHARE) * len(times):
            del columns[_TIME]
        return Table(columns, notes=tuple(notes))


def _is_header(lines: Sequence[str], keys: Counter[str]) -> bool:
    return len(lines) > 1 and "=" not in lines[1] and ":" not in lines[1] and not keys


def _has_more_without_name(line: str) -> bool:
    """Whether a line has more numbers without a name than with one: ``Mem: 64213 20000 30000``."""
    rest = line[time_of(line)[1] :]
    return len(_NUMBER.findall(_PAIR.sub(" ", rest))) > len(_pairs(rest, 0))


def _pairs(line: str, rest: int) -> list[tuple[str, str]]:
    """The keys and values of a line from a place on; the second value of a key is that of ``key.1``."""
    found: dict[str, str] = {}
    for match in _PAIR.finditer(line, rest):
        if match["value"] is not None:
            key, value = match["key"], match["value"].strip("\"'").strip()
        else:
            key, value = _LEVELS.sub("", match["words"]).strip(), match["number"].strip().rstrip(",.")
        if not key:
            continue
        name, again = key, 0
        while name in found:
            again += 1
            name = f"{key}.{again}"
        found[name] = value
    return list(found.items())


def time_of(line: str) -> tuple[str, int]:
    """The time that a line begins with, and where it ends; empty where there is none."""
    ends = [match.end() for match in re.finditer(r"\S+", line)][:_WORDS_OF_TIME]
    begin = len(line) - len(line.lstrip(" [("))
    skipped = _LEVELS.match(line)
    if skipped is not None:
        begin = skipped.end()
    for end in reversed([end for end in ends if end > begin]):
        text = line[begin:end].strip(" \t[](),|:-")
        if "=" not in text and (stamp := stamp_of(text)) is not None and (stamp.clock or stamp.day is not None):
            return text, end
    return "", 0
