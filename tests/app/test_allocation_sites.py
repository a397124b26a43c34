"""A server that leaks is run once more, and the line of its code that allocates what it keeps is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

import aging.deployments
from aging.app.allocation_sites import find_allocation_sites
from aging.campaign.load import CampaignText
from aging.findings.gate import AllocationSite
from tests.pairs.environments import python_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPTS = Path(aging.deployments.__file__).parent / "_scripts"
SERVER = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from openai_front import Usage, serve
kept = []
class Engine:
    def complete(self, prompt, max_tokens):
        kept.append(bytearray(4096))
        yield "word "
        return Usage(1, 1)
    def metrics(self):
        return {{}}
serve(Engine(), int(sys.argv[1]))
"""


def sites(folder: Path, python: str) -> list[AllocationSite]:
    (folder / "server.py").write_text(SERVER)
    text = f"""
schema = 1
name = "sites"
seed = 1
duration = "10m"
[load]
arrivals = {{ kind = "constant", rate = 50.0 }}
prompt_tokens = {{ median = 8, p95 = 9, min = 4, max = 16 }}
output_tokens = {{ median = 2, p95 = 3, min = 1, max = 4 }}
streaming_share = 0.0
[[deployment]]
name = "leak"
kind = "command"
command = ["{python}", "{folder / "server.py"}", "{{port}}"]
[[deployment]]
name = "reference"
kind = "reference"
"""
    console = Console(quiet=True)
    campaign = CampaignText(text, "sites.toml")
    found = find_allocation_sites(campaign, {}, ["leak"], 6.0, console)
    assert set(found) == {"leak"}
    return list(found["leak"])


def test_with_tracemalloc(tmp_path: Path) -> None:
    (largest, *_) = sites(tmp_path, sys.executable)
    assert largest.frames[0] == f"{tmp_path / 'server.py'}:8"
    assert largest.bytes >= 100 * 4096


def test_with_memray(tmp_path: Path) -> None:
    python = python_environment("memray-1.20.0", ["memray==1.20.0"]) / "bin" / "python"
    (largest, *_) = sites(tmp_path, str(python))
    assert largest.frames[0] == f"{tmp_path / 'server.py'}:8 complete"
    assert largest.bytes >= 100 * 4096


def test_server_without_python(tmp_path: Path) -> None:
    assert sites(tmp_path, "/bin/false") == []
