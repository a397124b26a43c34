"""Whether two measurements were made alike, so that their rates differ by the server alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.core.errors import Mistake, MistakeCode
from aging.store.manifest import Manifest

Facts = Mapping[str, Any]

_HOST = ("cpu", "machine", "cores", "memory_bytes", "kernel", "libc", "page_bytes", "transparent_hugepages")
_MEMORY_SHARE = 0.1
"""Virtual machines of one type differ by a few percent in what the kernel leaves them."""


def facts_of(manifest: Manifest, deployments: Sequence[str]) -> dict[str, Any]:
    """What a rate depends on beside the server: host, Python, load and seed, by names as in the manifest.

    Releases of the server's own packages are not among them: they are what is compared.
    """
    host = manifest.host.model_dump()
    campaign = manifest.campaign.model_dump(mode="json", by_alias=True)
    facts: dict[str, Any] = {f"host.{key}": host.get(key) for key in _HOST}
    facts |= {"python": manifest.python, "seed": manifest.seed, "scale": campaign["scale"]}
    facts["devices"] = [device.get("name") for device in manifest.devices]
    facts["load_files"] = [file.get("sha256") for file in manifest.load_files]
    facts |= dict(_leaves("load", campaign["load"]))
    for name in deployments:
        made = manifest.deployment(name)
        if made is not None:
            facts[f"deployment[{name}].kind"] = made.kind
            facts[f"deployment[{name}].rate"] = made.options.get("rate")
    return facts


def differences(stored: Facts, here: Facts) -> list[Mistake]:
    """The facts that make rates incomparable, one a mistake."""
    return [
        Mistake(key, f"{_said(stored.get(key))} there, {_said(here.get(key))} here", MistakeCode.CONFLICT)
        for key in dict.fromkeys((*here, *(key for key in stored if not key.startswith("deployment["))))
        if not _alike(key, stored.get(key), here.get(key))
    ]


def _alike(key: str, stored: Any, here: Any) -> bool:
    if key in ("host.kernel", "python"):
        parts = 1 if key == "host.kernel" else 2
        return str(stored).split(".")[:parts] == str(here).split(".")[:parts]
    if key == "host.memory_bytes" and isinstance(stored, int | float) and isinstance(here, int | float):
        return math.isclose(stored, here, rel_tol=_MEMORY_SHARE)
    return bool(stored == here)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values of nested tables by their key paths; what is not set is left out."""
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _leaves(f"{key}.{inner}", one)
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _leaves(f"{key}[{number}]", one)
    elif value is not None:
        yield key, list(value) if isinstance(value, tuple) else value


def _said(value: Any) -> str:
    return "not known" if value is None else str(value)
