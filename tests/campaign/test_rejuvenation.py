"""Mistakes of `[rejuvenation]` tables, all at once, each with its key, a code and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from aging.campaign.load import parse_campaign
from aging.campaign.rejuvenation import known_limits, rejuvenated
from aging.core.errors import CampaignError, Mistake, PreflightError
from aging.core.metrics import PRIMARY
from aging.runner.catalogue import Catalogue
from aging.runner.preflight import check, notes
from aging.sampling.samplers.process import ProcessSampler
from tests.builders import GOOD, KINDS

TREND = '[rejuvenation]\npolicy = "trend"\nwithin = "2h"\n'
THRESHOLD = '[rejuvenation]\npolicy = "threshold"\nabove = 5\nindicator = "{}"\n'
OBJECTIVES = '[rejuvenation]\npolicy = "objectives"\n'
PERIODIC = '[rejuvenation]\npolicy = "periodic"\nevery = "1m"\n'
COST_OPTIMAL = (
    '[rejuvenation]\npolicy = "cost-optimal"\nindicator = "{}"\nlimit = "{}"\ncost_restart = 1\ncost_crash = 9\n'
)
WINDOW = '[rejuvenation]\npolicy = "window"\nbetween = ["02:00", "05:00"]\n'
WATCHED = (
    'name = "w"\nseed = 1\nduration = "3m"\nload = { kind = "none" }\n[[deployment]]\nname = "a"\nkind = "reference"\n'
)


def found(text: str) -> list[Mistake]:
    with pytest.raises(CampaignError) as caught:
        parse_campaign(text, KINDS)
    return list(caught.value.mistakes)


@pytest.mark.parametrize(
    ("table", "key", "code", "parts"),
    [
        (THRESHOLD.format("process_anon_swap_byte"), "indicator", "unknown-name", [repr(PRIMARY)]),
        (THRESHOLD.format("proces_fds"), "indicator", "unknown-name", ["'process_fds'"]),
        (THRESHOLD.format("engine_requests_waitin"), "indicator", "unknown-name", ["'engine_requests_waiting'"]),
        (THRESHOLD.format("memory"), "indicator", "unknown-name", [PRIMARY]),
        (THRESHOLD.format("host_memory_free_bytes"), "indicator", None, ["host_memory_free_bytes"]),
        (THRESHOLD.format("host_memory_available_bytes"), "indicator", "conflict", [PRIMARY]),
        (THRESHOLD.format("client_ttft_seconds"), "indicator", "conflict", [PRIMARY]),
        (THRESHOLD.format("allocator_in_use_bytes"), "indicator", "conflict", ["allocator_probe = true"]),
        (THRESHOLD.format("process_fds").replace("5", '"80MiB"'), "above", "invalid-value", ["process_fds"]),
        (THRESHOLD.format("process_fds").replace("5", '"180%"'), "above", "invalid-value", ["180%"]),
        (THRESHOLD.format("process_fds").replace("5", "-5"), "above", "invalid-value", ["-5"]),
        (THRESHOLD.format("process_rss_bytes").replace("5", '"80%"'), "above", "conflict", ["process_rss_bytes"]),
        (TREND + 'indicator = "process_rss_bytes"', "limit", "conflict", ["process_rss_bytes"]),
        (TREND + 'action = "external"', "action", "conflict", ["command", "url"]),
        (TREND + 'action = "external"\nurl = "http://x/"\ncommand = ["y"]', "action", "conflict", ["both"]),
        (TREND + 'url = "http://x/"', "url", "conflict", ["external", "restart"]),
        (TREND + 'command = ["x"]', "command", "conflict", ["external"]),
        (PERIODIC + 'action_timeout = "5s"', "action_timeout", "conflict", ["restart", "ready_timeout"]),
        (PERIODIC.replace("1m", "1ms"), "every", "out-of-range", ["1ms"]),
        (PERIODIC + 'deployments = "a"', "deployments", "wrong-type", ["list"]),
        (PERIODIC + 'action = "external"\nurl = "http://"', "url", "invalid-value", ["http://"]),
        (TREND + "limit = 0", "limit", "invalid-value", ["2GiB"]),
        (OBJECTIVES + "slo_attainment = 0.9", "slo_attainment", "conflict", ["`objectives`", "[load]"]),
        (WINDOW + 'inner = { policy = "never" }', "inner", "invalid-value", ["never"]),
        (COST_OPTIMAL.format("process_fds", "2GiB"), "limit", "invalid-value", ["process_fds"]),
        (COST_OPTIMAL.format("process_rss_bytes", "80%"), "limit", "conflict", ["process_rss_bytes"]),
        (PERIODIC + 'distance = "2m"', "distance", "conflict", ["120 s", "60 s"]),
        (WINDOW + 'inner = { policy = "trend", within = "2h", limt = 5 }', "inner.limt", "unknown-key", ["'limit'"]),
        (WINDOW + 'inner = { policy = "tred" }', "inner.policy", "unknown-name", ["'trend'"]),
        (WINDOW + 'inner = { policy = "periodic" }', "inner.every", "missing-key", []),
        (WINDOW + 'inner = { policy = "trend", within = "2h", budget = 5 }', "inner", "invalid-value", ["budget"]),
        (
            WINDOW + 'inner = { policy = "threshold", above = 5, indicator = "process_fd" }',
            "inner.indicator",
            "unknown-name",
            ["'process_fds'"],
        ),
    ],
)
def test_mistake(table: str, key: str, code: str | None, parts: list[str]) -> None:
    mistakes = found(f"{GOOD}{table}")
    assert {mistake.where for mistake in mistakes} == {f"rejuvenation.{key}"}
    assert code is None or {str(mistake.code) for mistake in mistakes} == {code}
    assert all(part in mistakes[0].what for part in parts), mistakes[0].what


def test_a_faulty_table_hides_no_other_mistake() -> None:
    tables = (
        '[[rejuvenation]]\nname = "one"\npolicy = "threshold"\nindicator = "process_anon_swap_byte"\nabove = "2MiB"\n'
        '[[rejuvenation]]\nname = "two"\npolicy = "trend"\nwithin = "2h"\ndeployments = ["a"]\nurl = "http://x/"\n'
        '[[rejuvenation]]\nname = "three"\npolicy = "window"\nbetween = ["2:00", "05:00"]\n'
        'inner = { policy = "trend", within = "2h", limit = "120%" }\n'
    )
    keys = ("one].indicator", "two].url", "three].between", "three].inner.limit")
    assert {one.where for one in found(GOOD + tables)} == {f"rejuvenation[{key}" for key in keys}


def test_table_that_a_deployment_names() -> None:
    named = GOOD.replace("port = 18084", 'rejuvenation = "one"')
    (mistake,) = found(named)
    assert (mistake.where, mistake.code) == ("deployment[b].rejuvenation", "unknown-name")
    faulty = '[[rejuvenation]]\nname = "one"\npolicy = "periodic"\nevry = "1h"\n'
    assert {one.where for one in found(named + faulty)} == {"rejuvenation.every", "rejuvenation.evry"}


def test_action_not_offered() -> None:
    mistakes = found(f'{GOOD}{TREND}action = "sleep"\ndeployments = ["b"]')
    assert [one.where for one in mistakes] == ["rejuvenation.action"]
    offered = Catalogue.discovered().deployments["llama-cpp"].offers
    assert "sleep" not in offered
    assert all(part in mistakes[0].what for part in ("b (llama-cpp)", "restart", "replace", "external"))


def test_metric_that_one_engine_lacks() -> None:
    both = f"{GOOD}{OBJECTIVES}kv_cache_usage = 0.9\n"
    mistakes = [one for one in found(both) if "engine_kv_cache_usage_ratio" in one.what]
    assert {one.where for one in mistakes} == {"rejuvenation.kv_cache_usage"}


def test_all_at_once() -> None:
    tables = (
        '[[rejuvenation]]\nname = "one"\npolicy = "threshold"\nindicator = "process_fd"\nabove = 5\nurl = "http://x"\n'
        '[[rejuvenation]]\nname = "two"\npolicy = "trend"\nwithin = "2h"\nlimit = "3s"\n'
        '[[rejuvenation]]\nname = "three"\npolicy = "periodic"\nevery = "1m"\naction = "external"\n'
    )
    text = GOOD.replace("port = 18084", 'rejuvenation = "three"') + tables
    keys = ("two].limit", "one].indicator", "one].url", "three].action")
    assert {one.where for one in found(text)} == {f"rejuvenation[{key}" for key in keys}


@pytest.mark.parametrize(
    "table",
    [
        TREND,
        TREND + 'limit = "2GiB"',
        TREND + 'at_most = 50\naction = "external"\ncommand = ["systemctl", "restart", "x"]',
        THRESHOLD.format(PRIMARY).replace("5", '"80%"'),
        THRESHOLD.format("cgroup_memory_anon_bytes").replace("5", '"80%"'),
        THRESHOLD.format("engine_requests_running"),
        THRESHOLD.format("engine_llamacpp_a_metric_of_a_later_release"),
        THRESHOLD.format("client_ttft_p99_seconds").replace("5", '"2s"'),
        OBJECTIVES + 'ttft_p99 = "2s"\nclient_waiting = 5',
        WINDOW + 'inner = { policy = "trend", within = "2h" }',
        '[rejuvenation]\npolicy = "never"',
        PERIODIC + 'distance = "1m"',
    ],
)
def test_valid(table: str) -> None:
    assert len(rejuvenated(parse_campaign(f"{GOOD}{table}", KINDS))) == 2


def test_engines_own_metric_is_accepted() -> None:
    metrics = Catalogue.discovered().deployments["llama-cpp"].engine_metrics
    raw = next(iter(metrics.values())).raw[0]
    column = "engine_" + "".join(one if one.isalnum() or one == "_" else "_" for one in raw)
    table = THRESHOLD.format(column) + 'deployments = ["b"]'
    assert rejuvenated(parse_campaign(f"{GOOD}{table}", KINDS)).keys() == {"b"}
    assert found(f"{GOOD}{table.replace(column, column[:-1])}")[0].code == "unknown-name"


def test_no_client_without_a_load() -> None:
    mistakes = found(WATCHED + OBJECTIVES + 'ttft_p99 = "2s"')
    assert [(one.where, str(one.code)) for one in mistakes] == [("rejuvenation.ttft_p99", "conflict")]


def test_limit_of_the_file() -> None:
    campaign = parse_campaign(f'{GOOD}{TREND}[analysis]\nmemory_limit = "1GiB"', KINDS)
    assert known_limits(campaign) == {PRIMARY: 2**30}
    assert known_limits(parse_campaign(GOOD, KINDS)) == {}


def test_sampler_that_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(ProcessSampler, "unavailable", classmethod(lambda _: "there is no /proc here"))
    campaign = parse_campaign(f"{WATCHED}{THRESHOLD.format('process_fds')}", KINDS)
    with pytest.raises(PreflightError) as caught:
        check(campaign, Catalogue.discovered(), tmp_path, "file")
    assert [one.where for one in caught.value.mistakes] == ["rejuvenation.indicator"]
    assert "no /proc" in caught.value.mistakes[0].what


def test_idle_tables_are_noted() -> None:
    def of(tables: str) -> list[str]:
        return [one for one in notes(parse_campaign(f"{WATCHED}{tables}", KINDS), ()) if one.startswith("rejuv")]

    assert of(PERIODIC) == []
    assert len(of(PERIODIC.replace("1m", "1h"))) == 1
    assert len(of('[[rejuvenation]]\npolicy = "never"\n[[rejuvenation]]\npolicy = "trend"\nwithin = "2h"')) == 1
