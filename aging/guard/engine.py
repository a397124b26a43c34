"""Which engine an address of metrics belongs to, and where it has the common ones (`engine_requests_waiting`).

Asked in a process of its own (:mod:`aging.core.worker`): every runtime's module is imported.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import aging.deployments.runtimes
from aging.core.http import HTTPError
from aging.core.plugins import discover
from aging.deployments.base import DeploymentBase
from aging.sampling.samplers.engine import client, recognised, scrape


def engine_metrics_at(url: str) -> dict[str, Any] | None:
    """The common metrics at ``url`` by name, as JSON values; empty of an unknown engine, None without an answer."""
    try:
        with client() as http:
            scraped = scrape(http, url)
    except (HTTPError, ValueError):
        return None
    plugins = discover(aging.deployments.runtimes, DeploymentBase)
    known = {kind: plugin.engine_metrics for kind, plugin in plugins.items()}
    kind = recognised(scraped, known)
    return {} if kind is None else {name: asdict(metric) for name, metric in known[kind].items()}
