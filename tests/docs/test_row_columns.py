"""The tables of columns hold the columns that are written."""

from __future__ import annotations

from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from aging.core.clock import Stamp, Tick
from aging.core.records import REQUEST_DEFAULTS, Lineage, Reading, RequestRecord
from aging.core.row_columns import REQUEST_COLUMNS, SAMPLE_COLUMNS
from aging.sampling.loop import _row

TYPES = {int: "integer", float: "float", str: "text", bool: "true or false"}


def test_a_row_of_a_sampler_has_the_columns_of_the_table_and_its_metrics() -> None:
    values, missing = {"process_fds": 3.0}, {"process_threads": "permission denied"}
    reading = Reading("it", "tree", 1, values, missing, [7, 8], lineage=Lineage(1, "server"), described="{}")
    assert list(_row(Stamp(1.0, 2.0), Tick(0.1, 0), reading)) == [*SAMPLE_COLUMNS, "process_fds"]


def test_a_record_of_a_request_has_the_columns_of_the_table() -> None:
    assert [field.name for field in fields(RequestRecord)] == list(REQUEST_COLUMNS)


@pytest.mark.parametrize("name", REQUEST_COLUMNS)
def test_the_type_and_absence_of_a_column_are_those_of_its_field(name: str) -> None:
    hint = get_type_hints(RequestRecord)[name]
    assert REQUEST_COLUMNS[name].type == TYPES[_kind(hint)]
    optional = NoneType in get_args(hint)
    assert (REQUEST_COLUMNS[name].absent != "never") == optional
    assert optional or REQUEST_DEFAULTS.get(name, "") is not None


def _kind(hint: Any) -> Any:
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        return _kind(next(each for each in get_args(hint) if each is not NoneType))
    return str if get_origin(hint) is Literal else hint
