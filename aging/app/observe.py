"""The campaign file of ``aging observe``: one attached process and no load."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import aging.deployments.runtimes
from aging.campaign.load import CampaignText
from aging.core.errors import AttachError
from aging.core.format import readable_duration
from aging.core.plugins import discover
from aging.core.quantities import parse_duration
from aging.deployments.base import DeploymentBase
from aging.deployments.origins.attached import Attached, LoadStart, Whereabouts, loaded_before
from aging.deployments.origins.observed_process import ObservedProcess
from aging.deployments.origins.process_search import SHELLS, WRAPPERS
from aging.findings.asked import AS_IN_CAMPAIGN, Asked
from aging.sampling.samplers.footprint import FootprintSampler

_POINTS = 240
"""Grid cells of an observation: enough for every statistic, few enough for several samples per cell."""

_LONGEST_CELL = 60

_FOOTPRINTS = 20
"""Readings of memory by kind that a short observation has at least; a long one has more, at the default interval."""

_SHORTEST_INTERVAL = 2

_TICKS = ((3600, 3), (1200, 2))
"""From how many seconds on the samplers of every second read every so many."""

_TICKING = ("process", "device")

_RETURNS_WITHIN = "10m"
"""How long the next process is waited for: the longest pause of Kubernetes between two restarts is 5 minutes."""

_THIS_HOST = frozenset(("localhost", "127.0.0.1", "::1", "0.0.0.0"))

_STARTS_ANOTHER = re.compile(
    rf"(python|pypy|node|ruby|perl)[\d.]*|{'|'.join(map(re.escape, sorted(WRAPPERS | SHELLS)))}|[\d.]+[smhd]?|\w+=.*"
)
"""Words of a command line before the program that it is about."""


def observation(  # noqa: PLR0913, PLR0917 - the options of a command
    whereabouts: Whereabouts,
    duration: str,
    metrics: str | None = None,
    load_start: LoadStart = "process",
    asked: Asked = AS_IN_CAMPAIGN,
    label: str | None = None,
) -> CampaignText:
    """The text of the campaign; ``label`` names it.

    Raises AttachError if no such process runs or its metrics cannot be read, ValueError for an invalid duration.
    """
    name = _slug(label) if label else _name(Attached(whereabouts, load_start).command, whereabouts)
    observed = str(whereabouts.observed())
    seconds = parse_duration(duration)
    grid = min(max(round(seconds / _POINTS), 1), _LONGEST_CELL)
    value = int(whereabouts.value) if whereabouts.by == "pid" else whereabouts.value
    lines = [
        f"name = {_toml(name)}",
        f"description = {_toml(f'{label}: {observed}' if label else observed)}",
        f"duration = {_toml(duration)}",
        "seed = 0",
        "",
        "[load]",
        'kind = "none"',
        "",
        "[[deployment]]",
        f"name = {_toml(name)}",
        'kind = "attach"',
        f"{whereabouts.by} = {_toml(value)}",
        f"load_start = {_toml(load_start)}",
        *([f"returns_within = {_toml(_RETURNS_WITHIN)}"] if whereabouts.returns else []),
        *([] if metrics is None else _metrics_lines(metrics)),
        "",
        # What was seen of a process that died is judged as far as it goes.
        "[validity]",
        "least = 0.0",
        "",
        "[analysis]",
        f"grid = {_toml(f'{grid}s')}",
        *_asked_lines(asked),
        *_sampling_lines(seconds, metrics),
    ]
    return CampaignText("\n".join(lines) + "\n", f"aging observe, {whereabouts}")


def doubts(observed: ObservedProcess, metrics: str | None, load_start: LoadStart) -> Iterator[str]:
    """What was given and does not fit the process, one sentence each."""
    if metrics is not None and observed.ports:
        url = urlsplit(metrics)
        port = url.port or {"https": 443}.get(url.scheme, 80)
        if url.hostname in _THIS_HOST and port not in observed.ports:
            own = ", ".join(map(str, observed.ports))
            yield f"--metrics: the process listens on {own}, not on {port}: these may be the metrics of another one"
    before = loaded_before(load_start)
    if math.isfinite(before) and before > observed.age:
        yield (
            f"--load-start: {load_start} ago there was no such process, it is {readable_duration(observed.age)} old; "
            "its own start counts"
        )


def _sampling_lines(seconds: float, metrics: str | None) -> Iterator[str]:
    """A short observation reads memory by kind and metrics more often, a long one everything less often."""
    intervals: dict[str, int | None] = dict.fromkeys(
        _TICKING, next((tick for least, tick in _TICKS if seconds >= least), None)
    )
    between = max(round(seconds / _FOOTPRINTS), _SHORTEST_INTERVAL)
    intervals[FootprintSampler.kind] = between if between < FootprintSampler.default_interval else None
    if metrics is not None:
        intervals |= _scrapes(max(round(seconds / _POINTS), 1))
    lines = [f"{kind} = {_toml(f'{interval}s')}" for kind, interval in intervals.items() if interval is not None]
    if lines:
        yield from ("", "[sampling]", *lines)


def _scrapes(between: int) -> Mapping[str, int | None]:
    from aging.sampling.samplers.engine import EngineSampler  # noqa: PLC0415 - 8 MB, where there are metrics

    return {EngineSampler.kind: between if between < EngineSampler.default_interval else None}


def _asked_lines(asked: Asked) -> Iterator[str]:
    if asked.horizon is not None:
        yield f"horizon = {_toml(f'{asked.horizon:.0f}s')}"
    if asked.memory_limit is not None:
        yield f"memory_limit = {_toml(f'{asked.memory_limit:.0f}B')}"


def _metrics_lines(url: str) -> list[str]:
    from aging.core.http import HTTPError  # noqa: PLC0415 - 8 MB, where there are metrics
    from aging.sampling.samplers.engine import client, recognised, scrape  # noqa: PLC0415

    try:
        with client() as http:
            scraped = scrape(http, url)
    except HTTPError as error:
        raise AttachError(
            f"No Prometheus metrics at {url}: {str(error).splitlines()[0] or type(error).__name__}"
        ) from None
    except ValueError:
        raise AttachError(
            f"No Prometheus metrics at {url}: its answer is in another format. The usual path is /metrics"
        ) from None
    known = {
        kind: plugin.engine_metrics for kind, plugin in discover(aging.deployments.runtimes, DeploymentBase).items()
    }
    engine = recognised(scraped, known)
    return [f"metrics = {_toml(url)}", *([] if engine is None else [f"engine = {_toml(engine)}"])]


def _name(command: tuple[str, ...], whereabouts: Whereabouts) -> str:
    """A short name: that of the container or control group, else of the script, else of the program."""
    if whereabouts.by in ("container", "cgroup"):
        name = whereabouts.value.rstrip("/").rpartition("/")[2].removesuffix(".service").removesuffix(".scope")
    else:
        programs = [part.rpartition("/")[2] for part in command if not part.startswith("-")]
        while len(programs) > 1 and _STARTS_ANOTHER.fullmatch(programs[0]):
            del programs[0]
        name = (programs or ["process"])[0].removesuffix(".py")
    return _slug(name)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "process"


def _toml(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False)
