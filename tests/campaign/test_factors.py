"""Designed experiments in the campaign file: the deployments they make, and their mistakes."""

from __future__ import annotations

import pytest

from aging.campaign.load import parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import Mistake
from tests.builders import GOOD, KINDS, mistakes

CACHE = '"deployment[b].cache_ram_mib" = [0, 64]\n'
RATE = '"load.arrivals.rate" = [1.0, 4.0]\n'
TIMEOUT = '"load.timeout" = ["10s", "20s"]\n'
LEAK = '"deployment.leak_per_request" = ["0B", "16KiB"]\n'


def parsed(factors: str, design: str = "", base: str = GOOD) -> Campaign:
    return parse_campaign(f"{base}\n[factors]\n{factors}\n{design and '[design]' + chr(10) + design}", KINDS)


def wrong(factors: str, design: str = "", base: str = GOOD) -> dict[str, Mistake]:
    return mistakes(f"{base}\n[factors]\n{factors}\n{design and '[design]' + chr(10) + design}")


def test_full_design() -> None:
    campaign = parsed(CACHE + RATE)
    made = {options.name: options for options in campaign.deployment}
    assert list(made) == ["a-p01", "a-p03", "b-p01", "b-p02", "b-p03", "b-p04"], "of `a` only the load varies"
    assert [made[f"b-p0{k}"].cache_ram_mib for k in (1, 2, 3, 4)] == [0, 64, 0, 64]
    fourth = campaign.treatments["b-p04"]
    assert fourth.load is not None
    assert fourth.load.arrivals.rate == 4.0
    assert fourth.levels == {"deployment[b].cache_ram_mib": 64, "load.arrivals.rate": 4.0}
    assert (fourth.base, fourth.point, fourth.centre) == ("b", 4, False)
    assert campaign.load is not None
    assert campaign.load.arrivals.rate == 8.0, "the file's own load stays what it was"
    assert {options.port for options in campaign.deployment} == {18083, 18084}
    assert {made[name].slot for name in made} == {"a", "b"}, "points of one deployment take turns"


def test_deployment_without_factor_is_unchanged() -> None:
    campaign = parsed(CACHE)
    assert [options.name for options in campaign.deployment] == ["a", "b-p01", "b-p02"]
    assert campaign.deployment[0].slot is None
    assert set(campaign.treatments) == {"b-p01", "b-p02"}


def test_key_of_every_deployment() -> None:
    assert [options.name for options in parsed(LEAK).deployment] == ["a-p01", "a-p02", "b"]
    assert [options.leak_per_request for options in parsed(LEAK).deployment[:2]] == [0, 16384]


def test_fractional_design() -> None:
    drain = '"load.drain" = ["1s", "2s"]\n'
    campaign = parsed(CACHE + RATE + TIMEOUT + drain, 'kind = "fractional"\nresolution = 4')
    assert sum(treatment.base == "b" for treatment in campaign.treatments.values()) == 8
    assert sum(treatment.base == "a" for treatment in campaign.treatments.values()) == 8, "a full 2^3 of the load's"
    rows = {
        (t.levels["load.arrivals.rate"], t.levels["load.timeout"], t.levels["load.drain"])
        for t in campaign.treatments.values()
    }
    assert len(rows) == 8


def test_centre_points() -> None:
    campaign = parsed(CACHE + RATE, "centre_points = 2")
    centres = [treatment for treatment in campaign.treatments.values() if treatment.centre and treatment.base == "b"]
    assert [centre.levels for centre in centres] == 2 * [{"deployment[b].cache_ram_mib": 32, "load.arrivals.rate": 2.5}]


def test_custom_design() -> None:
    campaign = parsed(CACHE + RATE, 'kind = "custom"\nrows = [[0, 1.0], [64, 4.0]]')
    levels = [tuple(treatment.levels.values()) for treatment in campaign.treatments.values() if treatment.base == "b"]
    assert levels == [(0, 1.0), (64, 4.0)]


def test_levels_valid_only_together() -> None:
    lengths = '"load.prompt_tokens.median" = [10, 100]\n"load.prompt_tokens.p95" = [40, 150]\n'
    together = 'kind = "custom"\nrows = [[10, 40], [100, 150]]'
    assert len(parsed(lengths, together).treatments) == 4
    assert wrong(lengths), "the full design has the median 100 beside the 95th percentile 40"


def test_rejuvenation_of_points() -> None:
    base = GOOD + '[rejuvenation]\npolicy = "periodic"\nevery = "1m"\ndeployments = ["b"]\n'
    assert parsed(CACHE, base=base).rejuvenation[0].deployments == ("b-p01", "b-p02")


FOUR = CACHE + RATE + TIMEOUT + '"load.drain" = ["1s", "2s"]\n'


