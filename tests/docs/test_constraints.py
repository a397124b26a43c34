"""``constraints.txt`` pins everything that the package and its extras need, so that two installations are alike."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PINNED = {
    canonicalize_name(name)
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
}


def require(requirement: Requirement, seen: set[tuple[str, str]]) -> set[str]:
    """The names that a requirement brings along, itself included, as far as they are installed here."""
    names: set[str] = {canonicalize_name(requirement.name)}
    for extra in ("", *sorted(requirement.extras)):
        if (key := (requirement.name, extra)) in seen:
            continue
        seen.add(key)
        try:
            below = requires(requirement.name) or []
        except PackageNotFoundError:
            continue
        for one in map(Requirement, below):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                names |= require(one, seen)
    return names


@pytest.mark.parametrize("extra", ["dev", "docs", "notebooks", "ray"])
def test_everything_that_is_needed_is_pinned(extra: str) -> None:
    assert require(Requirement(f"llm-aging[{extra}]"), set()) - PINNED == {"llm-aging"}
