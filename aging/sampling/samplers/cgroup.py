"""Control groups, v1 and v2: the memory, the limit, the out-of-memory kills and the throttling of their processes.

A group's figures contain those of the groups below it. They belong to one
deployment only where no other watched process runs in its group; where several do, they are
read once, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aging.core.records import HARNESS, Reading
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler, ended_message
from aging.sampling.control_groups import V1_UNLIMITED, Group, Mount, group_of, read_mounts, upwards
from aging.sampling.kernel_files import Answer, Question, answered, keyed, number

_NO_LIMIT = "no limit is set"


@dataclass(slots=True)
class _Draft:
    """A reading while it is put together."""

    generation: int
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def _v2_limit(group: Group) -> Iterable[Answer]:
    """The least limit from the group upwards: a process here meets the least of them first."""
    limits = []
    for folder in upwards(group):
        if (folder / "memory.max").exists():  # not in the root of all
            text = (folder / "memory.max").read_text().strip()
            limits += [] if text == "max" else [float(text)]
    return [min(limits, default=_NO_LIMIT)]


def _v1_memory(group: Group) -> Iterable[Answer]:
    *sizes, limit = keyed(
        group.folder / "memory.stat",
        "total_rss",
        "total_cache",
        "total_shmem",
        "total_swap",
        "hierarchical_memory_limit",
    )
    return [*sizes, limit if isinstance(limit, str) or limit < V1_UNLIMITED else _NO_LIMIT]


def _throttling(name: str, per_second: float, group: Group) -> Iterable[Answer]:
    throttled, *periods = keyed(group.folder / "cpu.stat", name, "nr_throttled", "nr_periods")
    return [throttled if isinstance(throttled, str) else throttled / per_second, *periods]


_THROTTLING = (
    "cgroup_cpu_throttled_seconds_total",
    "cgroup_cpu_throttled_periods_total",
    "cgroup_cpu_periods_total",
)

_QUESTIONS: Mapping[tuple[str, int], tuple[Question[Group], ...]] = {
    ("memory", 2): (
        Question(("cgroup_memory_usage_bytes",), lambda group: [number(group.folder / "memory.current")]),
        Question(
            ("cgroup_memory_anon_bytes", "cgroup_memory_file_bytes", "cgroup_memory_shmem_bytes"),
            lambda group: keyed(group.folder / "memory.stat", "anon", "file", "shmem"),
        ),
        Question(("cgroup_memory_swap_bytes",), lambda group: [number(group.folder / "memory.swap.current")]),
        Question(("cgroup_memory_limit_bytes",), _v2_limit),
        Question(("cgroup_oom_kills_total",), lambda group: keyed(group.folder / "memory.events", "oom_kill")),
    ),
    ("memory", 1): (
        Question(("cgroup_memory_usage_bytes",), lambda group: [number(group.folder / "memory.usage_in_bytes")]),
        Question(
            (
                "cgroup_memory_anon_bytes",
                "cgroup_memory_file_bytes",
                "cgroup_memory_shmem_bytes",
                "cgroup_memory_swap_bytes",
                "cgroup_memory_limit_bytes",
            ),
            _v1_memory,
        ),
        Question(("cgroup_oom_kills_total",), lambda group: keyed(group.folder / "memory.oom_control", "oom_kill")),
    ),
    ("cpu", 2): (Question(_THROTTLING, lambda group: _throttling("throttled_usec", 1e6, group)),),
    ("cpu", 1): (Question(_THROTTLING, lambda group: _throttling("throttled_time", 1e9, group)),),
}

_CONTROLLERS = ("memory", "cpu")


class CgroupSampler(Sampler):
    """One reading a deployment, and one of the harness, whose main process is in a group other than the root.

    A group that several of them share is read once: as the harness's where it is among
    them, else under the harness as ``cgroup-a+b``; theirs is missing with the reason.
    """

    kind = "cgroup"
    default_interval = 5.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._mounts: Sequence[Mount] | None = None

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            return None if read_mounts() else "no control group file system is mounted"
        except FileNotFoundError:
            return "there is no /proc here"

    def read(self) -> Iterable[Reading]:
        if self._mounts is None:
            self._mounts = read_mounts()
        mains: dict[str, Target] = {}
        for target in self.targets():
            mains.setdefault(target.owner, target)
        drafts: dict[tuple[str, str], _Draft] = {}
        places = {owner: _places(main, self._mounts) for owner, main in mains.items()}
        seen = [owner for owner, place in places.items() if any(where is not None for where in place.values())]
        for owner in seen:
            drafts[owner, "cgroup"] = _Draft(mains[owner].generation)
        for controller in _CONTROLLERS:
            shared: dict[Group, list[str]] = {}
            for owner in seen:
                where = places[owner][controller]
                if isinstance(where, Group):
                    shared.setdefault(where, []).append(owner)
                else:
                    reason = f"it is in the root group of the {controller} controller" if where is None else where
                    drafts[owner, "cgroup"].missing[f"cgroup_{controller}"] = reason
            for group, owners in shared.items():
                _read_group(controller, group, owners, drafts)
        return [
            Reading(owner, entity, draft.generation, draft.values, draft.missing)
            for (owner, entity), draft in drafts.items()
        ]


def _read_group(controller: str, group: Group, owners: Sequence[str], drafts: dict[tuple[str, str], _Draft]) -> None:
    """Put a group's values into the reading of their owner."""
    holder = _holder(owners)
    draft = drafts.setdefault(holder, _Draft(1))
    values, missing = answered(_QUESTIONS[controller, group.version], group)
    draft.values.update(values)
    draft.missing.update(missing)
    for owner in owners:
        if (owner, "cgroup") != holder:
            others = ", ".join(other for other in owners if other != owner)
            reason = f"group {group.path} is also that of {others}; read as {holder[1]} of {holder[0]}"
            drafts[owner, "cgroup"].missing[f"cgroup_{controller}"] = reason


def _holder(owners: Sequence[str]) -> tuple[str, str]:
    """The owner and the entity of a group that all of ``owners`` run in."""
    if len(owners) == 1:
        return owners[0], "cgroup"
    return HARNESS, "cgroup" if HARNESS in owners else f"cgroup-{'+'.join(owners)}"


def _places(target: Target, mounts: Sequence[Mount]) -> Mapping[str, Group | str | None]:
    """By controller the group of the target's main process, None for the root group, or why it cannot be seen."""
    pid = target.pids[0]
    try:
        return {controller: group_of(pid, controller, mounts) for controller in _CONTROLLERS}
    except (FileNotFoundError, ProcessLookupError):
        return dict.fromkeys(_CONTROLLERS, ended_message(target))
    except PermissionError:  # /proc mounted with hidepid
        return dict.fromkeys(_CONTROLLERS, f"pid {pid}: permission denied")
