"""What a `command` server's Python has installed, asked of real interpreters; and the checkout it is run from."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from aging.deployments import provenance
from aging.deployments.provenance import Provenance, of_command


def package(folder: Path, name: str, release: str) -> Path:
    about = folder / f"{name}-{release}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n\nName: of the readme\n")
    return folder


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    provenance._listed.cache_clear()


def test_packages_are_those_of_the_interpreter_that_the_command_names(tmp_path: Path) -> None:
    found = of_command((sys.executable, "serve.py"), tmp_path, {})
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.packages["numpy"] == version("numpy")
    assert found.checkout is None


def test_a_scripts_interpreter_is_asked(tmp_path: Path) -> None:
    script = tmp_path / "serve"
    script.write_text(f"#!{sys.executable}\n")
    script.chmod(0o755)
    assert of_command(("./serve",), tmp_path, {}).packages["numpy"] == version("numpy")


def test_the_path_of_the_server_comes_first(tmp_path: Path) -> None:
    """`packages` of a deployment are put before those of its interpreter by PYTHONPATH, also by a relative one."""
    package(tmp_path / "over", "numpy", "0.0.1")
    assert of_command((sys.executable,), tmp_path, {"PYTHONPATH": "over"}).packages["numpy"] == "0.0.1"


def test_a_module_of_the_servers_folder_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')\n")
    assert of_command((sys.executable,), tmp_path, {}).packages


@pytest.mark.parametrize("command", [("sh", "-c", "exit"), ("gone",)])
def test_a_command_without_an_interpreter_has_no_packages(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert of_command(command, tmp_path, {}) == Provenance()


@pytest.mark.parametrize("body", ["exit 3", "echo no JSON", "exec sleep 60"])
def test_an_interpreter_that_does_not_answer_costs_no_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    monkeypatch.setattr(provenance, "_LISTED_SECONDS", 0.5)
    assert of_command((str(python),), tmp_path, {}) == Provenance()


def test_the_checkout_is_that_of_the_named_file_else_of_the_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for root in here, there:
        root.mkdir()
        (root / "serve.py").write_text(f"{root}\n")
        for arguments in (
            ("init", "-q"),
            ("add", "."),
            ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", "commit", "-qm", "x"),
        ):
            subprocess.run(["git", *arguments], cwd=root, check=True)
    named = of_command((sys.executable, str(there / "serve.py")), here, {}).checkout
    relative = of_command((sys.executable, "serve.py"), here, {}).checkout
    module = of_command((sys.executable, "-m", "http.server"), here, {}).checkout
    assert [one and one.folder for one in (named, relative, module)] == [there, here, here]
