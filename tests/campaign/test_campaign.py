"""Campaign files: valid ones are read, and all mistakes are reported together, each with its key and a code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aging.campaign.load import load_campaign, parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import CampaignError
from aging.study.load import is_study
from tests.builders import GOOD, KINDS, mistakes
from tests.conftest import ROOT


def test_units_are_resolved() -> None:
    campaign = parse_campaign(GOOD, KINDS)
    assert campaign.duration == 180
    assert campaign.deployment[0].leak_per_request == 16384
    assert campaign.load is not None
    assert campaign.load.arrivals.rate == 8.0
    assert campaign.load.timeout == 60


def test_warmup_auto() -> None:
    assert parse_campaign(GOOD.replace('warmup = "30s"', 'warmup = "auto"'), KINDS).warmup is None


def test_overrides_are_validated() -> None:
    assert parse_campaign(GOOD, KINDS, duration="90s").duration == 90
    with pytest.raises(CampaignError) as caught:
        parse_campaign(GOOD, KINDS, duration="10s")
    assert [(mistake.where, mistake.code) for mistake in caught.value.mistakes] == [("warmup", "conflict")]


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ('warmup = "30s"', 'warmpu = "30s"', "warmpu", "unknown-key"),
        ("rate = 8.0", "rat = 8.0", "load.arrivals.rat", "unknown-key"),
        (
            "leak_per_request",
            "leak_per_requests",
            "deployment[a].leak_per_requests",
            "unknown-key",
        ),
        ("median = 48", "medain = 48", "load.prompt_tokens.medain", "unknown-key"),
        ('"3m"', '"3 minuts"', "duration", "invalid-value"),
        ('"3m"', "180", "duration", "invalid-value"),
        ('"30s"', '"automatic"', "warmup", "invalid-value"),
        ('"16KiB"', '"16s"', "deployment[a].leak_per_request", "invalid-value"),
        ('"poisson"', '"poison"', "load.arrivals.kind", "unknown-name"),
        ('"llama-cpp"', '"lama-cpp"', "deployment[b].kind", "unknown-name"),
        ("18084", "18083", "deployment.port", "duplicate-name"),
        ('name = "b"', 'name = "a"', "deployment.name", "duplicate-name"),
        ('name = "good"', f'name = "{"x" * 300}"', "name", "out-of-range"),
        ('name = "a"', 'name = ["a"]', "deployment[0].name", "wrong-type"),
        ('name = "a"', 'name = "a"\nenv = { "A=B" = "x" }', "deployment[a].env.A=B", "invalid-value"),
        ('"16KiB"', f'"{"9" * 400}KiB"', "deployment[a].leak_per_request", "invalid-value"),
        ('"3m"', f'"{"9" * 400}d"', "duration", "invalid-value"),
        ("rate = 8.0", "rate = 1e300", "load.arrivals.rate", "out-of-range"),
        ("rate = 8.0", "rate = inf", "load.arrivals.rate", "out-of-range"),
        ("rate = 8.0", "rate = nan", "load.arrivals.rate", "out-of-range"),
        ('"3m"', '"400d"', "duration", "out-of-range"),
        ("port = 18084", 'port = "18084"', "deployment[b].port", "wrong-type"),
        ("rate = 8.0", "rate = -8.0", "load.arrivals.rate", "out-of-range"),
        ('warmup = "30s"', 'warmup = "3m"', "warmup", "conflict"),
        ("median = 48", "median = 480", "load.prompt_tokens", "invalid-value"),
        ('preset = "tiny"', 'preset = "tinny"', "model.preset", "unknown-name"),
        ('preset = "tiny"', "", "model", "invalid-value"),
        ("port = 18083", "port = 80", "deployment[a].port", "out-of-range"),
        ("schema = 1", "schema = 2", "schema", "invalid-value"),
        ("seed = 1\n", "", "seed", "missing-key"),
        ("[[deployment]]", '[sampling]\nproces = "1s"\n[[deployment]]', "sampling.proces", "unknown-name"),
        ("[[deployment]]", '[analysis]\ntest = "man_kendall"\n[[deployment]]', "analysis.test", "unknown-name"),
        ("[[deployment]]", '[analysis]\nhorizon = "30"\n[[deployment]]', "analysis.horizon", "invalid-value"),
        ("[[deployment]]", '[analysis]\nmemory_limit = "0B"\n[[deployment]]', "analysis.memory_limit", "out-of-range"),
        (
            "[[deployment]]",
            '[rejuvenation]\npolicy = "periodic"\nevery = "1m"\ndeployments = ["c"]\n[[deployment]]',
            "rejuvenation.deployments",
            "unknown-name",
        ),
        (
            "[[deployment]]",
            '[rejuvenation]\npolicy = "nevr"\n[[deployment]]',
            "rejuvenation.policy",
            "unknown-name",
        ),
    ],
)
def test_mistake_has_key_and_code(old: str, new: str, key: str, code: str) -> None:
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert key in found, found
    assert found[key].code == code


@pytest.mark.parametrize(
    ("old", "new", "key", "remedy"),
    [
        ('warmup = "30s"', 'warmpu = "30s"', "warmpu", "did you mean 'warmup'?"),
        ("median = 48", "medain = 48", "load.prompt_tokens.medain", "did you mean 'median'?"),
        ('"poisson"', '"poison"', "load.arrivals.kind", "did you mean 'poisson'?"),
        ('preset = "tiny"', 'preset = "tinny"', "model.preset", "did you mean 'tiny'?"),
        ('"3m"', "180", "duration", 'like "45s", "3m"'),
        ('"16KiB"', '"16s"', "deployment[a].leak_per_request", 'like "4096B", "16KiB"'),
        ("rate = 8.0", "rate = -8.0", "load.arrivals.rate", "must be above 0, got -8.0"),
        ("18084", "18083", "deployment.port", "18083 is used 2 times (a, b)"),
    ],
)
def test_message_has_value_and_remedy(old: str, new: str, key: str, remedy: str) -> None:
    assert remedy in mistakes(GOOD.replace(old, new, 1))[key].what


def test_all_mistakes_are_reported() -> None:
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
def test_malformed_file_has_mistakes(text: str) -> None:
    assert mistakes(text)


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(CampaignError) as caught:
            load_campaign(path, KINDS)
        (mistake,) = caught.value.mistakes
        assert (caught.value.subject, mistake.code) == (str(path), "unreadable-file")


CAMPAIGNS = [path for path in sorted((ROOT / "campaigns").rglob("*.toml")) if not is_study(path)]


@pytest.mark.parametrize("path", CAMPAIGNS, ids=lambda path: path.name)
def test_committed_campaign_is_valid(path: Path) -> None:
    assert isinstance(load_campaign(path, KINDS), Campaign)


def test_fixture_campaign_is_valid(campaign_file: Callable[..., Path]) -> None:
    assert load_campaign(campaign_file(), KINDS).name == "small"


def test_single_brackets_are_explained() -> None:
    single = GOOD.partition("[[deployment]]")[0] + '[deployment]\nname = "a"\nkind = "reference"\n'
    assert "[[deployment]]" in mistakes(single)["deployment"].what


def test_a_study_file_is_named_and_not_read_as_a_campaign() -> None:
    with pytest.raises(CampaignError) as caught:
        parse_campaign('name = "s"\ncampaign = "c.toml"\nreplicates = 2', KINDS)
    (mistake,) = caught.value.mistakes
    assert (mistake.where, mistake.code) == ("", "conflict")
    assert "--cluster" in mistake.what
