"""The retry judge: a worker process that finds broken runs for the runner, which repeats them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aging.findings.run_validity import validity_of
from aging.store.results import open_results


def broken(asked: Mapping[str, Any]) -> list[Any]:
    """The broken runs among ``asked["runs"]`` (deployment, replica) of ``asked["root"]``, with the reasons."""
    results = open_results(asked["root"])
    runs = [validity_of(results, name, replica) for name, replica in asked["runs"]]
    return [[one.deployment, one.replica, list(one.reasons)] for one in runs if one.validity == "broken"]
