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
import aging.rejuvenation.policies
import aging.sampling.samplers
import aging.stats.trend_tests
from aging.campaign.load import Kinds
from aging.campaign.rejuvenation import Capability
from aging.core.metrics import engine_column
from aging.core.plugins import Plugins, discover
from aging.deployments.models.presets import PRESETS

if TYPE_CHECKING:
    from aging.campaign.schema import RejuvenationOptions, SubjectOptions
    from aging.deployments.base import DeploymentBase
    from aging.load.arrivals.base import Arrivals
    from aging.load.lengths.base import Lengths
    from aging.rejuvenation.base import Policy, Subject
    from aging.sampling.base import Sampler
    from aging.stats.trend_tests.base import TrendTest


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The plug-ins that a campaign can use, by kind; they are imported when they are asked for."""

    deployments: Mapping[str, type[DeploymentBase[Any]]]
    arrivals: Mapping[str, type[Arrivals[Any]]]
    lengths: Mapping[str, type[Lengths[Any]]]
    samplers: Mapping[str, type[Sampler]]
    policies: Mapping[str, type[Policy[Any]]]

    @classmethod
    def discovered(cls) -> Catalogue:
        """The plug-ins of this installation."""
        return cls(
            deployments=Plugins(aging.deployments.runtimes, "aging.deployments.base:DeploymentBase"),
            arrivals=Plugins(aging.load.arrivals, "aging.load.arrivals.base:Arrivals"),
            lengths=Plugins(aging.load.lengths, "aging.load.lengths.base:Lengths"),
            samplers=Plugins(aging.sampling.samplers, "aging.sampling.base:Sampler"),
            policies=Plugins(aging.rejuvenation.policies, "aging.rejuvenation.base:Policy"),
        )

    def complete(self) -> Catalogue:
        """The same with every plug-in imported, so that each that is left out is warned of. Raises PluginError."""
        for plugins in (self.deployments, self.arrivals, self.lengths, self.samplers, self.policies):
            len(plugins)
        return self

    def policy(self, options: RejuvenationOptions, subject: Subject) -> Policy[Any]:
        """A new policy of the table's kind."""
        return self.policies[options.policy](options, subject)

    def samplers_but(self, kinds: Collection[str]) -> Mapping[str, type[Sampler]]:
        """The samplers without those of these kinds, which are not imported."""
        if isinstance(self.samplers, Plugins):
            return self.samplers.without(kinds)
        return {kind: sampler for kind, sampler in self.samplers.items() if kind not in kinds}

    @property
    def tests(self) -> Mapping[str, TrendTest]:
        """The trend tests, imported when they are asked for: what only measures needs none of them, nor scipy."""
        from aging.stats.trend_tests.base import TrendTest  # noqa: PLC0415

        return discover(aging.stats.trend_tests, TrendTest)

    def kinds(self) -> Kinds:
        """The kinds that a campaign file may name."""
        return Kinds(
            deployments=_Tables(self.deployments),
            arrivals=_Tables(self.arrivals),
            lengths=_Tables(self.lengths),
            policies=_Tables(self.policies),
            samplers=self.samplers.keys(),
            tests=_TestKinds(self),
            presets=frozenset(PRESETS),
            capability=self.capability,
        )

    def capability(self, options: SubjectOptions) -> Capability:
        """What is known of a deployment before it starts."""
        deployment = self.deployments[options.kind](options, None)
        try:
            metrics = deployment.common_metrics()
        except KeyError:  # an unknown `engine`, which is a mistake of its own
            metrics = {}
        own = (engine_column(raw) for metric in metrics.values() for raw in metric.raw)
        return Capability(frozenset(deployment.offered()), frozenset((*metrics, *own)))


class _Tables(Mapping[str, Any]):
    """The option tables of plug-ins, by kind."""

    def __init__(self, plugins: Mapping[str, Any]) -> None:
        self._plugins = plugins

    def __getitem__(self, kind: str) -> Any:
        return self._plugins[kind].options_table

    def __contains__(self, kind: object) -> bool:
        return kind in self._plugins

    def __iter__(self) -> Iterator[str]:
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)


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
