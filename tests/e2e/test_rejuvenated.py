"""Real servers that are restarted and replaced under load, by a runner that is killed in the middle of both."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aging.core.processes.ownership import GENERATION_MARKER
from aging.store.results import Results
from tests.conftest import unused_port, wait_for
from tests.e2e.processes import PATIENCE_SECONDS, Started, marked, servers

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
drain = "5s"
[sampling]
process = "200ms"
[[rejuvenation]]
name = "again"
policy = "periodic"
every = "4s"
deployments = ["clean"]
[[rejuvenation]]
name = "beside"
policy = "periodic"
every = "4s"
deployments = ["leak"]
action = "replace"
[[deployment]]
name = "clean"
kind = "reference"
port = {port}
token = "50ms"
[[deployment]]
name = "leak"
kind = "reference"
leak_per_request = "16KiB"
token = "50ms"
"""


def names(root: Path) -> list[str]:
    """The deployments whose servers run, by the marks of their processes."""
    found = []
    for pid in servers(root):
        try:
            found.append(psutil.Process(pid).environ()[GENERATION_MARKER].split("/")[-4])
        except psutil.Error:
            continue
    return sorted(found)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    folder = tmp_path_factory.mktemp("rejuvenated")
    file = folder / "small.toml"
    file.write_text(_CAMPAIGN.format(port=unused_port()))
    with Started.of(folder, "run", file) as first:
        root = first.root
        first.until_event("rejuvenation_completed", 2, "clean")
        first.until_event("rejuvenation_completed", 2, "leak")
        redirects = len(first.events("load_redirected", "leak"))
        first.until_event("load_redirected", redirects + 1, "leak")
        first.kill()
        with Started.of(folder, "resume", root) as second:
            second.until_event("load_resumed", 2)
            wait_for(lambda: len(servers(root)) >= 2, "a server is missing", PATIENCE_SECONDS)
            stops = len(second.events("deployment_stopping", "clean"))
            second.until_event("deployment_stopping", stops + 1, "clean")
            second.kill()
            with Started.of(folder, "resume", root) as third:
                third.until_event("load_resumed", 4)
                third.until_event("rejuvenation_completed", len(third.events("rejuvenation_completed")) + 1)
                third.runner.send_signal(signal.SIGINT)
                assert third.ended() == 130, third.output()
                assert not marked(root), "a process is left"
                yield third.results


def test_every_rejuvenation_has_one_end(story: Results) -> None:
    for name in ("clean", "leak"):
        kinds = [event.kind for event in story.events if event.deployment == name]
        ends = kinds.count("rejuvenation_completed") + kinds.count("rejuvenation_failed")
        assert kinds.count("rejuvenation_started") == ends >= 2
        mine = [event for event in story.events if event.deployment == name]
        begun = [e.details["generation"] for e in mine if e.kind == "deployment_started"]
        over = [e.details["generation"] for e in mine if e.kind in ("deployment_stopped", "deployment_died")]
        assert sorted(begun) == sorted(over)
        assert len(set(begun)) == len(begun)


@pytest.mark.parametrize("name", ["clean", "leak"])
def test_requests_are_lost_to_the_absent_runner_alone(story: Results, name: str) -> None:
    requests = story.requests(name)
    assert requests["index"].is_unique
    absences = [(e.details["gone_since"], e.stamp.mono) for e in story.events if e.kind == "campaign_resumed"]
    interrupt = next(e.stamp.mono for e in story.events if e.kind == "interrupt")
    lost = requests[requests["status"] != "ok"]
    for at in lost["finished"]:
        absent = any(gone - _LONGEST_SECONDS < at < back + _LONGEST_SECONDS for gone, back in absences)
        assert absent or at >= interrupt, f"{at}: {lost[lost['finished'] == at].to_dict('records')}, {absences}"
    assert len(requests) > 100
    assert requests["held"].any() == (name == "clean")


def test_a_successor_listens_elsewhere_and_starts_low(story: Results) -> None:
    ports = [e.details["port"] for e in story.events if e.kind == "load_redirected"]
    assert len(set(ports)) >= 2
    rows = story.samples("leak", "process")
    level = rows.groupby("generation")["process_anon_swap_bytes"].agg(["first", "last", "count"])
    level = level[level["count"] >= 10]
    assert len(level) >= 2
    assert (level["last"] > level["first"]).all()


@pytest.mark.parametrize("name", ["clean", "leak"])
def test_what_it_did_is_measured(story: Results, name: str) -> None:
    done = [e for e in story.events if e.kind == "rejuvenation_completed" and e.deployment == name]
    measured = [e for e in done if "process_anon_swap_bytes_before" in e.details["figures"]]
    assert measured, "only a runner that has just begun has read nothing before"
    for event in measured:
        assert event.details["figures"]["warmup_steady"] in (0.0, 1.0)
        assert event.details["figures"]["process_anon_swap_bytes_after"] > 0
        assert event.details["stages"].keys() == {"drain", "stop", "start", "warm-up"}
