"""Does your LLM serving system age? How fast, of what, and when must it be restarted?

``aging.load_results(path)`` opens a result directory, ``aging.trend(series)`` judges any series, ``aging.run(file)``
runs a campaign, ``aging.analyze(path)`` rebuilds what was found and ``aging.compare([old, new])`` puts campaigns
side by side; docs/api.md has an example of each.
``aging.stats`` is the statistics as a library of its own, ``aging.testing`` checks plug-ins.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as of typing, whose import would take half of that of this package
if TYPE_CHECKING:
    from typing import Any

    from aging.api import (
        Comparison,
        Results,
        Study,
        TrendResult,
        analyze,
        compare,
        load_results,
        load_study,
        open_results,
        run,
        trend,
    )
    from aging.core.errors import AgingError

__all__ = [
    "AgingError",
    "Comparison",
    "Results",
    "Study",
    "TrendResult",
    "analyze",
    "compare",
    "load_results",
    "load_study",
    "open_results",
    "run",
    "trend",
]

_MODULES = ("stats", "testing")


def __getattr__(name: str) -> Any:
    # Loaded on first use: the load client and the reference server import this package and must stay small.
    from importlib import import_module  # noqa: PLC0415

    if name in __all__:
        return getattr(import_module("aging.api"), name)
    if name in _MODULES:
        return import_module(f"aging.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, *_MODULES])