@pytest.mark.parametrize(
    ("factors", "design", "key", "code"),
    [
        ('"deployment[b].cache_ram_mb" = [0, 1]', "", 'factors."deployment[b].cache_ram_mb"', "unknown-key"),
        ('"deployment[c].x" = [0, 1]', "", 'factors."deployment[c].x"', "unknown-name"),
        ('"deployment.nothing" = [0, 1]', "", 'factors."deployment.nothing"', "unknown-name"),
        ('"deployment[b].port" = [1, 2]', "", 'factors."deployment[b].port"', "unknown-name"),
        ('"cache" = [0, 1]', "", 'factors."cache"', "invalid-value"),
        (
            '"load.arrivals.rate" = [1.0, -1.0]',
            "",
            'factors."load.arrivals.rate"',
            "out-of-range",
        ),
        ('"load.arrivals.rate" = [1.0, 1.0]', "", 'factors."load.arrivals.rate"', "duplicate-name"),
        ('"load.arrivals.rate" = [1.0]', "", "factors.load.arrivals.rate", "out-of-range"),
        ('"load.arrivals.rate.x" = [1, 2]', "", 'factors."load.arrivals.rate.x"', "unknown-key"),
        (FOUR, 'kind = "fractional"\nresolution = 5', "design", "invalid-value"),
        (FOUR, 'kind = "fractional"', "design", "invalid-value"),
        (FOUR, 'kind = "fractional"\nresolution = 4\ngenerators = ["D=AB"]', "design", "invalid-value"),
        (RATE, "resolution = 4", "design", "invalid-value"),
        (RATE, "kind = 'custom'\nrows = [[2.0]]", "design", "invalid-value"),
        (RATE, "kind = 'custom'\nrows = [[1.0, 4.0]]", "design", "invalid-value"),
        (RATE, 'kind = "fulll"', "design.kind", "invalid-value"),
        ('"load.streaming_share" = [0, 1]', "centre_points = 1", "design", "invalid-value"),
    ],
)
def test_mistake_has_key_and_code(factors: str, design: str, key: str, code: str) -> None:
    found = wrong(factors, design)
    assert key in found, found
    assert found[key].code == code


@pytest.mark.parametrize(
    ("factors", "design", "key", "remedy"),
    [
        ('"deployment[c].x" = [0, 1]', "", 'factors."deployment[c].x"', "there are: a, b"),
        ('"load.arrivals.rate" = [1.0, -1.0]', "", 'factors."load.arrivals.rate"', "level -1.0: "),
        (FOUR, 'kind = "fractional"\nresolution = 5', "design", 'the highest is 4, in 8 runs; or use `kind = "full"`'),
        (FOUR, 'kind = "fractional"\nresolution = 4\ngenerators = ["D=AB"]', "design", "resolution 3, not"),
        (RATE, "kind = 'custom'\nrows = [[2.0]]", "design", "known: 1.0, 4.0"),
        (RATE, "kind = 'custom'\nrows = [[1.0, 4.0]]", "design", "row 1 has 2 levels"),
    ],
)
def test_message_has_value_and_remedy(factors: str, design: str, key: str, remedy: str) -> None:
    assert remedy in wrong(factors, design)[key].what


def test_all_mistakes_are_reported() -> None:
    found = wrong(
        '"cache" = [0, 1]\n"load.timeout" = ["1s", "2 parsecs"]', base=GOOD.replace("rate = 8.0", "rat = 8.0")
    )
    assert {"load.arrivals.rat", 'factors."cache"', 'factors."load.timeout"'} <= set(found)


def test_load_rate_overridden_by_deployment() -> None:
    found = wrong(RATE, base=GOOD.replace("port = 18084", "port = 18084\nrate = 3.0"))
    assert found['factors."load.arrivals.rate"'].code == "conflict"


def test_calibration_of_several_loads() -> None:
    found = wrong(RATE, base=GOOD.replace("[load]", "[load]\nrequire_calibration = true"))
    assert found["load.require_calibration"].code == "conflict"


def test_design_without_factors() -> None:
    assert mistakes(GOOD + "\n[design]\ncentre_points = 3")["design"].code == "conflict"


def test_too_many_points() -> None:
    many = "".join(f'"load.{key}" = {list(range(1, 40))}\n' for key in ("concurrency_cap", "prompt_tokens.min"))
    assert "over 512" in wrong(many + TIMEOUT)["design"].what


def test_point_name_in_use() -> None:
    found = wrong(RATE, base=GOOD.replace('name = "b"', 'name = "a-p01"'))
    assert found["deployment.name"].code == "duplicate-name"
    assert "a-p01" in found["deployment.name"].what
