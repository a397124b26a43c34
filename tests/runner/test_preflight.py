"""What is told of a load before it runs: options that a server does not take, and rates beyond the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from aging.load.schedule.input_files import read_inputs
from aging.runner.catalogue import Catalogue
from aging.runner.preflight import CLIENT_REQUESTS_PER_SECOND, notes, placed
from aging.store.results import open_results
from tests.conftest import Aging, result_directory

FILE = """
name = "n"
seed = 1
duration = "1h"
{more}
[load]
arrivals = {{ kind = "poisson", rate = {rate} }}
prompt_tokens = {{ kind = "fixed", tokens = 8 }}
output_tokens = {{ kind = "fixed", tokens = 8 }}
{options}
[[deployment]]
name = "own"
kind = "command"
command = ["true"]
port = 18003
unsupported = ["n", "structured"]
[[deployment]]
name = "control"
kind = "reference"
port = 18004
"""


def told(rate: float = 1.0, options: str = "", more: str = "") -> list[str]:
    catalogue = Catalogue.discovered()
    text = FILE.format(rate=rate, options=options, more=more)
    campaign = read_inputs(parse_campaign(text, catalogue.kinds()), "n").campaign
    return notes(campaign, placed(campaign, catalogue))


def test_a_window_with_too_few_points_for_a_finding_is_told() -> None:
    (note,) = told(more='warmup = "50m"\n[analysis]\ngrid = "1m"')
    assert note.startswith("after the warm-up 600 s are left: 10 points of the analysis' grid of 60 s; under 12")


def test_a_rejuvenation_that_waits_for_what_no_finding_knows_is_told() -> None:
    table = '[rejuvenation]\npolicy = "threshold"\nabove = 1.0\nindicator = "process_anon_swap_byte{s}"'
    assert told(more=table.format(s="s")) == []
    (note,) = told(more=table.format(s=""))
    assert note.endswith("is none of those analysed; did you mean 'process_anon_swap_bytes'?")


def test_a_load_that_everybody_takes_needs_no_word() -> None:
    assert told(options="[load.options]\nchat = 0.5\nstop = 0.1") == []


def test_what_a_server_does_not_take_is_told_once_for_each() -> None:
    (note,) = told(options="[load.options]\nn = 0.1\nstructured = 0.2\nstop = 0.3")
    assert note == "own: requests do not ask for n, structured: its server does not take them"


def test_a_priority_that_goes_nowhere_is_told() -> None:
    both = '[[load.class]]\nname = "a"\npriority = -1\n[[load.class]]\nname = "b"'
    assert told(options=both) == []
    catalogue = Catalogue.discovered()
    text = FILE.format(rate=1.0, options=both, more="").replace('"n", "structured"', '"priority"')
    campaign = read_inputs(parse_campaign(text, catalogue.kinds()), "n").campaign
    assert notes(campaign, placed(campaign, catalogue)) == [
        "own: requests do not ask for priority: its server does not take it"
    ]


@pytest.mark.parametrize(("rate", "scale", "count"), [(1.0, 1.0, 0), (5000.0, 1.0, 2), (5000.0, 0.01, 0)])
def test_a_rate_beyond_the_client_is_told(rate: float, scale: float, count: int) -> None:
    found = told(rate, more=f"scale = {scale}")
    assert len(found) == count
    assert all(f"({CLIENT_REQUESTS_PER_SECOND:,})" in note for note in found)


def test_the_scale_that_is_asked_for_scales_the_load(cli: Aging, campaign_file: Callable[..., Path]) -> None:
    def requests_bytes(*scale: str) -> float:
        planned = json.loads(cli("plan", campaign_file(duration="1h"), *scale, "--json").stdout)
        return float(planned["disk_bytes"]["sealed"]["requests"])

    assert requests_bytes("--scale", "0.2") == pytest.approx(0.2 * requests_bytes(), rel=0.01)


@pytest.mark.slow
def test_a_campaign_runs_at_the_scale_that_is_asked_for(
    aging: Aging, campaign_file: Callable[..., Path], tmp_path: Path
) -> None:
    ran = aging("run", campaign_file(duration="3s", warmup="500ms"), "--scale", "0.2")
    assert ran.returncode == 0, ran.stderr
    root = result_directory(tmp_path / "results")
    results = open_results(root)
    assert results.manifest.campaign.scale == 0.2
    assert len(results.requests("clean")) == pytest.approx(30 * 0.2 * 3, abs=14)
    assert not [one for one in results.events if one.kind == "deployment_died"]
