"""The catalogue: what is built in, and a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.core.errors import MistakesError
from aging.findings.fleet.catalogue import catalogue


def test_covers_every_kind_of_source() -> None:
    known = {one.metric for one in catalogue().entries}
    prefixes = ("process_", "container_", "DCGM_", "vllm:", "sglang:", "nv_", "llamacpp:", "go_", "jvm_", "nodejs_")
    assert all(any(name.startswith(prefix) for name in known) for prefix in prefixes)


def test_chosen_by_what_the_server_has() -> None:
    names = ["vllm:num_requests_waiting", "container_memory_rss", "container_memory_working_set_bytes", "other"]
    assert {one.metric for one in catalogue().of(names)} == {"vllm:num_requests_waiting", "container_memory_rss"}


def test_escaped_names() -> None:
    names = ["vllm_time_to_first_token_seconds_sum", "vllm_time_to_first_token_seconds_count"]
    (found,) = catalogue().of(names)
    assert (found.sums, found.counts) == tuple(sorted(names, reverse=True))


def test_users_file_adds_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[metric]]\nmetric = "my_pool_used"\nresource = "objects"\nlimits = [{ metric = "my_pool_size" }]\n'
        '[[metric]]\nmetric = "process_open_fds"\nresource = "mine"\n',
        encoding="utf-8",
    )
    found = {one.metric: one for one in catalogue(path).entries}
    assert found["my_pool_used"].limits[0].metrics == ("my_pool_size",)
    assert found["process_open_fds"].resource == "mine"


def test_all_mistakes_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[metric]]\nmetric = "a b"\nkind = "gage"\nunit = 3\nfoo = 1\nlimits = [{}]\n[other]\n', encoding="utf-8"
    )
    with pytest.raises(MistakesError) as raised:
        catalogue(path)
    named = {mistake.where.rpartition(".")[2] for mistake in raised.value.mistakes}
    assert named == {"other", "resource", "metric", "kind", "unit", "foo", "limits"}


@pytest.mark.parametrize("text", ["metric = [", "", "[[metric]]"])
def test_no_catalogue(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MistakesError, match=r"mine\.toml"):
        catalogue(path)
