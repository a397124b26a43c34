"""What is wrong with a key is said in the words of this package, never in those of the library that found it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from aging.campaign.errors import PATTERNS, validate_table
from aging.campaign.schema import Campaign, RequestTable
from aging.core.errors import Mistake
from aging.guard.options import GuardOptions
from tests.builders import KINDS


def _patterns(schema: Any) -> Iterator[str]:
    """Of pydantic's core schema: text must match a pattern."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from _patterns(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _patterns(part)


def _tables() -> list[type[BaseModel]]:
    kinds = (KINDS.deployments, KINDS.arrivals, KINDS.lengths, KINDS.policies)
    return [Campaign, RequestTable, GuardOptions, *(table for some in kinds for table in some.values())]


@pytest.mark.parametrize("table", _tables(), ids=lambda table: table.__name__)
def test_every_pattern_has_words(table: type[BaseModel]) -> None:
    assert set(_patterns(table.__pydantic_core_schema__)) <= set(PATTERNS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "FETCH"},
        {"path": "x"},
        {"path": 3},
        {"expect": [999]},
        {"expect": [99]},
        {"expect": ["x"]},
        {"expect": 404},
        {"weight": 0},
        {"weight": "heavy"},
        {"weight": float("nan")},
        {"headers": {"a b": "x"}},
        {"headers": "x"},
        {"body_file": ""},
    ],
    ids=repr,
)
def test_plain_words(wrong: dict[str, Any]) -> None:
    mistakes: list[Mistake] = []
    assert validate_table(RequestTable, {"path": "/", **wrong}, "", mistakes) is None
    assert [one.where.partition("[")[0].partition(".")[0] for one in mistakes] == list(wrong)
    for one in mistakes:
        assert "must" in one.what
        assert not any(word in one.what for word in ("nput should", "valid", "match", "pattern", "^", "string"))


def test_the_patterns_are_found() -> None:
    assert len(set(_patterns(RequestTable.__pydantic_core_schema__))) == 3
