"""Extension by one new file: a deployment, a sampler, arrivals, lengths, a policy and a trend test, dropped in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import aging as package
from aging.store.results import open_results
from tests.conftest import result_directory

FILES = {
    "deployments/runtimes/slow_reference.py": """
from typing import Literal
from pydantic import Field
from aging.deployments.runtimes.reference import Reference, ReferenceOptions

class SlowOptions(ReferenceOptions):
    slowness: float = Field(1.0, description="how slow")

class SlowReference(Reference):
    kind = "slow-reference"
    options_table = SlowOptions
""",
    "sampling/samplers/tick.py": """
from aging.core.records import HARNESS, Reading
from aging.sampling.base import Sampler

class TickSampler(Sampler):
    kind = "tick"
    default_interval = 0.5

    def read(self):
        return [Reading(HARNESS, "tick", 1, {"tick_targets": float(len(self.targets()))})]
""",
    "load/arrivals/pairs.py": """
from itertools import count
from typing import Literal
import numpy as np
from aging.campaign.schema import ArrivalsOptions
from aging.load.arrivals.base import Arrivals

class PairsOptions(ArrivalsOptions):
    kind: Literal["pairs"]
    every: float

class Pairs(Arrivals):
    kind = "pairs"
    options_table = PairsOptions

    def times(self, draws):
        gap = round(self.options.every * 1e9)
        return (np.array([k * gap, k * gap]) for k in count(1))

    def mean_rate(self):
        return 2 / self.options.every

    def at_rate(self, rate):
        return self
""",
    "load/lengths/either.py": """
from typing import Literal
import numpy as np
from aging.campaign.schema import LengthsOptions
from aging.load.lengths.base import Lengths

class EitherOptions(LengthsOptions):
    kind: Literal["either"]
    one: int
    other: int

class Either(Lengths):
    kind = "either"
    options_table = EitherOptions

    def tokens(self, draws, count, traced):
        return np.where(draws.uniform(count) < 0.5, self.options.one, self.options.other)
""",
    "stats/trend_tests/coin.py": """
from aging.stats.trend_tests.base import TestResult, TrendTest

COIN = TrendTest("coin", lambda series: TestResult(s=0.0, var_s=1.0, z=0.0, p=0.5))
""",
    "rejuvenation/policies/waiting.py": """
from typing import Literal
from aging.campaign.schema import RejuvenationOptions
from aging.rejuvenation.base import Policy

class WaitingOptions(RejuvenationOptions):
    policy: Literal["waiting"]

class Waiting(Policy):
    kind = "waiting"
    options_table = WaitingOptions

    def decide(self, now):
        return None
""",
}


@pytest.mark.slow
def test_plugin_is_one_file(tmp_path: Path, campaign_file: Callable[..., Path]) -> None:
    copy = tmp_path / "copy" / "aging"
    shutil.copytree(Path(package.__file__).parent, copy)
    for name, text in FILES.items():
        (copy / name).write_text(text)
    file = campaign_file(duration="5s", warmup="1s", extra='[rejuvenation]\npolicy = "waiting"')
    changed = file.read_text().replace('{ kind = "poisson", rate = 30.0 }', '{ kind = "pairs", every = 0.1 }')
    changed = changed.replace('kind = "reference"', 'kind = "slow-reference"\nslowness = 2.0', 1)
    changed = changed.replace("{ median = 4, p95 = 8, min = 1, max = 16 }", '{ kind = "either", one = 3, other = 5 }')
    file.write_text(changed.replace("[sampling]", '[sampling]\ntick = "500ms"'))
    ran = subprocess.run(
        [sys.executable, "-m", "aging", "run", str(file)],
        env=os.environ | {"PYTHONPATH": str(copy.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = open_results(result_directory(tmp_path / "results"))
    assert results.manifest.deployments[0].kind == "slow-reference"
    assert results.samples("_harness", "tick")["tick_targets"].max() == 5
    scheduled = results.requests("clean")["scheduled"]
    assert (scheduled.sort_values().diff().dropna() < 1e-6).sum() == len(scheduled) // 2
    assert set(results.requests("clean")["output_tokens_asked"]) == {3, 5}
    findings = json.loads(results.layout.findings.read_text())["findings"]
    assert {finding["tests"]["coin"] for finding in findings if finding["n"] > 10} == {0.5}
