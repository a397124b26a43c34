"""Whether two measurements were made alike, so that their rates differ by the server alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aging.core.errors import Mistake, MistakeCode
from aging.store.manifest import Load, Manifest

Facts = Mapping[str, Any]

_HOST = ("cpu", "machine", "cores", "memory_bytes", "kernel", "libc", "page_bytes", "transparent_hugepages")
_MEMORY_SHARE = 0.1
"""Virtual machines of one type differ by a few percent in what the kernel leaves them."""


def facts_of(manifest: Manifest, deployments: Sequence[str]) -> dict[str, Any]:
    """What a rate depends on beside the server: host, Python, load and seed, by names as in the manifest.

    Releases of the server's own packages are not among them: they are what is compared.
    """
    facts = host_facts(manifest) | {"python": manifest.python} | load_facts(manifest, manifest.campaign.load)
    for name in deployments:
        made = manifest.deployment(name)
        if made is not None:
            facts[f"deployment[{name}].kind"] = made.kind
            facts[f"deployment[{name}].rate"] = made.options.get("rate")
    return facts


def host_facts(manifest: Manifest) -> dict[str, Any]:
    """The host and its devices."""
    host = manifest.host.model_dump()
    facts: dict[str, Any] = {f"host.{key}": host.get(key) for key in _HOST}
    return facts | {"devices": [device.get("name") for device in manifest.devices]}


def load_facts(manifest: Manifest, load: Load | None) -> dict[str, Any]:
    """A load of the campaign: its keys, the seed, the scale, and the files that it is read from."""
    given = None if load is None else load.model_dump(mode="json", by_alias=True)
    files = [file.get("sha256") for file in manifest.load_files]
    facts = {"seed": manifest.seed, "scale": manifest.campaign.scale, "load_files": files}
    return facts | dict(leaves("load", given))


def differences(stored: Facts, here: Facts) -> list[Mistake]:
    """The facts that make rates incomparable, one a mistake."""
    return [
        Mistake(key, f"{said(stored.get(key))} there, {said(here.get(key))} here", MistakeCode.CONFLICT)
        for key in unlike(stored, here)
    ]


def unlike(stored: Facts, here: Facts) -> list[str]:
    """The keys of facts that differ by more than they may; a deployment that is only stored is not compared."""
    keys = dict.fromkeys((*here, *(key for key in stored if not key.startswith("deployment["))))
    return [key for key in keys if not _alike(key, stored.get(key), here.get(key))]


def _alike(key: str, stored: Any, here: Any) -> bool:
    if key in ("host.kernel", "python"):
        parts = 1 if key == "host.kernel" else 2
        return str(stored).split(".")[:parts] == str(here).split(".")[:parts]
    if key == "host.memory_bytes" and isinstance(stored, int | float) and isinstance(here, int | float):
        return math.isclose(stored, here, rel_tol=_MEMORY_SHARE)
    return bool(stored == here)


def leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values of nested tables by their key paths; what is not set is left out."""
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from leaves(f"{key}.{inner}", one)
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from leaves(f"{key}[{number}]", one)
    elif value is not None:
        yield key, list(value) if isinstance(value, tuple) else value


def said(value: Any) -> str:
    """A fact as text."""
    return "not known" if value is None else str(value)
