"""Campaign files: what is right is read, what is wrong is told all at once with its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aging.campaign.load import load_campaign, parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import CampaignError
from tests.builders import GOOD, KINDS, mistakes
from tests.conftest import ROOT


def test_a_good_file_is_read_with_units_resolved() -> None:
    campaign = parse_campaign(GOOD, KINDS)
    assert campaign.duration == 180
    assert campaign.deployment[0].leak_per_request == 16384
    assert campaign.load is not None
    assert campaign.load.arrivals.rate == 8.0
    assert campaign.load.timeout == 60


def test_the_warm_up_may_be_found() -> None:
    assert parse_campaign(GOOD.replace('warmup = "30s"', 'warmup = "auto"'), KINDS).warmup is None


def test_overrides_replace_keys_and_are_checked_alike() -> None:
    assert parse_campaign(GOOD, KINDS, duration="90s").duration == 90
    with pytest.raises(CampaignError, match="not shorter than the duration of 10 s"):
        parse_campaign(GOOD, KINDS, duration="10s")


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('warmup = "30s"', 'warmpu = "30s"', "warmpu", "did you mean 'warmup'?"),
        ("rate = 8.0", "rat = 8.0", "load.arrivals.rat", "did you mean 'rate'?"),
        (
            "leak_per_request",
            "leak_per_requests",
            "deployment[a].leak_per_requests",
            "did you mean 'leak_per_request'?",
        ),
        ("median = 48", "medain = 48", "load.prompt_tokens.medain", "did you mean 'median'?"),
        ('"3m"', '"3 minuts"', "duration", "is not a duration"),
        ('"3m"', "180", "duration", "is not a duration"),
        ('"30s"', '"automatic"', "warmup", "is not a duration; write a number with its unit"),
        ('"16KiB"', '"16s"', "deployment[a].leak_per_request", "is not a size"),
        ('"poisson"', '"poison"', "load.arrivals.kind", "did you mean 'poisson'?"),
        ('"llama-cpp"', '"lama-cpp"', "deployment[b].kind", "did you mean 'llama-cpp'?"),
        ("18084", "18083", "deployment.port", "18083 is used 2 times (a, b)"),
        ('name = "b"', 'name = "a"', "deployment.name", "'a' is used 2 times"),
        ('name = "good"', f'name = "{"x" * 300}"', "name", "at most 64 characters"),
        ('name = "a"', 'name = ["a"]', "deployment[0].name", "valid string"),
        ('name = "a"', 'name = "a"\nenv = { "A=B" = "x" }', "deployment[a].env.A=B", "does not match"),
        ('"16KiB"', f'"{"9" * 400}KiB"', "deployment[a].leak_per_request", "is not a size"),
        ('"3m"', f'"{"9" * 400}d"', "duration", "is not a duration"),
        ("rate = 8.0", "rate = 1e300", "load.arrivals.rate", "less than or equal to 100000"),
        ("rate = 8.0", "rate = inf", "load.arrivals.rate", "finite number"),
        ("rate = 8.0", "rate = nan", "load.arrivals.rate", "got nan"),
        ('"3m"', '"400d"', "duration", "less than or equal to 31622400"),
        ("port = 18084", 'port = "18084"', "deployment[b].port", "valid integer"),
        ("rate = 8.0", "rate = -8.0", "load.arrivals.rate", "greater than 0, got -8.0"),
        ('warmup = "30s"', 'warmup = "3m"', "warmup", "nothing would be left to analyse"),
        ("median = 48", "median = 480", "load.prompt_tokens", "ordered min ≤ median ≤ p95 ≤ max"),
        ('preset = "tiny"', 'preset = "tinny"', "model.preset", "did you mean 'tiny'?"),
        ('preset = "tiny"', "", "model", "exactly one of"),
        ("port = 18083", "port = 80", "deployment[a].port", "greater than or equal to 1024"),
        ("schema = 1", "schema = 2", "schema", "1"),
        ("seed = 1\n", "", "seed", "is missing"),
        ("[[deployment]]", '[sampling]\nproces = "1s"\n[[deployment]]', "sampling.proces", "did you mean 'process'?"),
        ("[[deployment]]", '[analysis]\ntest = "man_kendall"\n[[deployment]]', "analysis.test", "'mann_kendall'?"),
        (
            "[[deployment]]",
            '[rejuvenation]\npolicy = "periodic"\nevery = "1m"\ndeployments = ["c"]\n[[deployment]]',
            "rejuvenation.deployments",
            "no deployment is named 'c'",
        ),
        (
            "[[deployment]]",
            '[rejuvenation]\npolicy = "never"\n[[deployment]]',
            "rejuvenation.policy",
            "known: periodic",
        ),
    ],
)
def test_each_mistake_is_told_with_its_key(old: str, new: str, where: str, what: str) -> None:
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert where in found, found
    assert what in found[where]


def test_all_mistakes_come_at_once() -> None:
    text = (
        GOOD.replace("warmup", "warmpu")
        .replace("rate = 8.0", "rate = -1")
        .replace('"16KiB"', '"16"')
        .replace("18084", "18083")
        .replace('"3m"', '"3 minuts"')
    )
    assert set(mistakes(text)) >= {
        "warmpu",
        "load.arrivals.rate",
        "deployment[a].leak_per_request",
        "deployment.port",
        "duration",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name =",
        "seed = " + "9" * 5000,
        "a = " + "[" * 5000,
        "deployment = 3",
        "load = 1",
        "[load]\narrivals = 4",
        "[[deployment]]\n",
    ],
)
def test_whatever_the_file_holds_there_is_a_message_and_no_traceback(text: str) -> None:
    assert mistakes(text)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="cannot be read: No such file"):
        load_campaign(tmp_path / "none.toml", KINDS)
    with pytest.raises(CampaignError, match="cannot be read: Is a directory"):
        load_campaign(tmp_path, KINDS)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CampaignError, match="is not UTF-8"):
        load_campaign(tmp_path / "binary.toml", KINDS)


@pytest.mark.parametrize("path", sorted((ROOT / "campaigns").rglob("*.toml")), ids=lambda path: path.name)
def test_every_campaign_of_the_repository_is_valid(path: Path) -> None:
    assert isinstance(load_campaign(path, KINDS), Campaign)


def test_the_small_campaign_of_the_tests_is_valid(campaign_file: Callable[..., Path]) -> None:
    assert load_campaign(campaign_file(), KINDS).name == "small"
