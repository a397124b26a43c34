"""Who a series belongs to, and which series are generations of one subject."""

from __future__ import annotations

import numpy as np
import pytest

from aging.findings.fleet.catalogue import Entry, Limit
from aging.findings.fleet.names import families, subjects
from aging.findings.fleet.subjects import Floats, Joined, identity, lines, owner
from aging.tables.prometheus import RangeSeries, Window

WINDOW = Window(0.0, 86_400.0, 300.0)
ENTRY = Entry("container_memory_rss", "memory", start="container_start_time_seconds")
NONE: Joined[Floats] = Joined()


def seen(first: float, last: float, **labels: str) -> RangeSeries:
    times = WINDOW.times
    return RangeSeries(labels, np.where((times >= first) & (times <= last), times, np.nan))


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ("vllm-7d9c5b8f6d-x2x4z", "vllm"),
        ("llm-server-worker-6b8dffc9c4-8hbsl", "llm-server-worker"),
        ("node-exporter-bz5tk", "node-exporter"),
        ("triton-0", "triton-0"),
        ("web-frontend", "web-frontend"),
        ("redis-master", "redis-master"),
    ],
)
def test_owner(pod: str, expected: str) -> None:
    assert owner(pod) == expected


class TestIdentity:
    def test_pod(self) -> None:
        labels = {
            "__name__": "container_memory_rss",
            "namespace": "llm",
            "pod": "vllm-7d9c5b8f6d-x2x4z",
            "container": "server",
            "id": "/kubepods/1",
            "name": "abc",
            "image": "vllm:1",
            "instance": "10.0.0.7:10250",
        }
        assert identity(labels, ()) == {"namespace": "llm", "pod": "vllm", "container": "server"}

    def test_process_keeps_its_instance(self) -> None:
        labels = {"__name__": "process_open_fds", "job": "api", "instance": "10.0.0.7:9000"}
        assert identity(labels, ()) == {"job": "api", "instance": "10.0.0.7:9000"}

    def test_docker_keeps_the_name(self) -> None:
        labels = {"id": "/docker/0af3", "name": "vllm", "image": "vllm:1", "instance": "h:8080", "job": "cadvisor"}
        assert identity(labels, ()) == {"name": "vllm", "instance": "h:8080", "job": "cadvisor"}

    def test_only_the_subjects_labels(self) -> None:
        labels = {"UUID": "GPU-1", "Hostname": "h", "exported_pod": "vllm-1", "gpu": "0"}
        assert identity(labels, ("Hostname", "gpu", "UUID")) == {"Hostname": "h", "gpu": "0", "UUID": "GPU-1"}


class TestLines:
    def test_pods_that_follow_each_other_are_generations(self) -> None:
        found = lines(
            ENTRY,
            [
                seen(0, 30_000, pod="vllm-7d9c5b8f6d-x2x4z"),
                seen(30_300, 60_000, pod="vllm-7d9c5b8f6d-b2c4z"),
                seen(59_700, 86_400, pod="vllm-5c8d9b7f6d-k2m4z"),  # a rolling update overlaps
            ],
            WINDOW,
            NONE,
        )
        (line,) = found
        assert line.restarts == (30_300, 59_700)
        assert line.labels["pod"] == "vllm-5c8d9b7f6d-k2m4z"
        assert np.isfinite(line.values).all()

    def test_replicas_are_apart(self) -> None:
        pods = ("vllm-7d9c5b8f6d-x2x4z", "vllm-7d9c5b8f6d-b2c4z")
        found = lines(ENTRY, [seen(0, 86_400, pod=pod) for pod in pods], WINDOW, NONE)
        assert [line.restarts for line in found] == [(), ()]
        assert sorted(families(found)) == sorted(pods)

    def test_start_time_shows_restarts(self) -> None:
        times = WINDOW.times
        started = np.where(times < 40_000, -100.0, np.where(times < 70_000, 39_900.0, 69_900.0))
        starts = Joined([({"__name__": "s", "job": "a"}, started)])
        (line,) = lines(ENTRY, [seen(0, 86_400, job="a", model="m")], WINDOW, starts)
        assert line.restarts == (40_200, 70_200)
        assert line.began == -100

    def test_scaled_to_the_base_unit(self) -> None:
        entry = Entry("x", "latency", factor=1e-6)
        (line,) = lines(entry, [seen(0, 86_400, job="a")], WINDOW, NONE)
        assert line.values[-1] == pytest.approx(0.0864)

    def test_series_without_values_is_none(self) -> None:
        assert lines(ENTRY, [RangeSeries({"job": "a"}, np.full(WINDOW.points, np.nan))], WINDOW, NONE) == []


class TestJoined:
    def test_labels_of_the_limit_are_among_those_of_the_series(self) -> None:
        limits = Joined([({"job": "a", "instance": "1"}, 5.0), ({"job": "b", "instance": "1"}, 6.0)])
        assert limits.of({"job": "b", "instance": "1", "model": "m"}) == 6.0
        assert limits.of({"job": "c", "instance": "1"}) is None

    def test_only_named_labels_count(self) -> None:
        limits = Joined(
            [({"job": "ksm", "namespace": "llm", "pod": "p", "resource": "memory"}, 5.0)], ("namespace", "pod")
        )
        assert limits.of({"job": "cadvisor", "namespace": "llm", "pod": "p"}) == 5.0


def test_names_tell_lines_apart() -> None:
    entry = Entry("process_open_fds", "descriptors", limits=(Limit(("process_max_fds",)),))
    found = lines(
        entry,
        [seen(0, 86_400, job="api", instance="h:1", zone="a"), seen(0, 86_400, job="api", instance="h:2", zone="b")],
        WINDOW,
        NONE,
    )
    assert families(found) == ["api h:1", "api h:2"]
    assert subjects(found) == ["api h:1 zone=a", "api h:2 zone=b"]
