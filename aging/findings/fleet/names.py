"""Names of subjects for people, from their labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from aging.findings.fleet.subjects import Line, owner

_CONTAINER = ("container", "container_name")
_POD = ("pod", "pod_name", "kubernetes_pod_name", "exported_pod")
_NAMESPACE = ("namespace", "kubernetes_namespace", "exported_namespace")
_GPU = ("gpu", "gpu_id", "gpu_uuid", "UUID", "uuid")
_HOST = ("Hostname", "hostname", "instance")
_NAMED = frozenset((*_CONTAINER, *_POD, *_NAMESPACE, *_GPU, *_HOST, "job", "name", "id", "groupname"))


def families(lines: Sequence[Line]) -> list[str]:
    """The process, container or GPU of each line: the family of false-discovery control.

    Replicas of one owner have the name of their last pod, a subject alone that of its owner.
    """
    replicas = Counter((line.entry.metric, tuple(sorted(line.identity.items()))) for line in lines)
    return [_family(line, replicas[line.entry.metric, tuple(sorted(line.identity.items()))] > 1) for line in lines]


def subjects(lines: Sequence[Line]) -> list[str]:
    """The names of the lines: the family, its own labels, and those others that tell the lines of one metric apart."""
    named = families(lines)
    of_metric: dict[str, list[Line]] = defaultdict(list)
    of_family: dict[str, list[Line]] = defaultdict(list)
    for name, line in zip(named, lines, strict=True):
        of_metric[line.entry.metric].append(line)
        of_family[name].append(line)
    telling = {metric: _telling(those) for metric, those in of_metric.items()}
    anywhere: frozenset[str] = frozenset().union(*telling.values())
    own = {name: _own(those, anywhere if len(of_family) > 1 else None) for name, those in of_family.items()}
    return [
        _with_labels(
            name, own[name] | {one: line.identity[one] for one in telling[line.entry.metric] & set(line.identity)}
        )
        for name, line in zip(named, lines, strict=True)
    ]


def _telling(lines: Sequence[Line]) -> frozenset[str]:
    values: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        for name, value in line.identity.items():
            values[name].add(value)
    everywhere = Counter(name for line in lines for name in line.identity)
    return frozenset(
        name for name, seen in values.items() if name not in _NAMED and (len(seen) > 1 or everywhere[name] < len(lines))
    )


def _own(lines: Sequence[Line], telling: frozenset[str] | None) -> dict[str, str]:
    """The labels that all lines of a family have alike, of those that tell lines apart; of a family alone, all."""
    alike = set.intersection(*(set(line.identity.items()) for line in lines))
    return {name: value for name, value in alike if name not in _NAMED and (telling is None or name in telling)}


def _with_labels(name: str, labels: Mapping[str, str]) -> str:
    return " ".join([name, *(f"{label}={value}" for label, value in sorted(labels.items()))])


def _family(line: Line, replicated: bool) -> str:
    labels = line.labels
    pod, container = _first(labels, _POD), _first(labels, _CONTAINER)
    gpu = _first(labels, _GPU)
    if gpu is not None and (host := _first(labels, _HOST)):
        return f"{host} GPU {gpu}"
    if pod is not None:
        named = pod if replicated else owner(pod)
        return "/".join(part for part in (_first(labels, _NAMESPACE), named, container) if part)
    if container is None and labels.get("id", "").startswith("/") and labels.get("name"):
        return labels["name"]
    if labels.get("groupname"):
        return f"{labels['groupname']} {labels.get('instance', '')}".strip()
    return " ".join(part for part in (labels.get("job"), labels.get("instance")) if part) or _rest(labels)


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _rest(labels: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "the server"
