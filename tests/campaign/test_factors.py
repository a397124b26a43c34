"""Designed experiments in the campaign file: spelt out into deployments, each mistake told with its key."""

from __future__ import annotations

import pytest

from aging.campaign.load import parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import CampaignError
from tests.builders import GOOD, KINDS, mistakes

CACHE = '"deployment[b].cache_ram_mib" = [0, 64]\n'
RATE = '"load.arrivals.rate" = [1.0, 4.0]\n'
TIMEOUT = '"load.timeout" = ["10s", "20s"]\n'
LEAK = '"deployment.leak_per_request" = ["0B", "16KiB"]\n'


def parsed(factors: str, design: str = "", base: str = GOOD) -> Campaign:
    return parse_campaign(f"{base}\n[factors]\n{factors}\n{design and '[design]' + chr(10) + design}", KINDS)


def wrong(factors: str, design: str = "", base: str = GOOD) -> dict[str, str]:
    return mistakes(f"{base}\n[factors]\n{factors}\n{design and '[design]' + chr(10) + design}")


def test_a_full_design_makes_a_deployment_a_point_with_its_levels_and_its_load() -> None:
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


def test_a_deployment_that_no_factor_concerns_stays_as_it_is() -> None:
    campaign = parsed(CACHE)
    assert [options.name for options in campaign.deployment] == ["a", "b-p01", "b-p02"]
    assert campaign.deployment[0].slot is None
    assert set(campaign.treatments) == {"b-p01", "b-p02"}


def test_a_key_without_a_name_is_of_every_kind_that_has_it() -> None:
    assert [options.name for options in parsed(LEAK).deployment] == ["a-p01", "a-p02", "b"]
    assert [options.leak_per_request for options in parsed(LEAK).deployment[:2]] == [0, 16384]


def test_a_fraction_has_the_runs_that_its_resolution_needs() -> None:
    drain = '"load.drain" = ["1s", "2s"]\n'
    campaign = parsed(CACHE + RATE + TIMEOUT + drain, 'kind = "fractional"\nresolution = 4')
    assert sum(treatment.base == "b" for treatment in campaign.treatments.values()) == 8
    assert sum(treatment.base == "a" for treatment in campaign.treatments.values()) == 8, "a full 2^3 of the load's"
    rows = {
        (t.levels["load.arrivals.rate"], t.levels["load.timeout"], t.levels["load.drain"])
        for t in campaign.treatments.values()
    }
    assert len(rows) == 8


def test_centre_points_lie_between_and_are_repeated() -> None:
    campaign = parsed(CACHE + RATE, "centre_points = 2")
    centres = [treatment for treatment in campaign.treatments.values() if treatment.centre and treatment.base == "b"]
    assert [centre.levels for centre in centres] == 2 * [{"deployment[b].cache_ram_mib": 32, "load.arrivals.rate": 2.5}]


def test_a_custom_design_is_its_rows() -> None:
    campaign = parsed(CACHE + RATE, 'kind = "custom"\nrows = [[0, 1.0], [64, 4.0]]')
    levels = [tuple(treatment.levels.values()) for treatment in campaign.treatments.values() if treatment.base == "b"]
    assert levels == [(0, 1.0), (64, 4.0)]


def test_levels_that_are_only_right_together_are_right_together() -> None:
    lengths = '"load.prompt_tokens.median" = [10, 100]\n"load.prompt_tokens.p95" = [40, 150]\n'
    together = 'kind = "custom"\nrows = [[10, 40], [100, 150]]'
    assert len(parsed(lengths, together).treatments) == 4
    assert wrong(lengths), "the full design has the median 100 beside the 95th percentile 40"


def test_rejuvenation_of_a_deployment_is_of_all_its_points() -> None:
    base = GOOD + '[rejuvenation]\npolicy = "periodic"\nevery = "1m"\ndeployments = ["b"]\n'
    assert parsed(CACHE, base=base).rejuvenation.deployments == ("b-p01", "b-p02")


FOUR = CACHE + RATE + TIMEOUT + '"load.drain" = ["1s", "2s"]\n'


