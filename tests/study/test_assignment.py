"""Which host takes which cell: balanced, apart, the same for one seed; and why a host may not take any."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.core.package_code import code_digest
from aging.study.assignment import Placement, choose, fits, in_order
from aging.study.cells import Cell
from aging.study.fleet import Gpu, HostFacts, Node
from aging.study.schema import HostsTable

SEEDS = st.integers(0, 2**31)


def cells(variants: int, replicates: int) -> Sequence[Cell]:
    return [
        Cell(f"v{variant}-r{replicate}", f"v{variant}", replicate, {}, "", 60.0)
        for replicate in range(1, replicates + 1)
        for variant in range(1, variants + 1)
    ]


def placed(
    all_cells: Sequence[Cell], hosts: Sequence[str], seed: int, *, apart: bool, past: Sequence[Placement] = ()
) -> list[Placement]:
    """All cells given to hosts, in order, where every host takes one more at once."""
    done = list(past)
    for cell in in_order(all_cells, seed):
        host = choose(cell, hosts, done, seed, apart=apart)
        if host is not None:
            done.append(Placement(cell.name, cell.variant, host))
    return done


@given(st.integers(1, 5), st.integers(1, 8), st.integers(1, 6), SEEDS)
def test_every_variant_is_equally_often_on_every_host(variants: int, replicates: int, count: int, seed: int) -> None:
    hosts = [f"h{number}" for number in range(count)]
    done = placed(cells(variants, replicates), hosts, seed, apart=False)
    assert len(done) == variants * replicates
    for variant in {one.variant for one in done}:
        counts = Counter(one.host for one in done if one.variant == variant)
        assert max(counts[host] for host in hosts) - min(counts[host] for host in hosts) <= 1
    totals = Counter(one.host for one in done)
    assert max(totals[host] for host in hosts) - min(totals[host] for host in hosts) <= max(1, variants - 1)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 4), SEEDS)
def test_replicates_are_apart(variants: int, replicates: int, spare: int, seed: int) -> None:
    hosts = [f"h{number}" for number in range(replicates + spare)]
    done = placed(cells(variants, replicates), hosts, seed, apart=True)
    assert len(done) == variants * replicates, "as many hosts as replicates are enough"
    assert max(Counter((one.variant, one.host) for one in done).values()) == 1


@given(st.integers(1, 4), st.integers(2, 6), SEEDS)
def test_too_few_hosts_leave_cells_waiting(variants: int, replicates: int, seed: int) -> None:
    hosts = [f"h{number}" for number in range(replicates - 1)]
    assert len(placed(cells(variants, replicates), hosts, seed, apart=True)) == variants * (replicates - 1)


@given(st.integers(1, 4), st.integers(1, 4), st.permutations(["a", "b", "c", "d"]), SEEDS)
def test_the_same_seed_gives_the_same_assignment(variants: int, replicates: int, hosts: list[str], seed: int) -> None:
    all_cells = cells(variants, replicates)
    assert placed(all_cells, hosts, seed, apart=True) == placed(all_cells[::-1], sorted(hosts), seed, apart=True)


@given(st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=30), SEEDS)
def test_balance_stays_where_hosts_are_free_at_random_times(turns: list[tuple[int, bool]], seed: int) -> None:
    """Whichever hosts happen to be free, no host is ahead by more than one cell of a variant."""
    hosts = ["a", "b", "c", "d"]
    waiting, done = list(in_order(cells(3, 4), seed)), list[Placement]()
    for number, several in turns:
        free = [hosts[number % 4], *([hosts[number % 3]] if several else [])]
        for cell in list(waiting):
            if (host := choose(cell, hosts, done, seed, apart=False, free=free)) is not None:
                assert host in free
                done.append(Placement(cell.name, cell.variant, host))
                waiting.remove(cell)
                free = [one for one in free if one != host]
        for variant in ("v1", "v2", "v3"):
            counts = Counter(one.host for one in done if one.variant == variant)
            assert max(counts[host] for host in hosts) - min(counts[host] for host in hosts) <= 1


def test_seeds_give_different_hosts_equally_often() -> None:
    (cell,) = cells(1, 1)
    counts = Counter(choose(cell, ["a", "b", "c", "d"], [], seed) for seed in range(400))
    assert sorted(map(str, counts)) == ["a", "b", "c", "d"]
    assert min(counts.values()) > 60, "100 each, with a standard deviation of 9"


def test_variants_of_a_replicate_are_placed_together_in_random_order() -> None:
    first = Counter[str]()
    for seed in range(300):
        order = in_order(cells(3, 2), seed)
        assert [cell.replicate for cell in order] == [1, 1, 1, 2, 2, 2]
        first[order[0].variant] += 1
    assert min(first.values()) > 70
    orders = {tuple(cell.variant for cell in in_order(cells(3, 9), 7))[at : at + 3] for at in range(0, 27, 3)}
    assert len(orders) > 1, "each replicate has an order of its own"


def test_a_lost_cell_goes_to_another_host_if_there_is_one() -> None:
    cell = cells(1, 1)[0]
    for seed in range(20):
        lost = [Placement(cell.name, cell.variant, "a", lost=True)]
        assert choose(cell, ["a", "b"], lost, seed) == "b"
        assert choose(cell, ["a"], lost, seed) == "a"
        assert choose(cell, [], lost, seed) is None


def test_a_cell_does_not_wait_for_the_host_that_lost_it() -> None:
    """Without ``apart``: the host that lost it has fewer cells of the variant, and is not to be taken."""
    one, other = cells(1, 2)
    past = [Placement(one.name, one.variant, "a", lost=True), Placement(other.name, other.variant, "b")]
    assert choose(one, ["a", "b"], past, 1, apart=False) == "b"
    assert choose(one, ["a", "b"], past, 1, apart=False, free=["b"]) == "b"
    assert choose(one, ["a", "b"], past, 1, apart=False, free=["a"]) is None
    assert choose(one, ["a", "b"], past, 1) == "a", "apart, and there is no other"


def test_a_host_that_lost_a_replicate_can_take_another_one() -> None:
    one, other = cells(1, 2)
    lost = [Placement(one.name, one.variant, "a", lost=True), Placement(one.name, one.variant, "b")]
    assert choose(other, ["a", "b"], lost, 1) == "a"
    assert choose(other, ["b"], lost, 1) is None
    assert choose(other, ["b"], lost, 1, apart=False) == "b"


H100 = Gpu("GPU-1", "NVIDIA H100 80GB HBM3", 80 * 2**30)
FACTS = HostFacts(
    host="h1",
    disk="d",
    cpu="EPYC",
    cores=64,
    memory=256 * 2**30,
    kernel="6.1",
    libc="2.36",
    python=platform.python_version(),
    aging=version("llm-aging"),
    driver="550.54.15",
    cuda="12.4",
    gpus=(H100, H100),
    packages={"torch": "2.9.0"},
    free=2**40,
)
NODE = Node("h1", "n1", alive=True, cpus=64, gpus=2, accelerator="H100", labels={"rack": "b"})
GPUS = HostsTable.model_validate(
    {"labels": {"rack": "b"}, "accelerator": "H100", "gpus": 2, "memory": "64GiB", "driver": ">=550,<560"}
)


def test_a_host_that_fits() -> None:
    assert fits(NODE, FACTS, GPUS) is None
    assert fits(NODE, None, GPUS) is None
    assert fits(replace(NODE, accelerator=None), FACTS, GPUS) is None, "by the model that NVML reads"
    assert fits(replace(NODE, accelerator=None), None, GPUS) is None, "as far as is known"
    assert fits(replace(NODE, gpus=0, accelerator=None), replace(FACTS, gpus=(), driver=None), HostsTable()) is None
    patched = f"{FACTS.python.rpartition('.')[0]}.99"
    assert fits(NODE, replace(FACTS, python=patched), GPUS) is None


@pytest.mark.parametrize(
    ("node", "facts", "named"),
    [
        ({"labels": {"rack": "a"}}, {}, ("rack", "'a'", "'b'")),
        ({"labels": {}}, {}, ("rack", "None", "'b'")),
        ({"accelerator": "A100"}, {}, ("A100", "H100")),
        ({"accelerator": None}, {"gpus": (Gpu("1", "NVIDIA A100", 1), H100)}, ("A100", "H100")),
        ({"gpus": 1}, {}, ("1 GPUs", "2")),
        ({}, {"gpus": (H100,)}, ("1 GPUs", "2")),
        ({}, {"memory": 2**30}, ("1.00 GiB", "64.0 GiB")),
        ({}, {"driver": "535.10"}, ("535.10", "550")),
        ({}, {"driver": None}, ("not there", "550")),
        ({}, {"driver": "what?"}, ("what?", "550")),
        ({}, {"aging": "0.0.1"}, ("0.0.1", version("llm-aging"))),
        ({}, {"code": "0123456789"}, ("01234567", code_digest()[:8])),
        ({}, {"python": "3.9.1"}, ("3.9.1", platform.python_version())),
        ({}, {"clock_offset": -2.1}, ("-2.1 s", "2 s")),
    ],
)
def test_a_refusal_names_what_is_there_and_what_is_asked_for(
    node: dict[str, object], facts: dict[str, object], named: tuple[str, str]
) -> None:
    why = fits(replace(NODE, **node), replace(FACTS, **facts), GPUS)  # type: ignore[arg-type]
    assert why is not None
    assert all(word in why for word in named), why


def test_all_reasons_are_given_at_once() -> None:
    why = fits(replace(NODE, labels={}), replace(FACTS, driver=None, clock_offset=9), GPUS)
    assert why is not None
    assert all(word in why for word in ("rack", "driver", "clock"))


def test_shared_hosts_need_what_a_cell_takes() -> None:
    shared = HostsTable(exclusive=False, cpus=65, devices=3)
    why = fits(NODE, FACTS, shared)
    assert why is not None
    assert "64 CPUs" in why
    assert "2 GPUs" in why
    assert fits(NODE, FACTS, HostsTable(exclusive=False, cpus=64, devices=2)) is None


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        ("driver", {"driver": "551.1"}),
        ("gpu", {"gpus": (H100,)}),
        ("cpu", {"cores": 32}),
        ("kernel", {"kernel": "6.2"}),
        ("python", {"python": f"{FACTS.python.rpartition('.')[0]}.99"}),
        ("packages", {"packages": {"torch": "2.8.0"}}),
        ("packages", {"packages": {}}),
    ],
)
def test_alike_hosts_agree_in_what_is_asked(fact: str, other: dict[str, object]) -> None:
    reference = replace(FACTS, host="first")
    alike = HostsTable(alike=(fact,))
    assert fits(NODE, FACTS, alike, reference) is None
    why = fits(NODE, replace(FACTS, **other), alike, reference)  # type: ignore[arg-type]
    assert why is not None
    assert "first" in why
    assert fits(NODE, replace(FACTS, **other), HostsTable(), reference) is None  # type: ignore[arg-type]


def test_blocks_leave_no_variant_for_the_end() -> None:
    """Between two cells of one variant there are at most two cells of each other variant."""
    order = [cell.variant for cell in in_order(cells(4, 6), 3)]
    for variant in set(order):
        places = [place for place, one in enumerate(order) if one == variant]
        assert max(after - before for before, after in pairwise(places)) <= 7


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2)),
    st.booleans(),
    st.lists(st.booleans(), max_size=8),
    SEEDS,
)
def test_every_cell_is_placed_in_the_end(
    counts: tuple[int, int, int], apart: bool, losses: list[bool], seed: int
) -> None:
    """Hosts run one cell at a time, some of which are lost: no cell waits for ever."""
    variants, replicates, spare = counts
    hosts = [f"h{number}" for number in range(replicates + spare if apart else 1 + spare)]
    waiting, past = list(in_order(cells(variants, replicates), seed)), list[Placement]()
    running: dict[str, Placement] = {}
    fates = iter(losses)
    while waiting or running:
        for cell in list(waiting):
            free = [host for host in hosts if host not in running]
            if (host := choose(cell, hosts, past, seed, apart=apart, free=free)) is not None:
                running[host] = Placement(cell.name, cell.variant, host)
                past.append(running[host])
                waiting.remove(cell)
        assert running, "nothing runs, and cells wait"
        host = min(running)
        ended = running.pop(host)
        if next(fates, False):
            past[past.index(ended)] = replace(ended, lost=True)
            waiting.append(next(cell for cell in cells(variants, replicates) if cell.name == ended.cell))
    assert Counter(one.cell for one in past if not one.lost) == {cell.name: 1 for cell in cells(variants, replicates)}


def test_a_node_of_which_nothing_can_be_reserved() -> None:
    """The head of many a cluster is started without CPUs."""
    assert "no CPUs" in (fits(replace(NODE, cpus=0.0, gpus=0.0), FACTS, HostsTable()) or "")
    assert fits(replace(NODE, gpus=0.0), FACTS, HostsTable()) is None
