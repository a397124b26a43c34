"""Discovery of plug-ins: one file in a plug-in folder, or one entry point of another distribution.

A plug-in is a subclass of the folder's base contract, or an instance of it,
with a ``kind``; its file needs no registration anywhere.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any


def discover(package: ModuleType, base: type) -> dict[str, Any]:
    """Map ``kind`` to plug-in for every file of ``package``, then every entry point in the group of its name."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{info.name}")
        for thing in vars(module).values():
            if _is_plugin(thing, base) and _home(thing, module) == module.__name__:
                found[thing.kind] = thing
    for point in entry_points(group=package.__name__):
        thing = point.load()
        if _is_plugin(thing, base):
            found[thing.kind] = thing
    return dict(sorted(found.items()))


def _is_plugin(thing: object, base: type) -> bool:
    if isinstance(thing, type):
        return issubclass(thing, base) and thing is not base and isinstance(getattr(thing, "kind", None), str)
    return isinstance(thing, base)


def _home(thing: object, module: ModuleType) -> str:
    return thing.__module__ if isinstance(thing, type) else module.__name__
