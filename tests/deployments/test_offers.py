"""What each runtime offers to rejuvenate it, what it says where it does not, and how it is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aging.deployments.actions import GROUP_SIGTERM, MAIN_SIGTERM, StopStep
from aging.deployments.base import Deployment, DeploymentBase
from aging.deployments.origins.child import LaunchedProcesses
from aging.deployments.runtimes.command import Command
from aging.deployments.runtimes.llama_cpp import LlamaCpp
from aging.deployments.runtimes.lmdeploy import Lmdeploy
from aging.deployments.runtimes.sglang import Sglang
from aging.deployments.runtimes.tgi import Tgi
from aging.deployments.runtimes.triton import Triton
from aging.deployments.runtimes.vllm import Vllm
from aging.runner.catalogue import Catalogue
from tests.conftest import ROOT

KINDS: Mapping[str, type[DeploymentBase[Any]]] = dict(Catalogue.discovered().deployments)
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "command": {"command": ["serve", "{port}"]},
    "container": {"image": "a:b"},
    "ollama": {"served_model": "a"},
    "triton": {"metrics_port": 18081},
    "attach": {"pid": 1},
}
DRAINS_IN_ITS_GROUP = {"command", "ollama", "reference"}


def deployment(kind: type[DeploymentBase[Any]], **options: Any) -> DeploymentBase[Any]:
    port = {} if kind.kind == "attach" else {"port": 18080}
    table = {"name": "a", "kind": kind.kind, **port, **NEEDED.get(kind.kind, {}), **options}
    return kind(kind.options_table.model_validate(table), "m")


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if issubclass(kind, Deployment)])
def test_trim_is_offered_with_the_allocator_probe(kind: type[DeploymentBase[Any]]) -> None:
    without, with_probe = deployment(kind), deployment(kind, allocator_probe=True)
    if "trim" in kind.offers:  # its own, which the probe does not replace
        assert without.offered()["trim"] == with_probe.offered()["trim"] == kind.offers["trim"]
        return
    assert "trim" not in without.offered()
    assert without.not_offered()["trim"] == "set `allocator_probe = true`"
    assert with_probe.offered()["trim"].trims
    assert "trim" not in with_probe.not_offered()


@pytest.mark.parametrize("kind", KINDS.values())
def test_no_action_is_both_offered_and_missing(kind: type[DeploymentBase[Any]]) -> None:
    one = deployment(kind)
    assert not set(one.offered()) & set(one.not_offered())
    assert set(one.offered()) | set(one.not_offered()) <= {"trim", "reset-caches", "sleep"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if issubclass(kind, Deployment)])
def test_a_runtime_that_drains_is_asked_by_its_main_process(kind: type[DeploymentBase[Any]]) -> None:
    origin = deployment(kind).origin()
    assert isinstance(origin, LaunchedProcesses)
    expected = GROUP_SIGTERM if kind.kind in DRAINS_IN_ITS_GROUP else MAIN_SIGTERM
    assert tuple(origin.launch.stop) == expected


def test_caches_of_vllm_are_reset_in_development_mode_alone() -> None:
    asked = deployment(Vllm, reset_caches=True)
    (call,) = asked.offered()["reset-caches"].calls
    assert (call.method, call.path, call.says) == ("POST", "/reset_prefix_cache", '"success":true')
    assert launched(asked).env["VLLM_SERVER_DEV_MODE"] == "1"
    plain = deployment(Vllm)
    assert plain.not_offered()["reset-caches"] == "set `reset_caches = true`"
    assert "VLLM_SERVER_DEV_MODE" not in launched(plain).env


def test_vllm_sleeps_on_a_gpu_alone() -> None:
    asked = deployment(Vllm, sleep_mode=True, device="cuda")
    assert "--enable-sleep-mode" in launched(asked).argv
    assert [call.path for call in asked.offered()["sleep"].calls] == ["/sleep?level=1&mode=wait", "/wake_up"]
    assert [call.path for call in asked.offered()["sleep"].undo] == ["/wake_up"]
    on_cpu = deployment(Vllm, sleep_mode=True)
    assert "--enable-sleep-mode" not in launched(on_cpu).argv
    assert "sleep" not in on_cpu.offered()
    assert 'device = "cuda"' in on_cpu.not_offered()["sleep"]
    assert deployment(Vllm, device="cuda").not_offered()["sleep"] == "set `sleep_mode = true`"


def test_sglang_keeps_its_weights_while_it_sleeps() -> None:
    asked = deployment(Sglang, sleep_mode=True)
    argv = launched(asked).argv
    assert "--enable-memory-saver" in argv
    assert "--enable-weights-cpu-backup" in argv
    assert asked.offered()["sleep"].quiet, "its scheduler dies if it is not idle"
    assert "--enable-memory-saver" not in launched(deployment(Sglang)).argv
    assert set(deployment(Sglang).offered()) == {"reset-caches"}


def test_slots_of_llama_cpp_are_erased_one_by_one() -> None:
    asked = deployment(LlamaCpp, reset_caches=True, parallel=2)
    calls = asked.offered()["reset-caches"].calls
    assert [call.path for call in calls] == ["/slots/0?action=erase", "/slots/1?action=erase"]
    assert "--slot-actions" in launched(asked).argv
    assert "--slot-actions" not in launched(deployment(LlamaCpp)).argv


def test_lmdeploy_calls_have_json_bodies() -> None:
    calls = deployment(Lmdeploy).offered()["sleep"].calls
    assert [(call.path, call.body) for call in calls] == [("/sleep?level=1", "{}"), ("/wakeup", "{}")]


@pytest.mark.parametrize(
    ("kind", "flag", "seconds"),
    [
        (Vllm, "--shutdown-timeout", "30"),
        (Tgi, "--graceful-termination-timeout", "40"),
        (Triton, "--exit-timeout", "30"),
    ],
)
def test_drain_of_the_runtime_fits_into_its_stop_timeout(
    kind: type[DeploymentBase[Any]], flag: str, seconds: str
) -> None:
    argv = launched(deployment(kind, stop_timeout="50s")).argv
    assert argv[argv.index(flag) + 1] == seconds
    shortest = launched(deployment(kind, stop_timeout="100ms")).argv
    assert shortest[shortest.index(flag) + 1] == "1", "0 would abort what is under way"


def test_command_can_be_stopped_by_its_main_process() -> None:
    assert launched(deployment(Command, stop="main")).stop == MAIN_SIGTERM
    assert launched(deployment(Command)).stop == (StopStep(),)


def launched(one: DeploymentBase[Any]) -> Any:
    assert isinstance(one, Deployment)
    return one.launch()


def test_table_of_offers_is_that_of_the_runtimes() -> None:
    """`docs/rejuvenation.md` says for each kind what it offers, and what has to be set."""
    page = (ROOT / "docs" / "rejuvenation.md").read_text()
    lines = page[page.index("| `kind` | `trim` |") :].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    table = {cells[0].strip("`"): cells[1:4] for cells in rows}
    assert set(table) == set(KINDS)
    for name, kind in KINDS.items():
        gpu = {"device": "cuda"} if name == "vllm" else {}
        plain, asked = deployment(kind, **gpu), deployment(kind, **gpu, **everything(kind))
        for action, cell in zip(("trim", "reset-caches", "sleep"), table[name], strict=True):
            if action in plain.offered():
                assert cell == "yes", f"{name}: {action}"
            elif action in asked.offered():
                assert f"set {cell}" == plain.not_offered()[action], f"{name}: {action}"
            else:
                assert cell == "–", f"{name}: {action}"


def everything(kind: type[DeploymentBase[Any]]) -> Mapping[str, bool]:
    keys = kind.options_table.model_fields
    if not issubclass(kind, Deployment):
        return {}
    return {key: True for key in ("allocator_probe", "reset_caches", "sleep_mode") if key in keys}
