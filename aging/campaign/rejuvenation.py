"""Which `[rejuvenation]` table applies to which deployment, and the mistakes of both together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from aging.campaign.errors import suggestion
from aging.campaign.schema import Campaign, RejuvenationOptions, SubjectOptions
from aging.core.errors import Mistake, MistakeCode
from aging.core.kernel_limits import may_have_limit
from aging.core.metric_table import METRICS
from aging.core.metrics import DEVICE_MEMORY, LIVE_CLIENT, PRIMARY
from aging.core.targets import ENGINE_METRICS

_OF_A_DEPLOYMENT = ("process", "footprint", "allocator", "cgroup", "limits")
_OF_ITS_DEVICES = (DEVICE_MEMORY, "device_process_memory_limit_bytes")
_OFFERED = ("trim", "reset-caches", "sleep")
_STARTS = ("restart", "replace")
_ATTAINMENT = LIVE_CLIENT[0]
_MISSPELT = 0.9


@dataclass(frozen=True, slots=True)
class Capability:
    """What is known of a deployment before it starts.

    ``actions`` are those that its runtime offers, ``metrics`` the indicators of its engine that are known: common
    names, and columns of the engine's own. ``remedies`` are what to set for an action that is not offered, by action.
    """

    actions: Collection[str] = ()
    metrics: Collection[str] = ()
    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment with its capability."""

    options: SubjectOptions
    capability: Capability


def table_of(tables: Sequence[RejuvenationOptions], options: SubjectOptions) -> RejuvenationOptions | None:
    """The table that applies to a deployment: the one it names, else the first that lists it or lists none."""
    if options.rejuvenation is not None:
        return next((table for table in tables if table.label == options.rejuvenation), None)
    return next((table for table in tables if not table.deployments or options.name in table.deployments), None)


def rejuvenated(campaign: Campaign) -> dict[str, RejuvenationOptions]:
    """The table of every deployment that has one, by the deployment's name."""
    found = {options.name: table_of(campaign.rejuvenation, options) for options in campaign.deployment}
    return {name: table for name, table in found.items() if table is not None}


def known_limits(campaign: Campaign) -> dict[str, float]:
    """The limits that the file itself names, by indicator, for the policies."""
    limit = campaign.analysis.memory_limit
    return {} if limit is None else {PRIMARY: float(limit)}


