"""The campaign file of an observation."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aging.app.observe import doubts, observation
from aging.campaign.load import parse_campaign
from aging.core.errors import AttachError
from aging.deployments.origins.attached import Attached, Whereabouts
from aging.deployments.origins.observed_process import ObservedProcess
from aging.deployments.runtimes.attach import AttachOptions
from aging.runner.catalogue import Catalogue
from aging.sampling.samplers import engine


@pytest.fixture
def whereabouts() -> Iterator[Whereabouts]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield Whereabouts("pid", str(process.pid))


@pytest.mark.parametrize(
    ("duration", "interval"), [("20s", 2.0), ("2m", 6.0), ("10m", 30.0), ("20m", None), ("8h", None)]
)
def test_a_short_observation_reads_memory_by_kind_more_often(
    whereabouts: Whereabouts, duration: str, interval: float | None
) -> None:
    campaign = parse_campaign(observation(whereabouts, duration).text, Catalogue.discovered().kinds())
    assert campaign.sampling.get("footprint") == interval


def test_a_short_observation_scrapes_more_often(whereabouts: Whereabouts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "scrape", lambda _http, _url: {})
    kinds = Catalogue.discovered().kinds()
    for duration, interval in (("3m", 1.0), ("20m", 5.0), ("2h", None)):
        text = observation(whereabouts, duration, "http://127.0.0.1:1/metrics").text
        assert parse_campaign(text, kinds).sampling.get("engine") == interval


@pytest.mark.parametrize("given", ["process", "now", "3h"])
def test_the_start_of_load_is_in_the_campaign(whereabouts: Whereabouts, given: str) -> None:
    campaign = parse_campaign(observation(whereabouts, "20m", load_start=given).text, Catalogue.discovered().kinds())
    options = campaign.deployment[0]
    assert isinstance(options, AttachOptions)
    assert options.load_start == given


def test_no_load_before_the_process(whereabouts: Whereabouts) -> None:
    age = time.monotonic() - Attached(whereabouts, "process").born
    assert time.monotonic() - Attached(whereabouts, "3h").born == pytest.approx(age, abs=1.0)
    assert time.monotonic() - Attached(whereabouts, "now").born < 1.0
    with pytest.raises(ValueError, match="yesterday"):
        Attached(whereabouts, "yesterday")


def test_an_answer_that_is_no_metrics_is_not_shown(whereabouts: Whereabouts, monkeypatch: pytest.MonkeyPatch) -> None:
    def scraped(_http: object, _url: str) -> None:
        raise ValueError('Invalid labels: "status":"success"')

    monkeypatch.setattr(engine, "scrape", scraped)
    with pytest.raises(AttachError) as refused:
        observation(whereabouts, "3m", "http://127.0.0.1:1/api")
    assert "http://127.0.0.1:1/api" in str(refused.value)
    assert "success" not in str(refused.value)


SEEN = ObservedProcess(7, "server", 840.0, 1000, (8000, 8001))


@pytest.mark.parametrize(
    ("metrics", "load_start", "said"),
    [
        (None, "process", []),
        ("http://127.0.0.1:8001/metrics", "now", []),
        ("http://localhost:9000/metrics", "10m", ["--metrics"]),
        ("http://localhost/metrics", "process", ["--metrics"]),
        ("http://gateway:9000/metrics", "process", []),
        ("http://localhost:9000/metrics", "3d", ["--metrics", "--load-start"]),
    ],
)
def test_what_does_not_fit_the_process(metrics: str | None, load_start: str, said: list[str]) -> None:
    assert [one.partition(":")[0] for one in doubts(SEEN, metrics, load_start)] == said


def test_unseen_ports_are_no_doubt() -> None:
    assert list(doubts(replace(SEEN, ports=()), "http://localhost:9000/metrics", "process")) == []
