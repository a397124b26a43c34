"""The gate as a whole, in virtual time: every outcome with its exit code, early and at the end, and judged again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aging.check.look
import analysis.accelerated.indicators
import analysis.accelerated.samplers
from aging.app.check import GateRequest, check_directory
from aging.core.metrics import PRIMARY
from aging.core.worker import WorkerError
from aging.findings.gate import ConditionResult
from tests.virtual_campaign import Server, VirtualCampaign, small_campaign

MIB = 2**20
RATE = 20.0
PER_REQUEST = f"{PRIMARY}:per_request > 1KiB"


def server(name: str, per_request: float = 0.0, **course: float) -> Server:
    """A server that leaks so many bytes a request, and fills or not."""
    return Server(name, 64e6, leak=per_request * RATE * 3600, ready=2.0, processes=1, ttft=0.1, token=0.01, **course)


def campaign(
    folder: Path, *servers: Server, budget: str = "60s", deployments: tuple[str, ...] = (), **text: Any
) -> VirtualCampaign:
    named = deployments or tuple(f'name = "{one.name}"' for one in servers)
    file = small_campaign(*named, duration=budget, rate=RATE, **text)
    return VirtualCampaign(folder, file, {one.name: one for one in servers})


def check(
    ran: VirtualCampaign, *fail: str, judged: tuple[str, ...] | None = None, more: tuple[str, ...] = ()
) -> int | None:
    """``aging check`` of all servers, or of these."""
    names = judged if judged is not None else tuple(ran._servers)
    asked = [part for one in fail or (PER_REQUEST,) for part in ("--fail", one)]
    asked += [part for name in names for part in ("--deployment", name)]
    return ran.run(*asked, *more, verb="check")


def gate(ran: VirtualCampaign) -> dict[str, Any]:
    found: dict[str, Any] = ran.findings["gate"]
    return found


def minutes(ran: VirtualCampaign) -> float:
    """Of the load, as the journal has it."""
    begun, ended = (
        next(one for one in ran.results.events if one.kind == kind) for kind in ("load_started", "load_ended")
    )
    return (ended.stamp.mono - begun.stamp.mono) / 60


class TestDecided:
    def test_red_early(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("leaks", 16 * 1024))
        assert check(ran) == 1, ran.output
        (one,) = gate(ran)["conditions"]
        assert (gate(ran)["outcome"], one["outcome"], one["reason_code"]) == ("failed", "failed", "above")
        assert one["interval"][0] > 1024
        assert one["interval"][0] < 16 * 1024 < one["interval"][1]
        assert one["estimate"] == pytest.approx(16 * 1024, rel=0.05)
        assert ran.results.events[-1].kind == "campaign_decided"
        assert gate(ran)["look"] < gate(ran)["looks"]
        assert minutes(ran) < 0.9
        assert 0 < len(one["points"]) <= 120
        assert one["work_per_minute"] == pytest.approx(RATE * 60, rel=0.02)

    def test_green_early(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), budget="4m")
        assert check(ran) == 0, ran.output
        (one,) = gate(ran)["conditions"]
        assert (gate(ran)["outcome"], one["reason_code"]) == ("passed", "below")
        assert one["smallest_excluded"] >= one["interval"][1] > 0
        assert one["smallest_excluded"] < 1024
        assert ran.results.events[-1].kind == "campaign_decided"
        assert gate(ran)["minutes"] < 3

    def test_futile(self, tmp_path: Path) -> None:
        """A limit that the budget cannot see is given up before the budget is used."""
        ran = campaign(tmp_path, server("clean"), budget="2m")
        assert check(ran, f"{PRIMARY}:per_request > 2B") == 3, ran.output
        (one,) = gate(ran)["conditions"]
        assert (gate(ran)["outcome"], one["outcome"]) == ("inconclusive", "inconclusive")
        assert gate(ran)["look"] < gate(ran)["looks"]

    @pytest.mark.thorough
    def test_bounded_cache(self, tmp_path: Path) -> None:
        """What has filled is no leak: its present rate is under the limit."""
        ran = campaign(tmp_path, server("cache", fill=40 * MIB, tau=8.0), budget="4m")
        assert check(ran) == 0, ran.output

    @pytest.mark.thorough
    def test_step(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        memory_of = analysis.accelerated.indicators.memory_of

        def stepping(server: Server, key: Any) -> Any:
            inner = memory_of(server, key)
            return lambda rng, age, t: inner(rng, age, t) + 20 * MIB * (t > 30)

        monkeypatch.setattr(analysis.accelerated.samplers, "memory_of", stepping)
        ran = campaign(tmp_path, server("steps"), budget="4m")
        assert check(ran) == 0, ran.output

    @pytest.mark.thorough
    def test_at_the_limit(self, tmp_path: Path) -> None:
        """Equal servers at the limit are undecided: neither fails by chance."""
        ran = campaign(tmp_path, *(server(name, 1024) for name in "abc"), budget="40s")
        assert check(ran) == 3, ran.output
        assert {one["outcome"] for one in gate(ran)["conditions"]} == {"inconclusive"}
        assert all(one["interval"][0] < 1024 < one["interval"][1] for one in gate(ran)["conditions"])

    @pytest.mark.thorough
    def test_two_deployments(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), server("leaks", 16 * 1024))
        assert check(ran) == 1, ran.output
        outcomes = {one["deployment"]: one["outcome"] for one in gate(ran)["conditions"]}
        assert outcomes["leaks"] == "failed"
        assert outcomes["clean"] != "failed"
        assert gate(ran)["notes"], "two judgements share the error"


class TestQuantities:
    @pytest.mark.thorough
    def test_growth_total(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("leaks", 16 * 1024))
        assert check(ran, "growth_total > 4MiB") == 1, ran.output
        (one,) = gate(ran)["conditions"]
        assert one["quantity"] == "growth_total"
        assert 4 * MIB < one["interval"][0] < one["estimate"] < 16384 * RATE * 60
        assert gate(ran)["look"] < gate(ran)["looks"]

    @pytest.mark.thorough
    def test_growth_total_green_at_the_end_alone(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), budget="30s")
        assert check(ran, "growth_total > 20MiB") == 0, ran.output
        assert gate(ran)["look"] == gate(ran)["looks"]
        assert ran.results.events[-1].kind == "campaign_completed"

    @pytest.mark.thorough
    def test_per_hour_and_percent(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("leaks", 16 * 1024))
        assert check(ran, f"{PRIMARY}:per_hour > 100MiB", f"{PRIMARY}:per_hour > 50%") == 1, ran.output
        hourly, share = gate(ran)["conditions"]
        assert hourly["estimate"] == pytest.approx(16 * 1024 * RATE * 3600, rel=0.05)
        assert share["limit"] == pytest.approx(32e6, rel=0.2)

    def test_latency(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), budget="30s")
        assert ran.run() == 0
        limits = [f"client_ttft_seconds:per_hour > {limit}" for limit in ("50000%", "20s", "1ms")]
        shares, seconds, fine = check_directory(ran.root, GateRequest(limits, ["clean"])).conditions
        assert (shares.outcome, seconds.outcome, fine.outcome) == ("passed", "passed", "inconclusive")
        assert shares.n > 20
        assert shares.limit == pytest.approx(500 * np.median([value for _, value in shares.points]), rel=0.2)


class TestServers:
    def test_dies(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("dies"), budget="2m")
        ran.server_dies("dies", 30.0)
        assert check(ran) == 4, ran.output
        (failure,) = gate(ran)["server_failures"]
        assert (failure["deployment"], failure["code"]) == ("dies", "died")
        assert gate(ran)["conditions"][0]["reason_code"] == "server_failed"

    def test_not_started(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("boots"), budget="2m")
        ran.ends("boots", "exit 1", after=0.5)
        assert check(ran) == 4, ran.output
        (failure,) = gate(ran)["server_failures"]
        assert (failure["code"], gate(ran)["outcome"]) == ("not-started", "server-failed")

    @pytest.mark.thorough
    def test_only_errors(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("silent"), budget="10m")
        ran.falls_silent("silent", 0.0, lasts=600.0)
        assert check(ran) == 4, ran.output
        (failure,) = gate(ran)["server_failures"]
        assert failure["code"] == "only-errors"
        assert minutes(ran) < 5, "it is not waited for the end of the budget"

    @pytest.mark.thorough
    def test_dead_beside_red(self, tmp_path: Path) -> None:
        """A leak wins over a dead server."""
        ran = campaign(tmp_path, server("leaks", 16 * 1024), server("dies"), budget="60s")
        ran.server_dies("dies", 10.0)
        assert check(ran) == 1, ran.output
        assert [one["code"] for one in gate(ran)["server_failures"]] == ["died"]

    @pytest.mark.thorough
    def test_dead_beside_doubt(self, tmp_path: Path) -> None:
        """A dead server wins over an undecided one."""
        ran = campaign(tmp_path, server("limit", 1024), server("dies"), budget="30s")
        ran.server_dies("dies", 10.0)
        assert check(ran) == 4, ran.output


class TestFailsClosed:
    @pytest.mark.thorough
    def test_look_crashed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        look_at = aging.check.look.look_at
        seen: list[int] = []

        def crashes(results: Any, gate: Any, number: int) -> Any:
            seen.append(number)
            if number == 1:
                raise WorkerError("aging.check.look:look", 1, ("KeyError",))
            return look_at(results, gate, number)

        monkeypatch.setattr(aging.check.look, "look_at", crashes)
        ran = campaign(tmp_path, server("clean"), budget="60s")
        assert check(ran) == 3, ran.output
        assert len(seen) > 1
        assert "look" in ran.problems()
        assert gate(ran)["doubts"]

    def test_no_samples(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(analysis.accelerated.samplers.SimulatedProcesses, "read", lambda _self: ())
        ran = campaign(tmp_path, server("clean"), budget="30s")
        assert check(ran) == 3, ran.output
        (one,) = gate(ran)["conditions"]
        assert one["reason_code"] == "no_series"
        assert "no_samples" in ran.problems()

    @pytest.mark.thorough
    def test_control_not_seen(self, tmp_path: Path) -> None:
        """A server with a known leak that does not show shows that the instrument is blind."""
        deployments = ('name = "clean"', 'name = "leak"\nleak_per_request = "16KiB"')
        ran = campaign(tmp_path, server("clean"), server("leak", 0.0), budget="50s", deployments=deployments)
        assert check(ran, judged=("clean",)) == 3, ran.output
        assert gate(ran)["conditions"][0]["reason_code"] == "doubt"
        assert any("control leak" in one for one in gate(ran)["doubts"])
        assert ran.results.events[-1].kind == "campaign_completed", "it is looked for until the end"

    def test_control_seen(self, tmp_path: Path) -> None:
        deployments = ('name = "clean"', 'name = "leak"\nleak_per_request = "16KiB"')
        ran = campaign(tmp_path, server("clean"), server("leak", 16384.0), budget="2m", deployments=deployments)
        assert check(ran, judged=("clean",)) == 0, ran.output

    def test_interrupted(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), budget="8m")  # nothing is green in the first tenth
        ran.interrupt(35.0)
        assert check(ran, f"{PRIMARY}:per_request > 512B") == 130, ran.output
        assert gate(ran)["outcome"] == "inconclusive"
        assert gate(ran)["doubts"]

    @pytest.mark.thorough
    def test_disk_full(self, tmp_path: Path) -> None:
        ran = campaign(tmp_path, server("clean"), budget="4m")

        def fills() -> None:
            ran.disk_full = True

        ran.at(30.0, fills)
        assert check(ran) == 3, ran.output
        assert gate(ran)["outcome"] == "inconclusive"

    @pytest.mark.thorough
    def test_killed_load(self, tmp_path: Path) -> None:
        """Requests that no process sent are no clean run."""
        ran = campaign(tmp_path, server("clean"), budget="60s")
        for second in range(6, 50, 4):
            ran.load_dies("clean", float(second))
        assert check(ran) == 3, ran.output


@pytest.fixture(scope="module", name="ran")
def _ran(tmp_path_factory: pytest.TempPathFactory) -> VirtualCampaign:
    ran = campaign(tmp_path_factory.mktemp("leaks"), server("leaks", 8 * 1024), budget="60s")
    assert check(ran, f"{PRIMARY}:per_request > 1KiB") == 1, ran.output
    return ran


class TestJudgedAgain:
    def again(self, ran: VirtualCampaign, limit: str) -> ConditionResult:
        found = check_directory(ran.root, GateRequest([f"{PRIMARY}:per_request > {limit}"], ["leaks"]))
        (one,) = found.conditions
        assert found.outcome == one.outcome
        return one

    def test_same_limit(self, ran: VirtualCampaign) -> None:
        one = self.again(ran, "1KiB")
        assert one.outcome == "failed"
        assert one.estimate == pytest.approx(gate(ran)["conditions"][0]["estimate"], rel=0.02)

    def test_other_limits(self, ran: VirtualCampaign) -> None:
        assert self.again(ran, "1MiB").outcome == "passed"
        assert self.again(ran, "8KiB").outcome == "inconclusive"

    def test_nothing_changes(self, ran: VirtualCampaign) -> None:
        def state() -> dict[str, tuple[int, bytes]]:
            files = [path for path in ran.root.rglob("*") if path.is_file()]
            return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

        before = state()
        self.again(ran, "2KiB")
        assert state() == before

    @pytest.mark.thorough
    def test_analyze_keeps_the_gate(self, ran: VirtualCampaign) -> None:
        from tests.command_line import run_here

        before = gate(ran)
        assert run_here(ran.root.parent, "analyze", ran.root).returncode == 0
        assert gate(ran) == before


def test_result_of_a_plain_run_is_judged(tmp_path: Path) -> None:
    ran = campaign(tmp_path, server("clean"), budget="2m")
    assert ran.run() == 0
    assert ran.findings["gate"] is None
    request = GateRequest([PER_REQUEST], ["clean"])
    assert check_directory(ran.root, request).outcome == "passed"


@pytest.mark.thorough
def test_interrupted_result_is_never_green(tmp_path: Path) -> None:
    ran = campaign(tmp_path, server("clean"), budget="8m")  # nothing is green in the first tenth
    ran.interrupt(200.0)
    assert ran.run() == 130
    found = check_directory(ran.root, GateRequest([f"{PRIMARY}:per_request > 1MiB"], ["clean"]))
    assert found.outcome == "inconclusive"
    assert found.conditions[0].reason_code == "doubt"


@pytest.mark.thorough
def test_pairs_are_judged_by_their_difference(tmp_path: Path) -> None:
    """Both leak as much: the change does not."""
    ran = campaign(tmp_path, server("new", 8192.0), server("old", 8192.0), budget="80s")
    assert ran.run() == 0
    alone = check_directory(ran.root, GateRequest([PER_REQUEST], ["new"]))
    paired = check_directory(ran.root, GateRequest([PER_REQUEST], ["new"], pairs={"new": "old"}))
    assert (alone.outcome, paired.outcome) == ("failed", "passed")
    assert paired.baseline is not None
    assert paired.baseline.estimate == pytest.approx(8192, rel=0.05)
    assert abs(paired.conditions[0].estimate or 1e9) < 1024


@pytest.mark.parametrize("quantity", ["per_request", "per_hour"])
def test_falling_indicator(quantity: str) -> None:
    """What ages downwards is judged by how fast it falls."""
    from aging.check.judged_series import _longest
    from aging.findings.series import Series

    t = np.arange(100.0)
    series = Series("a", 1, 1, "client_goodput_requests_per_second", t, 50 - 0.1 * t, {"requests": t})
    judged = _longest("client_goodput_requests_per_second", [series])
    assert judged.y[-1] > judged.y[0], quantity
    assert judged.level == pytest.approx(48.8, rel=0.01)
