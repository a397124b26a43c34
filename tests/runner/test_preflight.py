"""Notes before a campaign runs: unsupported options, unknown indicators, rates above the tested limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from aging.load.schedule.input_files import read_inputs
from aging.runner.catalogue import Catalogue
from aging.runner.load_notes import CLIENT_REQUESTS_PER_SECOND
from aging.runner.preflight import notes, resolve_deployments
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


def notes_of(rate: float = 1.0, options: str = "", more: str = "") -> list[str]:
    catalogue = Catalogue.discovered()
    text = FILE.format(rate=rate, options=options, more=more)
    campaign = read_inputs(parse_campaign(text, catalogue.kinds()), "n").campaign
    return notes(campaign, resolve_deployments(campaign, catalogue))


def test_note_window_too_short() -> None:
    (note,) = notes_of(more='warmup = "50m"\n[analysis]\ngrid = "1m"')
    for part in ("duration: 600 s", "10 points", "analysis.grid = 60 s", "at least 12"):
        assert part in note


def test_no_note_for_supported_options() -> None:
    assert notes_of(options="[load.options]\nchat = 0.5\nstop = 0.1") == []


def test_note_unsupported_options() -> None:
    (note,) = notes_of(options="[load.options]\nn = 0.1\nstructured = 0.2\nstop = 0.3")
    assert note.startswith("own: ")
    assert "n, structured" in note


def test_note_unsupported_priority() -> None:
    both = '[[load.class]]\nname = "a"\npriority = -1\n[[load.class]]\nname = "b"'
    assert notes_of(options=both) == []
    catalogue = Catalogue.discovered()
    text = FILE.format(rate=1.0, options=both, more="").replace('"n", "structured"', '"priority"')
    campaign = read_inputs(parse_campaign(text, catalogue.kinds()), "n").campaign
    (note,) = notes(campaign, resolve_deployments(campaign, catalogue))
    assert note.startswith("own: ")
    assert "priority" in note


@pytest.mark.parametrize(("rate", "scale", "count"), [(1.0, 1.0, 0), (5000.0, 1.0, 2), (5000.0, 0.01, 0)])
def test_note_rate_above_client_limit(rate: float, scale: float, count: int) -> None:
    found = notes_of(rate, more=f"scale = {scale}")
    assert len(found) == count
    assert all(f"({CLIENT_REQUESTS_PER_SECOND:,})" in note for note in found)


def test_scale_option_scales_load(cli: Aging, campaign_file: Callable[..., Path]) -> None:
    def requests_bytes(*scale: str) -> float:
        planned = json.loads(cli("plan", campaign_file(duration="1h"), *scale, "--json").stdout)
        return float(planned["disk_bytes"]["sealed"]["requests"])

    assert requests_bytes("--scale", "0.2") == pytest.approx(0.2 * requests_bytes(), rel=0.01)


@pytest.mark.slow
def test_campaign_runs_at_scale(aging: Aging, campaign_file: Callable[..., Path], tmp_path: Path) -> None:
    ran = aging("run", campaign_file(duration="3s", warmup="500ms"), "--scale", "0.2")
    assert ran.returncode == 0, ran.stderr
    root = result_directory(tmp_path / "results")
    results = open_results(root)
    assert results.manifest.campaign.scale == 0.2
    assert len(results.requests("clean")) == pytest.approx(30 * 0.2 * 3, abs=14)
    assert not [one for one in results.events if one.kind == "deployment_died"]
