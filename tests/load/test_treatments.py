"""The loads of a designed experiment's points: scaled, their files read, each driven by its own deployments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from aging.campaign.plan import rounds
from aging.campaign.schema import Campaign, LoadTable
from aging.core.errors import CampaignError
from aging.load.schedule.classes import classes_of
from aging.load.schedule.input_files import read_inputs
from aging.runner.catalogue import Catalogue
from aging.runner.disk_estimate import disk_need
from aging.runner.manifest import schedule_hashes
from aging.store.results import open_results
from tests.conftest import Aging, result_directory, unused_port

CATALOGUE = Catalogue.discovered()

CLASSES = """
schema = 1
name = "points"
seed = 7
duration = "{duration}"
scale = {scale}
settle = "0s"
[load]
arrivals = {{ kind = "constant", rate = 20.0 }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
[[load.class]]
name = "chat"
objectives = {{ ttft = "5s" }}
[[load.class]]
name = "batch"
arrivals = {{ kind = "constant", rate = 10.0 }}
[analysis]
grid = "200ms"
[validity]
late = "20s"
[factors]
"load.arrivals.rate" = [20.0, 40.0]
"deployment[leak].leak_per_request" = ["4KiB", "16KiB"]
[[deployment]]
name = "leak"
kind = "reference"
port = {port}
"""


def read(text: str) -> Campaign:
    return read_inputs(parse_campaign(text, CATALOGUE.kinds()), "campaign").campaign


def rates(load: LoadTable | None) -> tuple[float, ...]:
    assert load is not None
    return tuple(each.arrivals.mean_rate() for each in classes_of(load))


def test_scale_applies_to_every_class_of_every_point() -> None:
    made = read(CLASSES.format(duration="10s", scale=0.5, port=18000))
    found = {run.options.name: (rates(run.load), made.treatments[run.options.name]) for (run,) in rounds(made)}
    assert len(found) == 4
    for scaled, treatment in found.values():
        assert scaled == (treatment.levels["load.arrivals.rate"] / 2, 5.0)
    assert len(set(schedule_hashes(made).values())) == 2, "what leaks otherwise has the same load"
    whole = read(CLASSES.format(duration="10s", scale=1.0, port=18000))
    half, full = (disk_need(one, CATALOGUE.samplers).sealed["requests"] for one in (made, whole))
    assert half == pytest.approx(full / 2)


def test_the_trace_of_a_point_is_read_and_scaled(tmp_path: Path) -> None:
    rows = [f"2023-11-16 18:00:{k // 10:02d}.{k % 10}000000,4,2" for k in range(200)]
    trace = tmp_path / "t.csv"
    trace.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    text = f"""
name = "p"
seed = 1
duration = "5s"
scale = 0.5
[load]
arrivals = {{ kind = "trace", file = "{trace}" }}
[factors]
"load.arrivals.rate" = [2.0, 4.0]
[[deployment]]
name = "d"
kind = "reference"
port = 18000
"""
    inputs = read_inputs(parse_campaign(text, CATALOGUE.kinds()), "campaign")
    assert sorted(rates(run.load) for together in rounds(inputs.campaign) for run in together) == [
        pytest.approx((1.0,)),
        pytest.approx((2.0,)),
    ]
    assert {file.file for file in inputs.files} == {"t.csv"}
    gone = text.replace('"load.arrivals.rate" = [2.0, 4.0]', f'"load.arrivals.file" = ["{trace}", "{tmp_path}/no.csv"]')
    with pytest.raises(CampaignError, match=r"no\.csv"):
        read_inputs(parse_campaign(gone, CATALOGUE.kinds()), "campaign")


@pytest.mark.slow
def test_a_designed_experiment_of_classes_at_a_scale(tmp_path: Path, aging: Aging) -> None:
    file = tmp_path / "points.toml"
    file.write_text(CLASSES.format(duration="3s", scale=0.5, port=unused_port()))
    ran = aging("run", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = open_results(result_directory(tmp_path / "results"))
    findings = json.loads(results.layout.findings.read_text())
    assert len(results.deployments) == len(findings["runs"]) == 4
    for run in findings["runs"]:
        requests = results.requests(run["deployment"])
        per_second = run["levels"]["load.arrivals.rate"] / 2
        assert (requests["load_class"] == "chat").sum() == pytest.approx(3 * per_second, abs=2)
        assert (requests["load_class"] == "batch").sum() == pytest.approx(15, abs=2)
    assert {one["load_class"] for one in findings["objectives"]} == {"chat"}
    assert {one["deployment"] for one in findings["objectives"]} == set(results.deployments)
    assert not {"schedule", "lost"} & {problem["kind"] for problem in findings["problems"]}
    (experiment,) = (one for one in findings["experiments"] if one["per"] == "hour")
    assert experiment["deployment"] == "leak"
