"""The examples in the docstrings of public functions are true."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from types import ModuleType

import pytest

import aging
import aging.stats
import aging.testing

PUBLIC = {
    value
    for module in (aging, aging.stats, aging.testing)
    for name in module.__all__
    if inspect.isfunction(value := getattr(module, name)) or inspect.isclass(value)
}
MODULES = sorted({value.__module__ for value in PUBLIC if value.__module__.startswith("aging.")})
LEAST = 15
"""Public functions that have examples."""


def examples(module: ModuleType) -> list[doctest.DocTest]:
    return [one for one in doctest.DocTestFinder(exclude_empty=True).find(module) if one.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    for one in examples(import_module(name)):
        out: list[str] = []
        runner.run(one, out=out.append)
        assert out == []


def test_public_functions_have_examples() -> None:
    assert sum(len(examples(import_module(name))) for name in MODULES) >= LEAST
