"""Numbers as people read them."""

from __future__ import annotations

import pytest

from aging.core import format

MIB = 2.0**20


@pytest.mark.parametrize(
    ("indicator", "value", "per", "written"),
    [
        ("process_anon_swap_bytes", 57.6 * MIB, "h", "+57.6 MiB/h"),
        ("process_anon_swap_bytes", -1536.0, "h", "−1.50 KiB/h"),
        ("process_anon_swap_bytes", 4096.0, "request", "+4.00 KiB/request"),
        ("process_anon_swap_bytes", 0.2, "request", "+0.200 B/request"),
        ("process_anon_swap_bytes", 0.0, "h", "0 B/h"),
        ("client_ttft_seconds", 0.00123, "h", "+1.23 ms/h"),
        ("client_ttft_seconds", 2.5e-7, "request", "+250 ns/request"),
        ("process_fds", 12.0, "h", "+12/h"),
        ("process_cpu_seconds_total", 0.02, "h", "+20.0 mCPU/h"),
        ("process_read_bytes_total", 2 * MIB, "h", "+2.00 MiB/s per h"),
        ("process_threads", 1e-9, "h", "≈ 0/h"),
        ("process_anon_swap_bytes", None, "h", "–"),
        ("process_anon_swap_bytes", float("nan"), "h", "–"),
    ],
)
def test_slope_unit(indicator: str, value: float | None, per: str, written: str) -> None:
    assert format.slope(indicator, value, per) == written


@pytest.mark.parametrize(
    ("limits", "written"),
    [
        ((56.9 * MIB, 58.1 * MIB), "+56.9 to +58.1 MiB/h"),
        ((-0.078 * MIB, 1.39 * MIB), "−0.08 to +1.39 MiB/h"),
        ((0.0, 2 * MIB), "0 to +2.00 MiB/h"),
        ((0.001 * MIB, 2 * MIB), "+0.00100 to +2.00 MiB/h"),
        ((100.0, 64 * MIB), "+100 B/h to +64.0 MiB/h"),
        ((0.0, 0.0), "0 to 0 B/h"),
        ((None, 1.0), "–"),
        (None, "–"),
    ],
)
def test_interval_unit(limits: tuple[float | None, float | None] | None, written: str) -> None:
    assert format.interval("process_anon_swap_bytes", limits, "h") == written


def test_setting_unit() -> None:
    assert format.setting("memory_bytes", 8 * 2**30) == "8.00 GiB"
    assert format.setting("warmup_seconds", 3600.0) == "1h 00m"
    assert format.setting("grid_seconds", 2.5) == "2.5 s"
    assert format.setting("q", 0.1) == "0.1"
    assert format.setting("seed", 20260611) == "20260611"
    assert format.setting("model", None) == "–"
    assert format.setting("with_descendants", True) == "yes"


def test_probability_and_clock() -> None:
    assert format.probability(1e-9) == "< 0.001"
    assert format.probability(0.0344) == "0.034"
    assert format.clock(26 * 3600 + 62) == "26:01:02"
    assert format.clock(-2.0) == "−0:00:02"
    assert format.clock(None) == "–"


def test_byte_size() -> None:
    assert format.byte_size(1.65 * 2**30) == "1.65 GiB"
    assert format.byte_size(965 * MIB) == "965 MiB"
    assert format.byte_size(-2 * MIB, signed=True) == "−2.00 MiB"
    assert format.byte_size(0.0) == "0 B"
    assert format.byte_size(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (1.0, "100 %"), (0.99999, "99.99 %"), (0.9931, "99.31 %"), (0.1429, "14.29 %")]
)
def test_share_of_less_than_all_is_below_100(value: float | None, text: str) -> None:
    assert format.share(value) == text


def test_request_rate() -> None:
    assert format.request_rate(7.912) == "7.91 req/s"
    assert format.request_rate(None) == "–"


def test_sentence_has_one_full_stop() -> None:
    assert format.sentence("exit 1") == "exit 1."
    assert format.sentence("exit 1.") == "exit 1."


@pytest.mark.parametrize(
    ("value", "limits", "texts"),
    [
        (9.99, (9.985, 10.01), ("+9.99 MiB/h", "+9.98 to +10.01 MiB/h")),
        (99.97, (99.96, 100.4), ("+100.0 MiB/h", "+100.0 to +100.4 MiB/h")),
        (1.2, (-0.5, 130.0), ("+1 MiB/h", "−0.500 to +130 MiB/h")),
        (4.0, (4.0, 4.0), ("+4.00 MiB/h", "+4.00 to +4.00 MiB/h")),
    ],
)
def test_rate_lies_between_its_limits_as_written(
    value: float, limits: tuple[float, float], texts: tuple[str, str]
) -> None:
    low, high = (each * MIB for each in limits)
    assert format.bounded("rss_bytes", value * MIB, (low, high), "h") == texts


def test_bounded_of_unknown_and_of_counts() -> None:
    assert format.bounded("open_fds", None, None, "h") == ("–", "–")
    assert format.bounded("open_fds", 4.0, (4.0, 4.0), "h") == ("+4/h", "+4 to +4/h")
    assert format.bounded("open_fds", 4.0, (3.5, 4.5), "h") == ("+4.00/h", "+3.50 to +4.50/h")
