"""The rejuvenation table of a deployment, from a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aging.store.manifest import Manifest

NO_POLICY = "none"
"""Policy and table of a deployment that no table applies to."""


def table_of(manifest: Manifest, deployment: str) -> Mapping[str, Any] | None:
    """The table that applies to a deployment: the one it names, else the first that lists it or lists none."""
    tables, made = manifest.campaign.rejuvenation_tables, manifest.deployment(deployment)
    named = None if made is None else made.options.get("rejuvenation")
    if named is not None:
        return next((table for table in tables if label(table) == named), None)
    return next((table for table in tables if deployment in (table.get("deployments") or [deployment])), None)


def label(table: Mapping[str, Any] | None) -> str:
    """The name of a table."""
    return NO_POLICY if table is None else str(table.get("name") or table.get("policy"))


def policy(table: Mapping[str, Any] | None) -> str:
    """The kind of a table's policy."""
    return NO_POLICY if table is None else str(table.get("policy"))
