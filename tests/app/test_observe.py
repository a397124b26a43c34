"""The campaign file of an observation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from aging.app.observe import observation
from aging.campaign.load import parse_campaign
from aging.deployments.origins.attached import Whereabouts
from aging.runner.catalogue import Catalogue


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
