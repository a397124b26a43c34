"""All plug-ins of this installation, by room and kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aging.deployments.runtimes
import aging.load.arrivals
import aging.load.lengths
import aging.rejuvenation
import aging.sampling.samplers
import aging.stats.trend_tests
from aging.campaign.load import Kinds
from aging.core.plugins import discover
from aging.deployments.base import DeploymentBase
from aging.deployments.models.gguf import PRESETS
from aging.load.arrivals.base import Arrivals
from aging.load.lengths.base import Lengths
from aging.rejuvenation.base import Policy
from aging.sampling.base import Sampler
from aging.stats.trend_tests.base import TrendTest


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The plug-ins that a campaign can use, by kind."""

    deployments: Mapping[str, type[DeploymentBase[Any]]]
    arrivals: Mapping[str, type[Arrivals[Any]]]
    lengths: Mapping[str, type[Lengths[Any]]]
    samplers: Mapping[str, type[Sampler]]
    policies: Mapping[str, type[Policy[Any]]]
    tests: Mapping[str, TrendTest]

    @classmethod
    def discovered(cls) -> Catalogue:
        """The plug-ins of this installation."""
        return cls(
            deployments=discover(aging.deployments.runtimes, DeploymentBase),
            arrivals=discover(aging.load.arrivals, Arrivals),
            lengths=discover(aging.load.lengths, Lengths),
            samplers=discover(aging.sampling.samplers, Sampler),
            policies=discover(aging.rejuvenation, Policy),
            tests=discover(aging.stats.trend_tests, TrendTest),
        )

    def kinds(self) -> Kinds:
        """The kinds that a campaign file may name."""
        return Kinds(
            deployments={kind: plugin.options_table for kind, plugin in self.deployments.items()},
            arrivals={kind: plugin.options_table for kind, plugin in self.arrivals.items()},
            lengths={kind: plugin.options_table for kind, plugin in self.lengths.items()},
            policies={kind: plugin.options_table for kind, plugin in self.policies.items()},
            samplers=frozenset(self.samplers),
            tests=frozenset(self.tests),
            presets=frozenset(PRESETS),
        )
