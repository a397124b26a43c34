"""The parts of a guard by themselves: options, history, looks, claims, the journal, what it exports, systemd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from aging.core.clock import Stamp
from aging.core.errors import MistakeCode
from aging.core.openmetrics import Own
from aging.guard.claim import ClaimedError, Claims, holder
from aging.guard.decisions import DECISIONS, EARLIER, DecisionJournal, read_decisions
from aging.guard.exposition import Exported
from aging.guard.history import MOST, Blocks, History
from aging.guard.judgement import judge
from aging.guard.look import Asked, LastLook, Outlook, look_due
from aging.guard.options import MEMORY, GuardError, Share, bound, guarding, setting
from aging.guard.state import LastAction, Pending, Server, State, StateFolder, Tally
from aging.guard.systemd import unit
from aging.rejuvenation.base import Lifetime
from aging.rejuvenation.governor import Past
from aging.store.events import RejuvenationDecided

MIB = 2.0**20
GIB = 2.0**30


def mistakes(**options: object) -> dict[str, MistakeCode]:
    table = options.pop("table", {})
    with pytest.raises(GuardError) as error:
        guarding(None, options, table)  # type: ignore[arg-type]
    return {one.where: one.code for one in error.value.mistakes}


class TestOptions:
    def test_limits(self) -> None:
        assert bound("8GiB") == 8 * GIB
        assert bound("80%") == Share(0.8)

    @pytest.mark.parametrize("text", ["8", "0B", "0%", "101%", "80%x", "%", ""])
    def test_no_limits(self, text: str) -> None:
        with pytest.raises(ValueError, match="80%"):
            bound(text)

    def test_all_mistakes_at_once(self) -> None:
        found = mistakes(limit="8", intervall="5s", table={"policy": "tren"})
        assert found == {
            "guard": MistakeCode.MISSING_KEY,
            "guard.limit": MistakeCode.INVALID_VALUE,
            "guard.intervall": MistakeCode.UNKNOWN_KEY,
            "rejuvenation.policy": MistakeCode.UNKNOWN_NAME,
        }

    def test_two_servers(self) -> None:
        assert mistakes(pid=1, name="x") == {"guard": MistakeCode.CONFLICT}

    def test_a_policy_without_action(self) -> None:
        table = {"policy": "periodic", "every": "1d"}
        assert mistakes(name="x", table=table) == {"rejuvenation.command": MistakeCode.MISSING_KEY}
        assert guarding(None, {"name": "x"}, {**table, "dry_run": True}).table is not None

    def test_a_pid_cannot_be_restarted(self) -> None:
        table = {"policy": "periodic", "every": "1d", "command": ["x"]}
        assert mistakes(pid=7, table=table) == {"guard.pid": MistakeCode.CONFLICT}

    def test_keys_of_a_policy_without_it(self) -> None:
        assert mistakes(name="x", table={"every": "1d"}) == {"rejuvenation.policy": MistakeCode.MISSING_KEY}

    def test_proxy(self) -> None:
        given = {"socket": "/run/x", "servers": ("a",)}
        assert set(mistakes(name="x", proxy=given)) == {"guard.proxy.socket", "guard.proxy.servers"}

    @pytest.mark.parametrize(("limit", "shown"), [("8GiB", "8GiB"), ("80%", "80%")])
    def test_the_limit_is_that_of_the_policy(self, limit: str, shown: str) -> None:
        made = guarding(None, {"name": "x", "limit": limit}, {"policy": "threshold", "dry_run": True})
        assert made.raw["above"] == shown
        assert made.raw["indicator"] == MEMORY

    def test_a_file_under_the_options(self, tmp_path: Path) -> None:
        file = tmp_path / "guard.toml"
        file.write_text(
            '[guard]\nname = "vllm"\nlimit = "80%"\n[guard.proxy]\nsocket = "unix:/x"\nservers = ["a/b"]\n'
            '[rejuvenation]\npolicy = "trend"\nwithin = "2h"\ncommand = ["systemctl", "restart", "vllm"]\n'
        )
        made = guarding(file, {"pid": 4, "keeps_process": True, "proxy": {"alone": True}}, {"within": "3h"})
        assert str(made.where) == "pid 4"
        assert made.options.proxy is not None
        assert (made.options.proxy.alone, made.options.proxy.servers) == (True, ("a/b",))
        assert made.raw["within"] == "3h"
        file.write_text("[gard]\nname = 3\n")
        with pytest.raises(GuardError, match=r"guard\.toml"):
            guarding(file, {}, {})

    def test_settings(self) -> None:
        assert setting("every=7d") == ("every", "7d")
        assert setting("looks=5") == ("looks", 5)
        assert setting('inner={ policy = "trend" }') == ("inner", {"policy": "trend"})
        with pytest.raises(ValueError, match="key=value"):
            setting("every")


class TestHistory:
    def test_means_of_blocks_in_bounded_memory(self) -> None:
        blocks = Blocks()
        for age in range(0, 30 * 86400, 60):
            blocks.add(float(age), float(age))
        course = blocks.course()
        assert MOST <= len(course.ages) <= 2 * MOST
        assert course.ages == sorted(course.ages)
        assert np.max(np.abs(np.array(course.ages) - np.array(course.values))) < 1e-6 * 30 * 86400
        assert course.ages[-1] > 30 * 86400 - 2 * blocks.width

    def test_stored_and_read(self) -> None:
        history = History()
        for age in range(1000):
            history.add(age * 5.0, {"a": float(age), "b": float("nan")})
        again = History.from_json(json.loads(json.dumps(history.as_json())))
        assert again.courses() == history.courses()
        assert set(again.courses()) == {"a"}


class TestLook:
    def test_due(self) -> None:
        assert not look_due(599.0, 1.0, None, None)
        assert look_due(600.0, 1.0, None, None)
        day = 86400.0
        assert not look_due(day, 1.0, None, LastLook(day - 3599, 1.0))
        assert look_due(day, 1.0, None, LastLook(day - 3600, 1.0))

    def test_due_when_room_is_used(self) -> None:
        last = LastLook(1000.0, 500.0)
        assert not look_due(1100.0, 540.0, 1000.0, last)
        assert look_due(1100.0, 550.0, 1000.0, last)
        assert not look_due(1010.0, 990.0, 1000.0, last)

    def asked(self, slope: float, **more: object) -> dict[str, object]:
        ages = [60.0 * k + 30 for k in range(600)]
        noise = np.random.default_rng(1).normal(0, MIB, 600)
        values = [GIB + slope * age / 3600 + float(one) for age, one in zip(ages, noise, strict=True)]
        return asdict(Asked(MEMORY, {MEMORY: ages}, {MEMORY: values}, 36_000.0, 1.8e9, **more))  # type: ignore[arg-type]

    def test_a_leak(self) -> None:
        found = judge(self.asked(100 * MIB, limit=4 * GIB))["outlook"]
        assert found["verdict"] == "growing"
        assert found["low_per_hour"] <= 100 * MIB <= found["high_per_hour"]
        expected = (3 * GIB - 1000 * MIB) / (100 * MIB) * 3600
        assert found["expected_seconds"] == pytest.approx(expected, rel=0.05)
        assert found["earliest_seconds"] < expected

    def test_no_leak(self) -> None:
        assert judge(self.asked(0.0))["outlook"]["verdict"] == "stable"

    def test_too_few(self) -> None:
        assert judge(asdict(Asked(MEMORY, {}, {}, 10.0, 1.8e9))) == {"outlook": None, "decision": None}

    @pytest.mark.thorough
    def test_a_policy_decides_as_if_it_had_been_there(self) -> None:
        table = {"policy": "trend", "within": "20h", "command": ["x"], "action": "external"}
        subject = {"limits": {MEMORY: 2.1 * GIB}, "lifetimes": [asdict(Lifetime(10.0, failed=True))]}
        found = judge(self.asked(100 * MIB, limit=2.1 * GIB, table=table, subject=subject))
        assert found["decision"] is not None
        assert found["decision"]["numbers"]
        assert judge(self.asked(0.0, limit=4 * GIB, table=table, subject=subject))["decision"] is None


class TestClaim:
    def test_one_each(self) -> None:
        what = f"test {os.getpid()}"
        mine = Claims()
        mine.take(what, "x")
        mine.take(what, "x")
        with pytest.raises(ClaimedError) as error:
            Claims().take(what, "x")
        assert error.value.holder == os.getpid() == holder(what)
        mine.release(what)
        assert holder(what) is None
        mine.close()

    def test_the_kernel_frees_it(self) -> None:
        what = f"killed {os.getpid()}"
        code = (
            f"from aging.guard.claim import Claims\nc = Claims()\nc.take({what!r}, 'x')\nprint(1, flush=True)\ninput()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            assert holder(what) == other.pid
            other.kill()
            other.wait()
        claims = Claims()
        claims.take(what, "x")
        claims.close()


def decided(number: int) -> RejuvenationDecided:
    return RejuvenationDecided(deployment="x", generation=number, reason="r" * 100)


class TestJournal:
    def test_bounded(self, tmp_path: Path) -> None:
        journal = DecisionJournal(tmp_path, most=2000)
        for number in range(100):
            journal.record(decided(number), Stamp(1.0, 1.0))
        journal.close()
        assert (tmp_path / DECISIONS).stat().st_size < 3000
        assert (tmp_path / EARLIER).stat().st_size < 3000
        rows = [row["generation"] for row in read_decisions(tmp_path)]
        assert rows == list(range(rows[0], 100))

    def test_a_line_that_was_cut(self, tmp_path: Path) -> None:
        journal = DecisionJournal(tmp_path)
        journal.record(decided(1), Stamp(1.0, 1.0))
        journal.close()
        with (tmp_path / DECISIONS).open("ab") as file:
            file.write(b'{"event": "rejuv')
        journal = DecisionJournal(tmp_path)
        journal.record(decided(2), Stamp(1.0, 1.0))
        journal.close()
        assert [row["generation"] for row in read_decisions(tmp_path)] == [1, 2]


FULL = State(
    target='process "a"\\b\n',
    policy="trend",
    stamp=Stamp(5.0, 6.0),
    boot="b",
    server=Server(4, 5, "b", 3, 100.0),
    past=Past((1.0, 2.0), 3.0, 1, "why"),
    pending=Pending("acting", 1.0, "r", Server(4, 5, "b", 3, 100.0), 7.0, 1, {"drain": 1.5}),
    lifetimes=(Lifetime(10.0, failed=True),),
    tally=Tally(2, {"helped": 3}, {"budget": 4}),
    last=LastAction("helped", 12.0, 1e6, 1, 200.0),
    outlook=Outlook("growing", "aging", 100, 3.0, 2.0, 4.0, 100.0, 200.0),
    looked=LastLook(1.0, 2.0),
    level=1e9,
    limit=2e9,
    indicator=MEMORY,
    sampled=300.0,
    alarm="look",
)


class TestState:
    def test_stored_and_read(self, tmp_path: Path) -> None:
        folder = StateFolder(tmp_path)
        folder.save(FULL)
        assert folder.load() == (FULL, None)

    def test_a_write_that_fails_leaves_the_old_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = StateFolder(tmp_path)
        folder.save(FULL)

        def fails(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fails)
        with pytest.raises(OSError, match="No space left"):
            folder.save(State())
        monkeypatch.undo()
        assert folder.load() == (FULL, None)

    def test_the_clock_goes_on_over_a_reboot(self) -> None:
        later = State(stamp=Stamp(1e9, 1e6), boot="another", shift=0.0).timeline().stamp()
        assert later.mono > 1e6


class TestExposition:
    @pytest.mark.parametrize("state", [FULL, State()], ids=["full", "empty"])
    def test_prometheus_reads_it(self, state: State) -> None:
        text = Exported(state, present=True, age=5.0, own=Own(1.0, 2.0), version="1").openmetrics()
        families = {one.name: one for one in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
        assert all(one.documentation for one in families.values())
        verdicts = {s.labels["aging_guard_verdict"]: s.value for s in families["aging_guard_verdict"].samples}
        assert sum(verdicts.values()) == 1
        if state is FULL:
            assert verdicts["growing"] == 1
            rates = {s.labels["bound"]: s.value for s in families["aging_guard_rate_per_hour"].samples}
            assert rates == {"estimate": 3.0, "lower": 2.0, "upper": 4.0}
            times = {s.labels["bound"]: s.value for s in families["aging_guard_exhaustion_seconds"].samples}
            assert times == {"earliest": 100.0, "expected": 200.0}
            assert (
                families["aging_guard_info" if "aging_guard_info" in families else "aging_guard"]
                .samples[0]
                .labels["target"]
                == state.target
            )

    def test_the_same_for_people(self) -> None:
        text = "\n".join(Exported(FULL, present=True, age=5.0, own=Own(1.0, 2.0)).plain())
        assert "3 helped" in text
        assert "4 budget" in text
        assert "ALARM" in text


class TestUnit:
    def test_a_command_that_systemd_reads(self) -> None:
        text = unit(
            ["--name", "vllm serve", "--limit", "80%", "--action", "systemctl restart x"], "process vllm serve", "vllm"
        )
        lines = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
        assert lines["Type"] == "notify"
        assert lines["ExecStart"].endswith(
            'guard --name "vllm serve" --limit 80%% --action "systemctl restart x" --state /var/lib/aging-guard/vllm'
        )
        assert lines["Restart"] == "on-failure"
        assert lines["RestartPreventExitStatus"] == "2"
        assert "WatchdogSec" in lines
