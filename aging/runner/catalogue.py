"""All plug-ins of this installation, by room and kind."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from aging.stats.trend_tests.base import TrendTest


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The plug-ins that a campaign can use, by kind."""

    deployments: Mapping[str, type[DeploymentBase[Any]]]
    arrivals: Mapping[str, type[Arrivals[Any]]]
    lengths: Mapping[str, type[Lengths[Any]]]
    samplers: Mapping[str, type[Sampler]]
    policies: Mapping[str, type[Policy[Any]]]

    @classmethod
    def discovered(cls) -> Catalogue:
        """The plug-ins of this installation."""
        return cls(
            deployments=discover(aging.deployments.runtimes, DeploymentBase),
            arrivals=discover(aging.load.arrivals, Arrivals),
            lengths=discover(aging.load.lengths, Lengths),
            samplers=discover(aging.sampling.samplers, Sampler),
            policies=discover(aging.rejuvenation, Policy),
        )

    @property
    def tests(self) -> Mapping[str, TrendTest]:
        """The trend tests, imported when they are asked for: what only measures needs none of them, nor scipy."""
        from aging.stats.trend_tests.base import TrendTest  # noqa: PLC0415

        return discover(aging.stats.trend_tests, TrendTest)

    def kinds(self) -> Kinds:
        """The kinds that a campaign file may name."""
        return Kinds(
            deployments={kind: plugin.options_table for kind, plugin in self.deployments.items()},
            arrivals={kind: plugin.options_table for kind, plugin in self.arrivals.items()},
            lengths={kind: plugin.options_table for kind, plugin in self.lengths.items()},
            policies={kind: plugin.options_table for kind, plugin in self.policies.items()},
            samplers=frozenset(self.samplers),
            tests=_TestKinds(self),
            presets=frozenset(PRESETS),
        )


class _TestKinds(Collection[str]):
    """The kinds of trend tests. A built-in one has its file's name, so that none is imported to find it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __contains__(self, kind: object) -> bool:
        return kind in self._files or kind in self._catalogue.tests

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue.tests)

    def __len__(self) -> int:
        return len(self._catalogue.tests)

    @cached_property
    def _files(self) -> frozenset[str]:
        names = {info.name for info in pkgutil.iter_modules(aging.stats.trend_tests.__path__)}
        return frozenset(names - {"base"})
