"""Levels as a file has them, and the limits that shares refer to."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from aging.core.kernel_limits import may_have_limit
from aging.core.levels import Level, fitting, parse_level
from aging.core.metrics import DEVICE_MEMORY, PRIMARY
from aging.rejuvenation.base import Subject
from aging.rejuvenation.levels import Ceiling, numbered
from aging.rejuvenation.policies.threshold import ThresholdOptions

MIB = 2**20


@pytest.mark.parametrize(
    ("given", "number", "share", "unit"),
    [
        (5, 5.0, False, ""),
        (1e9, 1e9, False, ""),
        ("220MiB", 220.0 * MIB, False, "bytes"),
        ("2 GiB", 2.0 * 2**30, False, "bytes"),
        ("1.5s", 1.5, False, "seconds"),
        ("80%", 0.8, True, ""),
        (" 12.5 % ", 0.125, True, ""),
    ],
)
def test_parsed(given: Any, number: float, share: bool, unit: str) -> None:
    level = parse_level(given)
    assert level.number == pytest.approx(number)
    assert (level.share, level.unit) == (share, unit)


@pytest.mark.parametrize("given", [-1, "-5MiB", "101%", "0%", "80 percent", "", "5 bananas", True, None, math.nan, []])
def test_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_level(given)


def test_unit_must_fit() -> None:
    assert fitting(parse_level("1MiB"), PRIMARY).number == MIB
    assert fitting(parse_level("2s"), "client_ttft_p99_seconds").number == 2
    for text, indicator in (("1MiB", "process_fds"), ("2s", PRIMARY), ("1MiB", "client_ttft_p99_seconds")):
        with pytest.raises(ValueError, match=indicator):
            fitting(parse_level(text), indicator)


def test_mistake_names_its_key() -> None:
    table = {"policy": "threshold", "indicator": "process_fds", "above": "220MiB"}
    with pytest.raises(ValidationError) as caught:
        ThresholdOptions.model_validate(table)
    assert [one["loc"] for one in caught.value.errors()] == [("above",)]


def test_written_back_as_in_the_file() -> None:
    table = {"policy": "threshold", "indicator": PRIMARY, "above": "80%", "below": 1e6}
    made = ThresholdOptions.model_validate(table).model_dump(mode="json")
    assert (made["above"], made["below"]) == ("80%", 1e6)


class TestCeiling:
    def test_user_before_kernel(self) -> None:
        ceiling = Ceiling(PRIMARY, Subject(limits={PRIMARY: 1e9}))
        ceiling.see({PRIMARY: 1e8, "limit_host_memory_bytes": 8e9, "limit_host_memory_room_bytes": 4e9})
        assert ceiling.limit == 1e9
        assert ceiling.value(parse_level("50%")) == 5e8

    def test_least_room_wins(self) -> None:
        ceiling = Ceiling(PRIMARY, Subject())
        assert ceiling.limit is None
        ceiling.see({"limit_host_memory_bytes": 8e9, "limit_host_memory_room_bytes": 4e9})
        assert ceiling.limit is None, "its level is not known yet"
        ceiling.see({PRIMARY: 1e9})
        assert ceiling.limit == 5e9, "others hold 3e9 of the host"
        limits = {
            "limit_host_memory_bytes": 8e9,
            "limit_host_memory_room_bytes": 4e9,
            "limit_cgroup_memory_bytes": 2e9,
            "limit_cgroup_memory_room_bytes": 1.001e9,
        }
        ceiling.see(limits)
        assert ceiling.limit == 2e9, "read at slightly different times: the limit itself"

    def test_limit_changes_under_the_server(self) -> None:
        ceiling = Ceiling(DEVICE_MEMORY, Subject())
        for total in (8e9, 6e9):
            ceiling.see({DEVICE_MEMORY: 1e9, "device_process_memory_limit_bytes": total})
            assert ceiling.limit == total

    def test_whole_of_a_gauge(self) -> None:
        ceiling = Ceiling("engine_kv_cache_usage_ratio", Subject())
        ceiling.see({"engine_kv_cache_usage_ratio": 0.4})
        assert ceiling.value(parse_level("80%")) == 0.8

    def test_missing_says_what_to_write(self) -> None:
        ceiling = Ceiling(PRIMARY, Subject())
        ceiling.see({PRIMARY: 1e9})
        said = ceiling.missing(parse_level("80%"), Level(5.0))
        assert said is not None
        assert PRIMARY in said
        assert "80%" in said
        assert ceiling.missing(Level(5.0)) is None


def test_which_indicators_have_a_limit() -> None:
    assert may_have_limit(PRIMARY)
    assert may_have_limit("engine_kv_cache_usage_ratio")
    assert not may_have_limit("engine_requests_waiting")


def test_numbers_have_units() -> None:
    assert numbered(PRIMARY, level=1.0, rate_per_hour=2.0) == {"level_bytes": 1.0, "rate_bytes_per_hour": 2.0}
    assert numbered("process_fds", level=1.0) == {"level": 1.0}
