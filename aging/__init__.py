"""Does your LLM serving system age? How fast, of what, and when must it be rejuvenated?

``aging.open_results(path)`` gives a campaign's data as pandas frames;
``aging.stats`` is the statistics as a library of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aging.store.results import Results, open_results

__all__ = ["Results", "open_results"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the load client and the reference server import this package and must stay small.
    if name in __all__:
        from aging.store import results  # noqa: PLC0415

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
