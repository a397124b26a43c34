"""The gate: conditions are parsed whole, and judged failed, passed or not decidable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aging.check.early_stop import _LOOK, Gate, _job

from aging.check.conditions import Condition, Outcome, check_names, judge, overall, parse_conditions
from aging.core.errors import MistakesError
from aging.core.worker import call
from aging.findings.types import Control, Finding, Findings, Problem, RunValidity, Validity
from tests.conftest import Aging
from tests.virtual_campaign import VirtualCampaign, small_campaign

LEAK = Condition("process_anon_swap_bytes", "per_request", 256.0)

FINDING = Finding(
    deployment="a",
    indicator="process_anon_swap_bytes",
    replicas=1,
    n=100,
    verdict="aging",
    shape=None,
    slope_per_hour=4e6,
    ci_per_hour=(3e6, 5e6),
    slope_per_request=400.0,
    ci_per_request=(300.0, 500.0),
    p=1e-6,
    q=1e-5,
    minimum_detectable_per_hour=1e5,
    tests={},
)


def outcome(finding: Finding, *problems: Problem, condition: Condition = LEAK) -> Outcome:
    findings = Findings(1, "c", "", [finding], [], problems)
    return overall(judge(findings, [condition], ["a"]))


def test_parse_conditions() -> None:
    assert parse_conditions(["process_anon_swap_bytes:per_request > 256", "process_fds : per_hour>1e3"]) == [
        LEAK,
        Condition("process_fds", "per_hour", 1000.0),
    ]


def test_wrong_conditions() -> None:
    with pytest.raises(MistakesError) as caught:
        parse_conditions(["x > 3", "x:per_day > 3", "x:per_hour < 3", "x:per_hour > e", "process_fds:per_hour > 1"])
    assert len(caught.value.mistakes) == 4
    assert all("per_hour > NUMBER" in mistake.what for mistake in caught.value.mistakes)


def test_leak_above_limit() -> None:
    assert outcome(FINDING) is Outcome.FAILED


def test_interval_below_limit() -> None:
    assert outcome(FINDING, condition=replace(LEAK, limit=600.0)) is Outcome.PASSED


def test_interval_across_limit() -> None:
    assert outcome(FINDING, condition=replace(LEAK, limit=450.0)) is Outcome.INCONCLUSIVE


def test_stable_across_limit() -> None:
    assert outcome(replace(FINDING, verdict="stable", ci_per_request=(0.0, 410.0))) is Outcome.INCONCLUSIVE


def test_no_finding() -> None:
    died = Problem("dead", "died", "exit 7")
    findings = Findings(1, "c", "", [replace(FINDING, verdict="stable", ci_per_request=(0.0, 0.0))], [], [died])
    judgements = judge(findings, [LEAK], ["a", "dead"])
    assert overall(judgements) is Outcome.INCONCLUSIVE
    assert "exit 7" in judgements[1].message


def test_unproven_growth() -> None:
    assert outcome(replace(FINDING, verdict="inconclusive")) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("verdict", ["stable", "bounded"])
def test_not_aging_passes(verdict: str) -> None:
    assert outcome(replace(FINDING, verdict=verdict, ci_per_request=(0.0, 200.0))) is Outcome.PASSED  # type: ignore[arg-type]


def test_no_rate() -> None:
    short = replace(FINDING, verdict="inconclusive", slope_per_request=None, ci_per_request=None)
    assert outcome(short) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("deployment", ["a", None])
def test_death_blocks_pass(deployment: str | None) -> None:
    died = Problem(deployment, "died", "killed by SIGKILL")
    assert outcome(replace(FINDING, verdict="stable"), died) is Outcome.INCONCLUSIVE
    assert outcome(FINDING, died) is Outcome.FAILED


@pytest.mark.parametrize(("validity", "passed"), [("complete", True), ("short", False), ("broken", False)])
def test_incomplete_run_blocks_pass(validity: Validity, passed: bool) -> None:
    clean = replace(FINDING, verdict="stable", ci_per_request=(0.0, 0.0))
    runs = [
        RunValidity("a", 1, 1, "complete", (), 1.0, 0.0),
        RunValidity("a", 2, 1, validity, ("gaps",), 0.9, 0.0),
        RunValidity("b", 1, 1, "broken", ("another deployment's run is its own",), 0.9, 0.0),
    ]
    (judgement,) = judge(Findings(1, "c", "", [clean], [], [], runs=runs), [LEAK], ["a"])
    assert (judgement.outcome is Outcome.PASSED) == passed
    assert passed or f"replica 2 is {validity}: gaps" in judgement.message


def test_death_of_other_deployment() -> None:
    findings = Findings(
        1, "c", "", [replace(FINDING, verdict="stable", ci_per_request=(0.0, 0.0))], [], [Problem("b", "died", "")]
    )
    assert overall(judge(findings, [LEAK], ["a"])) is Outcome.PASSED


def test_failed_control_blocks_pass(tmp_path: Path) -> None:
    control = Control("c", "process_anon_swap_bytes", "aging", 1e6, "stable", 0.0, (0.0, 0.0), passed=False)
    findings = Findings(1, "c", "", [replace(FINDING, verdict="stable", ci_per_request=(0.0, 0.0))], [control], [])
    assert overall(judge(findings, [LEAK], ["a"])) is Outcome.INCONCLUSIVE
    off = replace(control, verdict="aging", slope_per_hour=2e6, ci_per_hour=(1.5e6, 2.5e6))
    assert overall(judge(replace(findings, controls=[off]), [LEAK], ["a"])) is Outcome.PASSED
    harness = replace(control, deployment="_harness/runner", expected="not aging")
    assert overall(judge(replace(findings, controls=[harness]), [LEAK], ["a"])) is Outcome.PASSED


def test_named_deployments() -> None:
    others = [FINDING, replace(FINDING, deployment="b", verdict="stable", ci_per_request=(0.0, 0.0))]
    findings = Findings(1, "c", "", others, [], [])
    assert overall(judge(findings, [LEAK], ["a", "b"])) is Outcome.FAILED
    assert overall(judge(findings, [LEAK], ["b"])) is Outcome.PASSED
    assert overall(judge(findings, [LEAK], [])) is Outcome.INCONCLUSIVE, "nothing judged is nothing shown"


def test_unknown_names() -> None:
    with pytest.raises(MistakesError) as caught:
        check_names([replace(LEAK, indicator="process_anon")], ["z"], ["a"], ["process_fds"])
    assert "unknown deployment 'z'; known: a" in str(caught.value)
    assert "unknown indicator 'process_anon'; did you mean 'process_fds'" in str(caught.value)


TWO = ('name = "clean"', 'name = "leak"\nleak_per_request = "16KiB"')


@pytest.mark.parametrize(
    ("deployment", "duration", "code"), [("leak", "60s", 1), ("clean", "60s", 0), ("leak", "8s", 3)]
)
def test_gate_exit_codes(tmp_path: Path, deployment: str, duration: str, code: int) -> None:
    asked = ("--fail", "process_anon_swap_bytes:per_request > 256", "--deployment", deployment, "--duration", duration)
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO))
    assert campaign.run(*asked, verb="check") == code, campaign.output
    outcome = {0: "passed", 1: "failed", 3: "inconclusive"}[code]
    assert f"{outcome}: {deployment}: process_anon_swap_bytes:per_request > 256" in campaign.output


def test_wrong_condition_starts_nothing(campaign_file: Callable[..., Path], cli: Aging, tmp_path: Path) -> None:
    ran = cli("check", campaign_file(), "--fail", "memory > 3")
    assert ran.returncode == 2
    assert "is not a condition" in ran.stderr
    misspelt = cli("check", campaign_file(), "--fail", "process_anon:per_hour > 3", "--deployment", "laek")
    assert misspelt.returncode == 2
    assert "unknown deployment 'laek'" in misspelt.stderr
    assert "unknown indicator 'process_anon'" in misspelt.stderr
    assert not (tmp_path / "results").exists()


def test_level_of_look() -> None:
    findings = Findings(1, "c", "", [FINDING], [], [])
    assert overall(judge(findings, [LEAK], ["a"], level=1e-5)) is Outcome.FAILED
    assert overall(judge(findings, [LEAK], ["a"], level=1e-7)) is Outcome.INCONCLUSIVE


def test_look_times_and_levels() -> None:
    gate = Gate([LEAK], ["a"], looks=5)
    assert gate.times(60.0, 360.0) == [120.0, 180.0, 240.0, 300.0]
    assert len(gate.levels) == 5
    assert gate.levels == sorted(gate.levels)
    assert gate.levels[0] < 1e-6
    assert 0.04 < gate.levels[-1] < 0.05
    assert Gate([LEAK], ["a"], looks=1).levels == pytest.approx([0.05])


LOOKS = ("--fail", "process_anon_swap_bytes:per_request > 1000", "--deployment", "leak", "--looks", "6")


def test_early_failure(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO, duration="10m"))
    assert campaign.run(*LOOKS, verb="check") == 1, campaign.output
    events = campaign.results.events
    assert events[-1].kind == "campaign_decided"
    assert "campaign_interrupted" not in {event.kind for event in events}
    assert events[-1].stamp.mono - events[0].stamp.mono < 400.0
    assert "ended early at look " in campaign.output
    assert "failed: leak: process_anon_swap_bytes:per_request > 1000" in campaign.output


def test_no_early_pass(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign('name = "leak"', duration="2m"))
    assert campaign.run(*LOOKS, verb="check") == 0, campaign.output
    assert campaign.results.events[-1].kind == "campaign_completed"


def test_look_process(tmp_path: Path) -> None:
    campaign = VirtualCampaign(tmp_path, small_campaign(*TWO))
    campaign.run()
    job = _job(Gate([LEAK], ["clean", "leak"], looks=1), campaign.results.layout, 1, ())
    (message,) = asyncio.run(call(_LOOK, job))
    assert message.startswith("leak: ")


def test_looks_need_one_round(cli: Aging, tmp_path: Path) -> None:
    file = tmp_path / "turns.toml"
    file.write_text(small_campaign('name = "leak"', head="replicas = 2"))
    assert cli("check", file, *LOOKS).returncode == 2
    assert cli("check", file, *LOOKS[:-1], "0").returncode == 2
    assert not (tmp_path / "results").exists()


def test_only_controls_is_an_error(cli: Aging, tmp_path: Path) -> None:
    file = tmp_path / "controls.toml"
    file.write_text(small_campaign('name = "clean"', 'name = "leak"\nleak_per_hour = "1MiB"'))
    ran = cli("check", file, "--fail", "process_anon_swap_bytes:per_hour > 1")
    assert ran.returncode == 2
    assert "--deployment clean --deployment leak" in ran.stderr
    assert not (tmp_path / "results").exists()
