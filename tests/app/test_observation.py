"""The campaign file that ``aging observe`` makes of its options."""

from __future__ import annotations

import subprocess
import sys

from aging.app.observe import observation
from aging.campaign.load import parse_campaign
from aging.deployments.origins.attached import Whereabouts
from aging.findings.asked import Asked
from aging.runner.catalogue import Catalogue


def test_limit_and_horizon() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        where = Whereabouts.given(pid=process.pid, process=None, container=None, cgroup=None)
        usual = observation(where, "1h").text
        asked = observation(where, "1h", asked=Asked(memory_limit=64 * 2.0**30, horizon=7 * 86_400.0)).text
        process.communicate(b"\n")
    kinds = Catalogue.discovered().kinds()
    table = parse_campaign(usual, kinds).analysis
    assert (table.horizon, table.memory_limit) == (30 * 86_400.0, None)
    table = parse_campaign(asked, kinds).analysis
    assert (table.horizon, table.memory_limit) == (7 * 86_400.0, 64 * 2**30)