def key_of(table: RejuvenationOptions, key: str, *, alone: bool) -> str:
    """How messages name a key of a table, the only one of the file or not."""
    return f"rejuvenation.{key}" if alone else f"rejuvenation[{table.label}].{key}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else of a campaign file the tables depend on.

    ``labels`` are the names of all its tables, also of those with mistakes. ``load``: the campaign sends one, with
    ``objectives``.
    """

    labels: Sequence[str]
    load: bool
    objectives: bool

    @property
    def live(self) -> Sequence[str]:
        """The indicators of the clients that are read while it runs."""
        if not self.load:
            return ()
        return [name for name in LIVE_CLIENT if self.objectives or name != _ATTAINMENT]


def rejuvenation_mistakes(
    tables: Sequence[RejuvenationOptions], candidates: Sequence[Candidate], around: Surroundings
) -> Iterator[Mistake]:
    """Mistakes of the tables by themselves and together with the deployments."""
    labels = around.labels
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        what = f"{label!r} is used {labels.count(label)} times; give each table a name of its own"
        yield Mistake("rejuvenation.name", what, MistakeCode.DUPLICATE_NAME)
    for options in (candidate.options for candidate in candidates):
        if options.rejuvenation is not None and options.rejuvenation not in labels:
            known = suggestion(options.rejuvenation, labels) if labels else "the file has no [rejuvenation] table"
            what = f"no [rejuvenation] table is named {options.rejuvenation!r}; {known}"
            yield Mistake(f"deployment[{options.name}].rejuvenation", what, MistakeCode.UNKNOWN_NAME)
    for table in tables:
        mine = [candidate for candidate in candidates if table_of(tables, candidate.options) is table]
        found = (
            *_of_itself(table),
            *_of_actions(table, mine),
            *(one for key, name in table.reads.items() for one in _of_indicator(key, name, mine, around)),
        )
        for key, what, code in dict.fromkeys(found):
            yield Mistake(key_of(table, key, alone=len(labels) == 1), what, code)


_Found = Iterator[tuple[str, str, MistakeCode]]


def _of_itself(table: RejuvenationOptions) -> _Found:
    external, hooks = table.action == "external", [key for key in ("command", "url") if getattr(table, key)]
    if external and len(hooks) != 1:
        given = "both are given" if hooks else "none is given"
        yield "action", f'"external" needs `command` or `url`, and {given}; give one of them', MistakeCode.CONFLICT
    if not external:
        for key in hooks:
            what = (
                f'belongs to action = "external", and the action is "{table.action}"; leave it out or change the action'
            )
            yield key, what, MistakeCode.CONFLICT
    if table.action in _STARTS and "action_timeout" in table.model_fields_set:
        what = (
            f'has no effect on action = "{table.action}", whose parts have limits of their own: `drain`, and the '
            "`stop_timeout` and `ready_timeout` of the deployment; leave it out"
        )
        yield "action_timeout", what, MistakeCode.CONFLICT
    life = table.shortest_life
    if life is not None and "distance" in table.model_fields_set and table.distance > life:
        what = (
            f"{table.distance:g} s is longer than the {life:g} s at which the policy ends a generation; leave it out, "
            "or make it shorter"
        )
        yield "distance", what, MistakeCode.CONFLICT
    for key, name in table.shares.items():
        if not may_have_limit(name):
            what = f"no limit of {name} can be read, so that a share of it is not known; write a level in its unit"
            yield key, what, MistakeCode.CONFLICT


def _of_actions(table: RejuvenationOptions, mine: Sequence[Candidate]) -> _Found:
    for candidate in mine:
        options, offered = candidate.options, sorted(candidate.capability.actions)
        if not options.owned and table.action in _STARTS:
            what = (
                f"the campaign does not start {options.name}, so it cannot restart it; name only other deployments, "
                'or use action = "external"'
            )
            yield "deployments", what, MistakeCode.CONFLICT
        if table.action in _OFFERED and table.action not in offered:
            of_all = [*offered, *(_STARTS if options.owned else ()), "external"]
            what = (
                f'{options.name} ({options.kind}) does not offer "{table.action}"; its actions are: {", ".join(of_all)}'
            )
            if (remedy := candidate.capability.remedies.get(table.action)) is not None:
                what += f". {remedy[0].upper()}{remedy[1:]}"
            yield "action", what, MistakeCode.CONFLICT


def _of_indicator(key: str, name: str, mine: Sequence[Candidate], around: Surroundings) -> _Found:
    for candidate in mine:
        options = candidate.options
        known = readable(candidate, around.live)
        if name in known:
            continue
        what = _why_unread(name, candidate, known, around)
        if what is not None:
            code = MistakeCode.UNKNOWN_NAME if what.startswith("unknown") else MistakeCode.CONFLICT
            yield key, what.replace("{name}", options.name), code


def readable(candidate: Candidate, live: Collection[str]) -> frozenset[str]:
    """The indicators that are known to be read of a deployment while it runs, with those of its clients, ``live``."""
    probed = getattr(candidate.options, "allocator_probe", False)
    sources = [source for source in _OF_A_DEPLOYMENT if source != "allocator" or probed]
    sampled = (metric.name for metric in METRICS if metric.source in sources)
    return frozenset((*sampled, *_OF_ITS_DEVICES, *live, *candidate.capability.metrics))


def _why_unread(name: str, candidate: Candidate, known: Collection[str], around: Surroundings) -> str | None:
    """Why an indicator is not read of a deployment, ``{name}``; None where it may be a metric of its engine."""
    options, sources = candidate.options, {metric.name: metric.source for metric in METRICS}
    if sources.get(name) == "allocator":
        return f"{name} is read of {{name}} only with allocator_probe = true; set that, or choose another indicator"
    if name in ENGINE_METRICS:
        has = sorted(one for one in candidate.capability.metrics if one in ENGINE_METRICS)
        return f"the metrics of {{name}} ({options.kind}) do not have {name}; they have: {', '.join(has) or 'none'}"
    if name in LIVE_CLIENT:  # and not read
        if around.load:
            why = "requests with objectives, and the load has none; add `objectives` to [load]"
        else:
            why = "the load, and this campaign sends none; choose another indicator"
        return f"{name} is read of {why}"
    if name in sources:
        return f"{name} is not read of a single deployment while it runs; choose one like {PRIMARY}"
    near = get_close_matches(name, known, n=1, cutoff=_MISSPELT)
    if name.startswith("engine_") and not (near and not name.startswith(near[0])):
        return None
    family = name.partition("_")[0]
    alike = [one for one in known if one.partition("_")[0] == family and not one.startswith("limit_")]
    return f"unknown indicator {name!r}; {suggestion(name, alike or [PRIMARY, 'process_fds', 'process_threads'])}"
