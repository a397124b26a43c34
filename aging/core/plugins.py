"""Discovery of plug-ins: one file in a plug-in folder, or one entry point of another distribution.

A plug-in is a subclass or an instance of the folder's base contract, with a ``kind``; its file is not registered
elsewhere. A plug-in of another distribution that cannot be loaded is left out, with a warning of the logger
``aging``: by default a line on standard error.
"""

from __future__ import annotations

import logging
import pkgutil
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from aging.core.errors import PluginError

_FORMER_GROUPS = {
    "aging.runtimes": "aging.deployments",
    "aging.arrivals": "aging.load.arrivals",
    "aging.lengths": "aging.load.lengths",
    "aging.traces": "aging.load.traces",
    "aging.trend_tests": "aging.trends.tests",
    "aging.report_sections": "aging.report.sections",
}
"""Entry-point groups of release 0.1 by their present names; read until 0.3."""


T = TypeVar("T")


class Plugins(Mapping[str, T]):
    """The plug-ins of a package by kind, imported when they are asked for; ``base`` is ``MODULE:CLASS``.

    A built-in plug-in whose file has the name of its kind is found by importing that file. All are imported to list
    them, or to find another one.
    """

    def __init__(self, package: ModuleType, base: str) -> None:
        self._package, self._base = package, base

    def __getitem__(self, kind: str) -> T:
        if self._has_file(kind):
            module = import_module(f"{self._package.__name__}.{kind.replace('-', '_')}")
            base = self._contract()
            for thing in vars(module).values():
                if _is_plugin(thing, base) and thing.kind == kind and _home(thing, module) == module.__name__:
                    return thing  # type: ignore[no-any-return]
        return self._all()[kind]

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and (self._has_file(kind) or kind in self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def without(self, kinds: Collection[str]) -> Mapping[str, T]:
        """All plug-ins but these, whose files are not imported."""
        left_out = frozenset(kind.replace("-", "_") for kind in kinds)
        found = discover(self._package, self._contract(), left_out)
        return {kind: plugin for kind, plugin in found.items() if kind not in kinds}

    def _has_file(self, kind: str) -> bool:
        """Whether it is built in: a kind has a dash where its file has an underscore."""
        files = {info.name for info in pkgutil.iter_modules(self._package.__path__)} - {"base"}
        return "_" not in kind and kind.replace("-", "_") in files

    def _all(self) -> Mapping[str, T]:
        return discover(self._package, self._contract())

    def _contract(self) -> type:
        module, _, name = self._base.partition(":")
        contract: type = getattr(import_module(module), name)
        return contract


@cache
def discover(package: ModuleType, base: type, left_out: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Map ``kind`` to plug-in for every file of ``package``, then every entry point of the group of ``base``.

    The group is ``ENTRY_POINT_GROUP`` in the module of ``base``. The files ``left_out`` are not imported. The result is
    cached per process.

    Raises PluginError if two plug-ins of other distributions have the same kind.
    """
    found = _built_in(package, base, left_out)
    homes = dict.fromkeys(found, "")
    for point, thing in _installed(import_module(base.__module__).ENTRY_POINT_GROUP, base):
        name = _described(point)
        home = homes.setdefault(thing.kind, name)
        if not home:
            known = found[thing.kind]
            own = known.__module__ if isinstance(known, type) else package.__name__
            _warn(f"{name} is left out: the built-in plug-in {own} has the same kind {thing.kind!r}; rename the kind")
        elif found.setdefault(thing.kind, thing) is not thing:
            raise PluginError(f"{home} and {name} both have kind {thing.kind!r}; uninstall one, or rename its kind")
    return MappingProxyType(dict(sorted(found.items())))


def _built_in(package: ModuleType, base: type, left_out: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    homes: dict[str, str] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name in left_out:
            continue
        module = import_module(f"{package.__name__}.{info.name}")
        for thing in vars(module).values():
            if not _is_plugin(thing, base) or _home(thing, module) != module.__name__:
                continue
            home = homes.setdefault(thing.kind, module.__name__)
            if found.setdefault(thing.kind, thing) is not thing:
                raise PluginError(f"{home} and {module.__name__} both have kind {thing.kind!r}; rename one")
    return found


def _installed(group: str, base: type) -> Iterator[tuple[EntryPoint, Any]]:
    """The loadable plug-ins of other distributions, each with its entry point."""
    for point in _points(group):
        try:
            thing = point.load()
        except Exception as error:  # noqa: BLE001 - an import runs third-party code, which can raise anything
            _warn(f"{_described(point)} is left out: its import failed with {type(error).__name__}: {error}")
            continue
        if _is_plugin(thing, base):
            yield point, thing
        else:
            _warn(f"{_described(point)} is left out: it is not a {base.__name__} with a kind")


def _points(group: str) -> Iterator[EntryPoint]:
    present = _select(group)
    yield from present
    known = {(_distribution(point), point.value) for point in present}
    for point in _select(_FORMER_GROUPS.get(group, "")):
        if (_distribution(point), point.value) not in known:
            _warn(f"{_described(point)}: entry-point group {point.group!r} is renamed; use {group!r} before aging 0.3")
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
    workers = sys.modules.get("multiprocessing.process")  # without it this is no worker
    if workers is None or workers.parent_process() is None:  # a worker's parent has warned
        logging.getLogger("aging").warning("aging: %s", message)


def _is_plugin(thing: object, base: type) -> bool:
    if isinstance(thing, type):
        return issubclass(thing, base) and thing is not base and isinstance(getattr(thing, "kind", None), str)
    return isinstance(thing, base)


def _home(thing: object, module: ModuleType) -> str:
    return thing.__module__ if isinstance(thing, type) else module.__name__
