"""What is known of reservations beside Ray's placement groups: since when, for which folder, and from where they are.

A group has a name alone. The rest is in the key-value store of the cluster's head, under the name of the group, and is
written before the group is made. Which drivers are connected is in Ray's table of jobs. All calls block.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import ray
from ray._private.state import jobs
from ray.experimental import internal_kv
from ray.util.placement_group import placement_group_table

from aging.study.fleet import AttemptKey, Held

_NAMESPACE = "aging"
_NAME = re.compile(r"(?P<study>[^/]+/[^/]+|[^/]+)/(?P<cell>[^/]+)/a(?P<number>\d{2,})")


@dataclass(frozen=True, slots=True)
class _Note:
    """``job`` is Ray's id of the driver that reserved it, or that has taken it over; ``pid`` the study's process.

    The driver is a child of that process: ended alone, it would be started again.
    """

    host: str
    since: float
    scratch: str
    job: str
    pid: int | None = None


def group_name(key: AttemptKey) -> str:
    """The name of an attempt's placement group, unique in the cluster."""
    return f"{key.study}/{key.cell}/a{key.number:02d}"


def note(name: str, host: str, scratch: str) -> None:
    """Note a reservation of this process, now."""
    _write(name, _Note(host, time.time(), scratch, _own_job(), os.getppid()))


def renew(name: str) -> None:
    """Note that a reservation is this process's now."""
    known = _read(name)
    if known is not None and known.job != (job := _own_job()):
        _write(name, replace(known, job=job, pid=os.getppid()))


def forget(name: str) -> None:
    """Remove what was noted."""
    internal_kv._internal_kv_del(name, namespace=_NAMESPACE)


def held(nodes: Mapping[str, str]) -> Sequence[Held]:
    """Every reservation of an attempt; ``nodes`` are the names of hosts by Ray's ids, also of those that are gone."""
    connected = {one["JobID"]: one["DriverIPAddress"] for one in _jobs() if not one["IsDead"]}
    found = []
    for group in placement_group_table().values():
        named = _NAME.fullmatch(group["name"])
        if named is None or group["state"] == "REMOVED":
            continue
        known = _read(group["name"])
        made = group["state"] == "CREATED"
        host = next((nodes[node] for node in group["bundles_to_node_id"].values() if node in nodes), "")
        resources: Mapping[str, float] = next(iter(group["bundles"].values()), {})
        found.append(
            Held(
                AttemptKey(named["study"], named["cell"], int(named["number"])),
                host if known is None else known.host,
                made,
                float(resources.get("CPU", 0.0)),
                float(resources.get("GPU", 0.0)),
                None if known is None else known.since,
                None if known is None else known.scratch,
                run_from := None if known is None else connected.get(known.job),
                known.pid if known is not None and run_from is not None else None,
            )
        )
    return sorted(found, key=lambda one: (one.key.study, one.key.cell, one.key.number))


def _jobs() -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = jobs()  # type: ignore[no-untyped-call]
    return found


def _own_job() -> str:
    return str(ray.get_runtime_context().get_job_id())


def _write(name: str, noted: _Note) -> None:
    internal_kv._internal_kv_put(name, json.dumps(asdict(noted)), namespace=_NAMESPACE)


def _read(name: str) -> _Note | None:
    content = internal_kv._internal_kv_get(name, namespace=_NAMESPACE)
    if content is None:
        return None
    try:
        return _Note(**json.loads(content))
    except (ValueError, TypeError):  # of another release
        return None
