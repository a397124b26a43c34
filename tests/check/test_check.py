"""What a gate is asked: conditions, names and numbers, checked whole before anything is started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.check.conditions import Condition, name_mistakes, parse_conditions
from aging.check.gate import Gate
from aging.check.watch import _LOOK
from aging.core.errors import MistakesError
from aging.core.metrics import PRIMARY, indicators
from aging.core.worker import call
from tests.conftest import Aging
from tests.virtual_campaign import VirtualCampaign, small_campaign

TWO = ('name = "clean"', 'name = "leak"\nleak_per_request = "16KiB"')


@pytest.mark.parametrize(
    ("text", "indicator", "quantity", "limit", "percent"),
    [
        ("process_anon_swap_bytes:per_request > 256", PRIMARY, "per_request", 256.0, False),
        ("process_anon_swap_bytes : per_request>1KiB", PRIMARY, "per_request", 1024.0, False),
        ("process_anon_swap_bytes:per_request > 0.5B", PRIMARY, "per_request", 0.5, False),
        ("growth_total > 500MiB", PRIMARY, "growth_total", 500 * 2.0**20, False),
        ("process_rss_bytes:growth_total > 1.5 GiB", "process_rss_bytes", "growth_total", 1.5 * 2**30, False),
        ("process_fds:per_hour > 1e3", "process_fds", "per_hour", 1000.0, False),
        ("client_ttft_seconds:per_hour > 5ms", "client_ttft_seconds", "per_hour", 0.005, False),
        ("client_ttft_seconds:per_hour > 5%", "client_ttft_seconds", "per_hour", 5.0, True),
        ('engine_x_bytes{kind="a"}:per_hour > 2kB', 'engine_x_bytes{kind="a"}', "per_hour", 2000.0, False),
    ],
)
def test_condition(text: str, indicator: str, quantity: str, limit: float, percent: bool) -> None:
    (one,) = parse_conditions([text])
    assert (one.indicator, one.quantity, one.limit, one.percent) == (indicator, quantity, limit, percent)
    assert parse_conditions([str(one)]) == [one], "what is printed can be asked again"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("memory", "is not a condition"),
        ("process_fds:per_hour < 3", "is not a condition"),
        ("process_fds:per_hour >= 3", "is not a condition"),
        ("process_fds > 3", "quantity"),
        ("process_fds:per_hours > 3", "'per_hour'"),
        ("process_fds:per_day > 3", "unknown quantity 'per_day'"),
        ("process_fds:per_hour > -3", "negative"),
        ("process_rss_bytes:per_hour > -3MiB", "negative"),
        ("process_rss_bytes:per_hour > 0", "no growth at all"),
        ("process_rss_bytes:per_hour > 0B", "no growth at all"),
        ("process_rss_bytes:per_hour > nan", "no number"),
        ("process_rss_bytes:per_hour > inf", "no sensible limit"),
        ("process_rss_bytes:per_hour > 1e300", "no sensible limit"),
        ("process_rss_bytes:per_hour > 5ms", "write a size"),
        ("process_rss_bytes:per_request > 5%", "no sensible limit"),
        ("process_fds:per_hour > 5MiB", "plain number"),
        ("client_ttft_seconds:per_hour > 5MiB", "write a time"),
        ("process_fds:per_hour > e", "plain number"),
    ],
)
def test_wrong_condition(text: str, wrong: str) -> None:
    with pytest.raises(MistakesError) as caught:
        parse_conditions([text, "process_fds:per_hour > 1"])
    (mistake,) = caught.value.mistakes
    assert wrong in mistake.what
    assert text in mistake.where


def test_same_condition_counts_once() -> None:
    assert len(parse_conditions(["process_fds:per_hour > 3", "process_fds : per_hour > 3"])) == 1


def test_unknown_names() -> None:
    wrong = name_mistakes([Condition("process_anon", "per_hour", 1.0)], ["z"], ["a"], ["process_fds"])
    assert [mistake.code for mistake in wrong] == ["unknown-name", "unknown-name"]
    assert "unknown deployment 'z'; known: a" in wrong[0].what
    assert "unknown indicator 'process_anon'; did you mean 'process_fds'" in wrong[1].what
    assert not name_mistakes([Condition(name, "per_hour", 1.0) for name in indicators()], [], [], indicators())


def test_all_mistakes_at_once(campaign_file: Callable[..., Path], cli: Aging, tmp_path: Path) -> None:
    file = campaign_file()
    asked = ("--fail", "memory > 3", "--fail", "process_anon:per_hour > 3", "--deployment", "laek", "--alpha", "2")
    ran = cli("check", file, *asked, "--beta", "nan", "--budget", "3s")
    assert ran.returncode == 2
    for part in ("'memory > 3'", "'process_anon'", "'laek'", "--alpha", "--beta", "--budget"):
        assert part in ran.stderr
    unread = cli("check", file, "--fail", "memory > 3", "--alpha", "x", "--budget", "soon", "--report", "junti=a.xml")
    assert unread.returncode == 2
    for part in ("'memory > 3'", "--alpha", "--budget", "'junit'"):
        assert part in unread.stderr
    assert cli("check", file).returncode == 2, "without a condition there is nothing to judge"
    assert not (tmp_path / "results").exists()


def test_mistakes_of_the_file_too(cli: Aging, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(small_campaign('name = "a"').replace("seed = 7", "seeed = 7"))
    ran = cli("check", file, "--fail", "memory > 3")
    assert ran.returncode == 2
    assert "seeed" in ran.stderr
    assert "'memory > 3'" in ran.stderr


def test_only_controls_is_an_error(cli: Aging, tmp_path: Path) -> None:
    file = tmp_path / "controls.toml"
    file.write_text(small_campaign('name = "clean"', 'name = "leak"\nleak_per_hour = "1MiB"'))
    ran = cli("check", file, "--fail", "process_anon_swap_bytes:per_hour > 1")
    assert ran.returncode == 2
    assert "--deployment clean --deployment leak" in ran.stderr
    assert not (tmp_path / "results").exists()


def test_directory_is_checked_like_a_file(cli: Aging, tmp_path: Path) -> None:
    assert cli("check", tmp_path, "--fail", "process_fds:per_hour > 1").returncode == 2, "no result directory"
    assert cli("check", tmp_path / "none.toml", "--fail", "process_fds:per_hour > 1").returncode == 2


def test_reports_are_written_for_every_outcome(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, duration="30s"))
    asked = ("--fail", f"{PRIMARY}:per_request > 256B", "--deployment", "clean")
    assert campaign.run(*asked, "--report", "junit=out/gate.xml", verb="check") == 3, campaign.output
    assert "<testsuite" in (tmp_path / "out" / "gate.xml").read_text()


def test_look_process(tmp_path: Path) -> None:
    """A look is computed by name in a process of its own, from JSON to JSON."""
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO))
    campaign.run()
    gate = Gate(parse_conditions([f"{PRIMARY}:per_request > 1KiB"]), ["leak"], 0.01, 0.05, (30.0, 60.0))
    found = asyncio.run(call(_LOOK, {"root": str(campaign.root), "gate": gate.as_json(), "look": 2}))
    assert found["stop"] == found["gate"]["outcome"] == "failed"
    assert Gate.of_json(gate.as_json()) == gate


def test_look_at_time() -> None:
    gate = Gate([], [], 0.01, 0.05, (25.0, 40.0, 60.0))
    assert [gate.look_at(seconds) for seconds in (3.0, 25.0, 39.9, 59.0, 60.0, 99.0)] == [1, 1, 2, 2, 3, 3]
