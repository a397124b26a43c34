"""A campaign with a baseline beside each judged deployment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from itertools import count
from typing import Any

Raw = Mapping[str, Any]

_OWN = ("name", "port", "slot", "baseline_of")
"""Keys that a baseline has values of its own for."""

_LONGEST_NAME = 64


def with_baselines(raw: Raw, baselines: Mapping[str, Raw]) -> dict[str, Any]:
    """The tables of a campaign file with one deployment more beside each that is in ``baselines``, by its name.

    The values are the tables of the baselines; name, ports and slot of their own are given to them. So both run side by
    side, from one start of load, with the same seed and so with equal requests. Rejuvenation tables that name a judged
    deployment name its baseline as well.
    """
    made = deepcopy(dict(raw))
    tables, names = [], {table["name"] for table in made["deployment"]}
    twins: dict[str, str] = {}
    for table in made["deployment"]:
        tables.append(table)
        name = table["name"]
        if name in baselines:
            twins[name] = _free_name(name, names)
            names.add(twins[name])
            kept = {key: value for key, value in deepcopy(dict(baselines[name])).items() if key not in _OWN}
            if isinstance(port := kept.get("metrics_port"), int):  # of Triton, which cannot choose one
                kept["metrics_port"] = port + 1
            tables.append({"name": twins[name], "baseline_of": name, **kept})
    made["deployment"] = tables
    given = made.get("rejuvenation", [])
    for policy in given if isinstance(given, list) else [given]:
        listed = policy.get("deployments", [])
        if listed:
            policy["deployments"] = [*listed, *(twins[name] for name in listed if name in twins)]
    return made


def _free_name(name: str, taken: Collection[str]) -> str:
    for number in count(1):
        suffix = "-baseline" if number == 1 else f"-baseline{number}"
        found = name[: _LONGEST_NAME - len(suffix)] + suffix
        if found not in taken:
            return found
    raise AssertionError("unreachable: count() does not end")
