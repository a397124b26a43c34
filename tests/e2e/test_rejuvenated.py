"""Real servers that are restarted and replaced under load, by a runner that is killed in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from aging.store.results import Results
from tests.e2e.processes import Started, marked, servers

pytestmark = pytest.mark.slow  # by parts: tests/runner/test_killed_rejuvenation.py; a restart: test_interrupted.py

_LONGEST_SECONDS = 6.0
"""A request in flight, and how long a load process without a runner goes on."""

_CAMPAIGN = """
schema = 1
name = "small"
seed = 7
duration = "10m"
orphan_grace = "5m"
[load]
arrivals = {{ kind = "poisson", rate = 20.0 }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 12, p95 = 16, min = 8, max = 16 }}
timeout = "20s"
drain = "20s"
[sampling]
process = "200ms"
[[rejuvenation]]
policy = "periodic"
every = "3s"
action = "{action}"
[[deployment]]
name = "leak"
kind = "reference"
leak_per_request = "16KiB"
token = "50ms"
"""

KILLED_AT = {"restart": "deployment_stopping", "replace": "load_redirected"}


@pytest.fixture(scope="module", params=KILLED_AT)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Results]]:
    """A runner that is killed in the middle of its third action, resumed, and interrupted after another one."""
    action = request.param
    folder = tmp_path_factory.mktemp(action)
    file = folder / "small.toml"
    file.write_text(_CAMPAIGN.format(action=action))
    with Started.of(folder, "run", file) as first:
        root = first.root
        first.until_event("rejuvenation_completed", 2)
        first.until_event(KILLED_AT[action], 3)
        first.kill()
        with Started.of(folder, "resume", root) as second:
            second.until_event("load_resumed")
            ended = len(second.events("rejuvenation_completed"))
            second.until_event("rejuvenation_completed", ended + 1)
            second.until(lambda: len(servers(root)) == 1, "two servers stay, or none")
            second.runner.send_signal(signal.SIGINT)
            assert second.ended() == 130, second.output()
            assert not marked(root), "a process is left"
            yield action, second.results


def test_every_start_and_every_rejuvenation_has_one_end(story: tuple[str, Results]) -> None:
    _, results = story
    kinds = [event.kind for event in results.events]
    ends = kinds.count("rejuvenation_completed") + kinds.count("rejuvenation_failed")
    assert kinds.count("rejuvenation_started") == ends >= 4
    begun = [event.details["generation"] for event in results.events if event.kind == "deployment_started"]
    over = [
        event.details["generation"]
        for event in results.events
        if event.kind in ("deployment_stopped", "deployment_died")
    ]
    assert sorted(begun) == sorted(over)
    assert len(set(begun)) == len(begun)


def test_requests_are_lost_to_the_absent_runner_alone(story: tuple[str, Results]) -> None:
    action, results = story
    requests = results.requests("leak")
    assert requests["index"].is_unique
    ((gone, back),) = [(e.details["gone_since"], e.stamp.mono) for e in results.events if e.kind == "campaign_resumed"]
    interrupt = next(event.stamp.mono for event in results.events if event.kind == "interrupt")
    lost = requests[requests["status"] != "ok"]
    absent = lost["finished"].between(gone - _LONGEST_SECONDS, back + _LONGEST_SECONDS)
    assert (absent | (lost["finished"] >= interrupt)).all(), lost.to_dict("records")
    assert len(requests) > 100
    assert requests["held"].any() == (action == "restart")


def test_what_it_did_is_measured(story: tuple[str, Results]) -> None:
    action, results = story
    done = [event for event in results.events if event.kind == "rejuvenation_completed"]
    measured = [event for event in done if "process_anon_swap_bytes_before" in event.details["figures"]]
    assert measured, "only a runner that has just begun has read nothing before"
    for event in measured:
        assert event.details["figures"]["warmup_steady"] in (0.0, 1.0)
        assert event.details["figures"]["process_anon_swap_bytes_after"] > 0
        assert event.details["stages"].keys() == {"drain", "stop", "start", "warm-up"}
    ports = {event.details["port"] for event in results.events if event.kind == "deployment_started"}
    assert (len(ports) > 1) == (action == "replace")


def test_generations_are_sampled_apart(story: tuple[str, Results]) -> None:
    _, results = story
    generations = results.samples("leak", "process").groupby("generation")["process_anon_swap_bytes"]
    level = generations.agg(["first", "last", "count"])
    level = level[level["count"] >= 10]
    assert len(level) >= 2
    assert (level["last"] > level["first"]).all()
