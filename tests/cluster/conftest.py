"""A Ray cluster of this machine for all tests of this folder; they end every process that they started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.raylets import AUTHENTICATION, LocalCluster, end, new_cluster, processes_naming
from tests.conftest import unused_port

os.environ |= AUTHENTICATION

GPUS = {"a": 0, "b": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.ray)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """In place of the suite's: a node's processes come and go; ``cluster`` and ``scratch`` end what they started."""


@pytest.fixture(scope="session")
def one_cluster() -> Iterator[LocalCluster]:
    local = new_cluster(unused_port())
    try:
        local.start_head()
        for host, gpus in GPUS.items():
            local.start(host, gpus=gpus)
        yield local
    finally:
        local.end()


@pytest.fixture
def cluster(one_cluster: LocalCluster) -> LocalCluster:
    """A head and the hosts ``a`` and ``b``, of two CPUs each. A test may kill a host: the next one has it again."""
    for host in GPUS.keys() - one_cluster.raylets.keys():
        one_cluster.start(host, gpus=GPUS[host])
    return one_cluster


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[str]:
    """The scratch folder of all hosts; whatever still runs in it is ended."""
    folder = tmp_path / "scratch"
    yield str(folder)
    end(processes_naming(str(folder)))
