"""The optional parts of the installation: what each verb needs beside the base, and how to get it.

The base judges series: `trend`, `scan`, `observe`. ``pyproject.toml`` names the same packages as extras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from aging.core.errors import MissingPartError

DISTRIBUTION = "llm-aging"


@dataclass(frozen=True, slots=True)
class Part:
    """An extra of the distribution, and the modules that it brings; here each has the name of its package."""

    extra: str
    modules: tuple[str, ...]

    @property
    def installed(self) -> bool:
        return not self.missing()

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install '{DISTRIBUTION}[{self.extra}]'"

    def missing(self) -> Sequence[str]:
        """Its modules that are not installed."""
        return [name for name in self.modules if not _exists(name)]

    def require(self, what: str) -> None:
        """Raise MissingPartError unless it is installed; ``what`` needs it."""
        if missing := self.missing():
            raise MissingPartError(f"{what} needs {_listed(missing)}, not installed here: {self.command}")


REPORT = Part("report", ("jinja2", "matplotlib"))
"""The report as a page, and pictures."""

SEALED = Part("campaign", ("pyarrow",))
"""Rows in Parquet: hours that a campaign has sealed, and Parquet files of users."""

CAMPAIGN = Part("campaign", (*REPORT.modules, *SEALED.modules, "gguf", "statsmodels"))
"""Campaigns: servers and load of one's own, models, designed experiments, the gate."""

CLUSTER = Part("ray", (*CAMPAIGN.modules, "ray", "fsspec"))
"""Studies on many hosts, and analyses on a cluster."""

NOTEBOOKS = Part("notebooks", ("xarray",))
"""What notebooks use beside: results as an xarray Dataset."""


_BROUGHT = {"markupsafe": "jinja2"}
"""Modules that come with one of a part, by that one."""


def lacking(error: ModuleNotFoundError) -> MissingPartError | None:
    """What to say of a module that was not found; None where it is no optional part's, so that it is a defect."""
    module = (error.name or "").partition(".")[0]
    module = _BROUGHT.get(module, module)
    part = next((one for one in (REPORT, CAMPAIGN, CLUSTER) if module in one.modules), None)
    return None if part is None else MissingPartError(f"this needs {module}, not installed here: {part.command}")


@cache
def _exists(module: str) -> bool:
    return find_spec(module) is not None


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
