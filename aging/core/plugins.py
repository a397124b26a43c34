"""Discovery of plug-ins: one file in a plug-in folder, or one entry point of another distribution.

A plug-in is a subclass of the folder's base contract, or an instance of it,
with a ``kind``; its file needs no registration anywhere. A fault of another distribution's plug-in costs that plug-in
alone, and is a warning of the logger ``aging``: a line on standard error, unless logging is configured otherwise.
"""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from multiprocessing import parent_process
from types import MappingProxyType, ModuleType
from typing import Any

from aging.core.errors import PluginError

_FORMER_GROUPS = {
    "aging.runtimes": "aging.deployments",
    "aging.arrivals": "aging.load.arrivals",
    "aging.lengths": "aging.load.lengths",
    "aging.traces": "aging.load.traces",
    "aging.trend_tests": "aging.trends.tests",
    "aging.report_sections": "aging.report.sections",
}
"""Entry-point groups by the names that 0.1 read. They stay as they are wherever modules move, and go after 0.2."""


@cache
def discover(package: ModuleType, base: type) -> Mapping[str, Any]:
    """Map ``kind`` to plug-in for every file of ``package``, then every entry point in the ``ENTRY_POINT_GROUP`` beside ``base``.

    Looked for once a process. Raises PluginError where two are of one kind and neither is built in.
    """
    found = _built_in(package, base)
    homes = dict.fromkeys(found, "")
    for point, thing in _installed(import_module(base.__module__).ENTRY_POINT_GROUP, base):
        name = _described(point)
        home = homes.setdefault(thing.kind, name)
        if not home:
            known = found[thing.kind]
            own = known.__module__ if isinstance(known, type) else package.__name__
            _warn(f"{name} is left out: its kind {thing.kind!r} is that of a built-in plug-in ({own}); rename it")
        elif found.setdefault(thing.kind, thing) is not thing:
            raise PluginError(f"{home} and {name} are both of kind {thing.kind!r}; uninstall one, or rename its kind")
    return MappingProxyType(dict(sorted(found.items())))


def _built_in(package: ModuleType, base: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    homes: dict[str, str] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{info.name}")
        for thing in vars(module).values():
            if not _is_plugin(thing, base) or _home(thing, module) != module.__name__:
                continue
            home = homes.setdefault(thing.kind, module.__name__)
            if found.setdefault(thing.kind, thing) is not thing:
                raise PluginError(f"{home} and {module.__name__} are both of kind {thing.kind!r}; rename one")
    return found


def _installed(group: str, base: type) -> Iterator[tuple[EntryPoint, Any]]:
    """The plug-ins of other distributions that can be used, each with the entry point that names it."""
    for point in _points(group):
        try:
            thing = point.load()
        except Exception as error:  # noqa: BLE001 - an import runs code of others: any error may come of it
            _warn(f"{_described(point)} is left out, since its import failed: {type(error).__name__}: {error}")
            continue
        if _is_plugin(thing, base):
            yield point, thing
        else:
            _warn(f"{_described(point)} is left out: it is no {base.__name__} with a kind")


def _points(group: str) -> Iterator[EntryPoint]:
    present = _select(group)
    yield from present
    known = {(_distribution(point), point.value) for point in present}
    for point in _select(_FORMER_GROUPS.get(group, "")):
        if (_distribution(point), point.value) not in known:
            _warn(f"{_described(point)}: its entry-point group {point.group!r} is called {group!r} from aging 0.3 on")
            yield point


def _select(group: str) -> EntryPoints:
    selected: EntryPoints = _entry_points().select(group=group)
    return selected


@cache
def _entry_points() -> Any:  # EntryPoints from Python 3.12 on
    return entry_points()  # 4 ms for all groups at once, 3 ms for each


def _described(point: EntryPoint) -> str:
    return f"plug-in {point.name!r} of {_distribution(point)} ({point.value} in {point.group})"


def _distribution(point: EntryPoint) -> str:
    return "a distribution without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _warn(message: str) -> None:
    if parent_process() is None:  # a worker's parent has warned
        logging.getLogger("aging").warning("aging: %s", message)


def _is_plugin(thing: object, base: type) -> bool:
    if isinstance(thing, type):
        return issubclass(thing, base) and thing is not base and isinstance(getattr(thing, "kind", None), str)
    return isinstance(thing, base)


def _home(thing: object, module: ModuleType) -> str:
    return thing.__module__ if isinstance(thing, type) else module.__name__
