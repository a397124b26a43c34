"""The runs of a campaign, their order, and the output of `aging plan`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.campaign.load import load_campaign, parse_campaign
from aging.campaign.plan import PlannedRun, planned_seconds, repeated, rounds
from aging.campaign.schema import Campaign
from aging.campaign.timetable import timetable
from aging.runner.catalogue import Catalogue
from aging.runner.disk_estimate import disk_need
from tests.conftest import ROOT, Aging

CATALOGUE = Catalogue.discovered()


def campaign(slots: Sequence[str | None], factors: str = "", **keys: Any) -> Campaign:
    deployments = [
        {"name": f"d{k}", "kind": "reference", "port": 18000 + k} | ({"slot": slot} if slot else {})
        for k, slot in enumerate(slots)
    ]
    tables = "".join(
        "[[deployment]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for table in deployments
    )
    top = {"name": "p", "seed": 3, "duration": "10s"} | keys
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in top.items())
    load = """
[load]
arrivals = { kind = "constant", rate = 5.0 }
prompt_tokens = { median = 4, p95 = 4, min = 4, max = 4 }
output_tokens = { median = 2, p95 = 2, min = 2, max = 2 }
"""
    return parse_campaign(text + load + factors + tables, CATALOGUE.kinds())


def key_of(run: PlannedRun) -> tuple[str, int]:
    return run.options.name, run.replica


def test_rounds_of_slots() -> None:
    planned = rounds(campaign(["x", "x", "y", None], replicas=2))
    assert [[key_of(run) for run in together] for together in planned] == [
        [("d0", 1), ("d2", 1), ("d3", 1)],
        [("d1", 1), ("d2", 2), ("d3", 2)],
        [("d0", 2)],
        [("d1", 2)],
    ]


def test_seed_per_replica() -> None:
    runs = [run for together in rounds(campaign(["x", "x"], replicas=3)) for run in together]
    seeds = {run.replica: {other.seed for other in runs if other.replica == run.replica} for run in runs}
    assert all(len(of) == 1 for of in seeds.values())
    assert len(set.union(*seeds.values())) == 3


def test_random_order_per_replica() -> None:
    def order(seed: int) -> list[list[str]]:
        runs = [run for (run,) in rounds(campaign(5 * ["x"], order="random", seed=seed, replicas=4))]
        return [[run.options.name for run in runs if run.replica == replica] for replica in (1, 2, 3, 4)]

    assert order(3) == order(3)
    assert order(3) != order(4)
    assert len({tuple(names) for names in order(3)}) > 1
    assert all(sorted(names) == ["d0", "d1", "d2", "d3", "d4"] for names in order(3))


def test_random_order_of_points() -> None:
    factors = '[factors]\n"load.arrivals.rate" = [1.0, 2.0, 3.0, 4.0, 5.0]\n'
    planned = rounds(campaign(["x", "y"], factors, replicas=2))
    assert len(planned) == 10
    points = [[run.options.name.rpartition("-")[2] for run in together] for together in planned]
    assert all(len(set(of)) == 1 for of in points), "all deployments of a round have the same point and load"
    first, second = [of[0] for of in points[:5]], [of[0] for of in points[5:]]
    assert sorted(first) == sorted(second) == ["p01", "p02", "p03", "p04", "p05"]
    assert first != sorted(first)
    assert first != second
    assert all(run.load is not None and run.load == together[0].load for together in planned for run in together)


def test_repeats_of_broken_runs() -> None:
    planned = rounds(campaign(["x", "x", "y"]))
    runs = [run for together in planned for run in together]
    again = repeated([run for run in runs if run.options.name != "d1"])
    assert [[key_of(run) for run in together] for together in again] == [[("d0", 1), ("d2", 1)]]
    assert {run.attempt for together in again for run in together} == {2}
    assert repeated([]) == ()


@given(
    slots=st.lists(st.sampled_from(["x", "y", "z", None]), min_size=1, max_size=6),
    replicas=st.integers(1, 4),
    order=st.sampled_from(["round-robin", "random"]),
    seed=st.integers(0, 2**32),
)
def test_every_run_once(slots: list[str | None], replicas: int, order: str, seed: int) -> None:
    made = campaign(slots, replicas=replicas, order=order, seed=seed)
    planned = rounds(made)
    runs = [key_of(run) for together in planned for run in together]
    assert sorted(runs) == sorted((f"d{k}", replica) for k in range(len(slots)) for replica in range(1, replicas + 1))
    for together in planned:
        taken = [run.options.slot or run.options.name for run in together]
        assert len(set(taken)) == len(taken)
    for slot in {options.slot or options.name for options in made.deployment}:
        lane = [
            run.replica for together in planned for run in together if (run.options.slot or run.options.name) == slot
        ]
        assert all(one <= other for one, other in pairwise(lane)), "a replica is finished before the next begins"
    assert planned_seconds(made) == len(planned) * 10.0


def test_published_study() -> None:
    study = load_campaign(ROOT / "campaigns" / "six-deployments-216h.toml", CATALOGUE.kinds())
    plan = timetable(study)
    assert plan.load == 216 * 3600
    assert plan.pauses == 5 * 600
    assert len(plan.runs) == 18
    assert [(run.slot, run.deployment) for run in plan.runs if run.round == 2] == [
        ("gpu0", "a1-vllm-v0"),
        ("gpu1", "a2-triton-vllm-v1"),
        ("gpu2", "e3b-pytorch-low"),
    ]
    need = disk_need(study, CATALOGUE.samplers)
    assert 0.2e9 < need.total < 2e9


def test_disk_need_is_proportional_to_duration() -> None:
    small, large = (disk_need(campaign(["x"], duration=time), CATALOGUE.samplers) for time in ("1h", "10h"))
    assert large.sealed["requests"] == pytest.approx(10 * small.sealed["requests"])
    assert large.sealed["process"] == pytest.approx(10 * small.sealed["process"])
    assert large.open_hour == pytest.approx(small.open_hour), "at most one hour is unsealed"


def test_plan_verb(campaign_file: Callable[..., Path], cli: Aging) -> None:
    file = campaign_file(extra='[factors]\n"deployment[leak].leak_per_request" = ["4KiB", "16KiB"]')
    ran = cli("plan", file)
    assert ran.returncode == 0, ran.stderr
    assert "leak-p01" in ran.stdout
    assert "duration: 12s of load in 2 rounds" in ran.stdout
    assert "disk: about" in ran.stdout
    content = json.loads(cli("plan", file, "--json", "--duration", "1h").stdout)
    assert content["load_seconds"] == 7200
    assert next(run["deployment"] for run in content["runs"] if run["round"] == 1) == "clean"
    levels = {run["levels"]["deployment[leak].leak_per_request"] for run in content["runs"] if run["levels"]}
    assert levels == {"4KiB", "16KiB"}
    assert content["disk_bytes"]["total"] > 0
    refused = cli("plan", file, "--duration", "1")
    assert refused.returncode == 2
    assert "duration: '1' is not a duration" in refused.stderr


@pytest.mark.parametrize(
    ("head", "extra", "codes"),
    [
        ("replicas = 2\n", "", ["few_replicas"]),
        ("replicas = 3\n", "", []),
        ("", "", []),
        ("replicas = 2\n", '[factors]\n"deployment[leak].leak_per_request" = ["4KiB", "16KiB"]', []),
    ],
    ids=["two", "three", "one", "two of an experiment"],
)
def test_plan_notes(campaign_file: Callable[..., Path], cli: Aging, head: str, extra: str, codes: list[str]) -> None:
    file = campaign_file(extra=extra)
    file.write_text(head + file.read_text())
    assert [note["code"] for note in json.loads(cli("plan", file, "--json").stdout)["notes"]] == codes
    assert ("replicas = 3" in cli("plan", file).stdout) == bool(codes)
