"""A gate beside a git revision, really run and interrupted: nothing of the revision is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.core.metrics import PRIMARY
from tests.app.test_worktree import git, left, write
from tests.conftest import result_directory, wait_for
from tests.virtual_campaign import small_campaign

MAIN = "import runpy\nrunpy.run_module('aging.deployments.reference_server', run_name='__main__')\n"
FILES = {
    "shop/__init__.py": "",
    "shop/__main__.py": MAIN,
    "shop/version.py": "VERSION = 1\n",
}
COMMAND = f'["{sys.executable}", "-m", "shop", "--port", "{{port}}"]'


@pytest.mark.thorough
def test_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_aging: Callable[..., subprocess.Popen[str]]
) -> None:
    write(tmp_path, FILES)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    write(tmp_path, {"shop/version.py": "VERSION = 2\n"})
    head = small_campaign('name = "x"', duration="5m").partition("[[deployment]]")[0]
    write(tmp_path, {"gate.toml": f'{head}[[deployment]]\nkind = "command"\nname = "shop"\ncommand = {COMMAND}\n'})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / "cache"))
    running = start_aging("check", "gate.toml", "--fail", f"{PRIMARY}:per_request > 1KiB", "--baseline", "main")

    def loaded() -> bool:
        return len(list(tmp_path.glob("results/*/*/shop*/r01/requests/*"))) == 2

    wait_for(loaded, "both versions are sent requests")
    baseline = tomllib.loads((result_directory(tmp_path / "results") / "campaign.toml").read_text())["deployment"][1]
    assert Path(baseline["folder"], "shop/version.py").read_text() == "VERSION = 1\n"
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert not Path(baseline["folder"]).exists()
    assert left(tmp_path)[0] == []
