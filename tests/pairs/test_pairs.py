"""``aging check`` on real releases: a leaky one is red, the one that repaired it green."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from aging.deployments.models.cache import model_cache
from aging.deployments.models.gguf import cached_gguf
from aging.deployments.models.presets import TINY
from tests.conftest import Aging, result_directory
from tests.pairs.environments import program
from tests.pairs.table import PAIRS, Pair, Release

SERVERS = Path(__file__).parent / "servers"
PASSED, FAILED = 0, 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

CASES = [
    pytest.param(pair, release, code, id=f"{pair.name}-{release.version}")
    for pair in PAIRS
    for release, code in ((pair.leaky, FAILED), (pair.repaired, PASSED))
]


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the leaky releases have wheels for Python 3.11")
@pytest.mark.parametrize(("pair", "release", "code"), CASES)
def test_pair(pair: Pair, release: Release, code: int, aging: Aging, tmp_path: Path) -> None:
    if pair.installer == "npm" and shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    command = [str(program(pair, release)), str(SERVERS / pair.server), "{port}"]
    if pair.model:
        command.append(str(cached_gguf(TINY, model_cache())))
    if pair.body is not None:
        (tmp_path / "body.json").write_text(pair.body)
    load = ("--command", " ".join(command), "--request", pair.request, "--rate", str(pair.rate))
    gate = ("--fail", f"process_anon_swap_bytes:per_request > {pair.limit}", "--budget", pair.budget)

    done = aging("check", *load, *gate, timeout=900)

    assert done.returncode == code, done.stdout + done.stderr
    (found,) = json.loads((result_directory(tmp_path / "results") / "findings.json").read_text())["gate"]["conditions"]
    assert found["outcome"] == ("failed" if code == FAILED else "passed")
    if code == FAILED:
        assert release.bytes_per_request / 2 < found["estimate"] < release.bytes_per_request * 2


CACHE = """
schema = 1
name = "prompt-cache"
seed = 1
duration = "3m"
warmup = "5s"
[model]
preset = "small"
[load]
arrivals = { kind = "poisson", rate = 8.0 }
prompt_tokens = { median = 48, p95 = 64, min = 32, max = 80 }
output_tokens = { median = 4, p95 = 6, min = 2, max = 8 }
[[deployment]]
name = "llama"
kind = "llama-cpp"
cache_ram_mib = MIB
"""


@pytest.mark.parametrize(
    ("mib", "grows", "has_grown"),
    [
        pytest.param(8192, True, True, id="default"),
        pytest.param(32, False, True, id="32 MiB"),
        pytest.param(0, False, False, id="off"),
        pytest.param(-1, False, False, id="as many tokens as the context"),
    ],
)
def test_llama_cpp_prompt_cache(mib: int, grows: bool, has_grown: bool, aging: Aging, tmp_path: Path) -> None:
    """At its default of 8 GiB it goes on growing, capped it has grown by its cap and stopped, off it has not grown."""
    (tmp_path / "cache.toml").write_text(CACHE.replace("MIB", str(mib)))

    done = aging("check", "cache.toml", "--fail", "process_anon_swap_bytes:per_request > 32KiB", timeout=900)

    assert done.returncode == (FAILED if grows else PASSED), done.stdout + done.stderr
    again = aging("check", result_directory(tmp_path / "results"), "--fail", "growth_total > 16MiB")
    assert (again.returncode == FAILED) == has_grown, again.stdout + again.stderr