@pytest.mark.parametrize(
    ("factors", "design", "where", "what"),
    [
        ('"deployment[b].cache_ram_mb" = [0, 1]', "", 'factors."deployment[b].cache_ram_mb"', "did you mean"),
        ('"deployment[c].x" = [0, 1]', "", 'factors."deployment[c].x"', "no deployment is named 'c'; there are: a, b"),
        ('"deployment.nothing" = [0, 1]', "", 'factors."deployment.nothing"', "no deployment's kind has a key"),
        ('"deployment[b].port" = [1, 2]', "", 'factors."deployment[b].port"', "cannot be a factor"),
        ('"cache" = [0, 1]', "", 'factors."cache"', "is not a key path"),
        (
            '"load.arrivals.rate" = [1.0, -1.0]',
            "",
            'factors."load.arrivals.rate"',
            "level -1.0: input should be greater",
        ),
        ('"load.arrivals.rate" = [1.0, 1.0]', "", 'factors."load.arrivals.rate"', "has a level twice"),
        ('"load.arrivals.rate" = [1.0]', "", "factors.load.arrivals.rate", "needs at least 2, got 1"),
        ('"load.arrivals.rate.x" = [1, 2]', "", 'factors."load.arrivals.rate.x"', "there is no table arrivals.rate"),
        (FOUR, 'kind = "fractional"\nresolution = 5', "design", 'the highest is 4, in 8 runs; or use `kind = "full"`'),
        (FOUR, 'kind = "fractional"', "design", "needs `resolution`"),
        (FOUR, 'kind = "fractional"\nresolution = 4\ngenerators = ["D=AB"]', "design", "resolution 3, not the 4"),
        (RATE, "resolution = 4", "design", "no other kind has one"),
        (RATE, "kind = 'custom'\nrows = [[2.0]]", "design", "row 1: 2.0 is no level of load.arrivals.rate"),
        (RATE, "kind = 'custom'\nrows = [[1.0, 4.0]]", "design", "row 1 has 2 levels; there are 1 factors"),
        (RATE, 'kind = "fulll"', "design.kind", "'full', 'fractional' or 'custom'"),
        ('"load.streaming_share" = [0, 1]', "centre_points = 1", "design", "no whole number halfway between 0 and 1"),
    ],
)
def test_each_mistake_is_told_with_its_key(factors: str, design: str, where: str, what: str) -> None:
    found = wrong(factors, design)
    assert where in found, found
    assert what in found[where]


def test_all_mistakes_of_file_and_factors_come_at_once() -> None:
    found = wrong(
        '"cache" = [0, 1]\n"load.timeout" = ["1s", "2 parsecs"]', base=GOOD.replace("rate = 8.0", "rat = 8.0")
    )
    assert {"load.arrivals.rat", 'factors."cache"', 'factors."load.timeout"'} <= set(found)


def test_a_rate_of_its_own_makes_the_loads_rate_no_factor() -> None:
    found = wrong(RATE, base=GOOD.replace("port = 18084", "port = 18084\nrate = 3.0"))
    assert "would change nothing for b" in found['factors."load.arrivals.rate"']


def test_a_calibration_cannot_be_required_of_many_loads() -> None:
    assert (
        "leave this out"
        in wrong(RATE, base=GOOD.replace("[load]", "[load]\nrequire_calibration = true"))["load.require_calibration"]
    )


def test_a_design_without_factors_or_of_too_many_points_is_refused() -> None:
    assert "nothing to design" in mistakes(GOOD + "\n[design]\ncentre_points = 3")["design"]
    many = "".join(f'"load.{key}" = {list(range(1, 40))}\n' for key in ("concurrency_cap", "prompt_tokens.min"))
    assert "over 512" in wrong(many + TIMEOUT)["design"]


def test_a_name_that_a_point_would_take_is_told() -> None:
    with pytest.raises(CampaignError, match="a-p01 is the name of a point of a; rename it"):
        parsed(RATE, base=GOOD.replace('name = "b"', 'name = "a-p01"'))
