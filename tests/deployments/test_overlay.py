"""Other releases in front of an interpreter's own packages: pip installs wheels that the test makes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from aging.core.errors import AgingError
from aging.deployments.interpreter import interpreter_of
from aging.deployments.overlay import Overlay
from aging.deployments.runtimes.command import Command, CommandOptions
from tests.command_line import run_here
from tests.virtual_campaign import small_campaign


def make_wheel(folder: Path, version: str, needs: str = "") -> None:
    """A wheel of ``shop``, whose module knows its version."""
    about = f"shop-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: shop\nVersion: {version}\n"
    with zipfile.ZipFile(folder / f"shop-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("shop.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{about}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place to install from. This interpreter has ``shop`` 2.0 by its path, and there is no uv."""
    folder, installed = tmp_path / "wheels", tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setattr("aging.deployments.overlay._uv", lambda: None)
    make_wheel(folder, "2.0")
    with zipfile.ZipFile(folder / "shop-2.0-py3-none-any.whl") as wheel:
        wheel.extractall(installed)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    return folder


def command(**options: Any) -> Command:
    argv = [sys.executable, "-c", "import shop; print(shop.VERSION)"]
    return Command(CommandOptions.model_validate({"kind": "command", "name": "a", "command": argv, **options}), None)


def started(deployment: Command) -> str:
    """What its server prints."""
    launch = deployment.at(2000).launch()
    env = {**os.environ, **launch.env}
    return subprocess.run(launch.argv, env=env, check=True, capture_output=True, text=True).stdout.strip()


def test_other_release(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(wheels, "1.0")
    other = command(packages="shop==1.0")
    assert "shop==1.0 is not installed" in (other.missing() or "")
    other.install()
    assert other.missing() is None
    assert (started(command()), started(other)) == ("2.0", "1.0")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    other.install()  # it is there


@pytest.mark.thorough
def test_campaign_file(tmp_path: Path, wheels: Path) -> None:
    """`aging env create FILE` builds what the deployments of a file need."""
    make_wheel(wheels, "1.0")
    head = small_campaign('name = "x"').partition("[[deployment]]")[0]
    table = f'kind = "command"\nname = "a"\ncommand = ["{sys.executable}", "-m", "shop"]\npackages = "shop==1.0"\n'
    (tmp_path / "both.toml").write_text(f"{head}[[deployment]]\n{table}")
    assert run_here(tmp_path, "env", "create", "both.toml").returncode == 0
    assert Overlay(Path(sys.executable), ("shop==1.0",)).installed


@pytest.mark.thorough
@pytest.mark.usefixtures("wheels")
def test_same_release() -> None:
    with pytest.raises(AgingError, match=r"shop 2\.0 is installed .* already"):
        command(packages="shop==2.0").install()
    assert not Overlay(Path(sys.executable), ("shop==2.0",)).installed


@pytest.mark.thorough
def test_unmet_requirement(wheels: Path) -> None:
    """Its dependencies are not installed: they would be a second difference."""
    make_wheel(wheels, "1.0", "packaging<1")
    with pytest.raises(AgingError, match=r"shop 1\.0 requires packaging<1; .* has \d"):
        command(packages="shop==1.0").install()


@pytest.mark.usefixtures("wheels")
def test_no_such_release() -> None:
    with pytest.raises(AgingError, match="could not be installed"):
        command(packages="shop==9.0").install()


def test_no_python() -> None:
    compiled = command(command=["/bin/true"], packages="shop==1.0")
    assert "neither a Python interpreter" in (compiled.missing() or "")


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("#!{python}\n", True),
        ("#!/usr/bin/env python3\n", True),
        ('#!/bin/sh\n\'\'\'exec\' "{python}" "$0" "$@"\n', True),
        ("#!/bin/sh\n", False),
        ("\x7fELF", False),
    ],
)
def test_scripts(tmp_path: Path, first: str, found: bool) -> None:
    """A console script runs in the interpreter that its first line names."""
    script = tmp_path / "serve"
    script.write_text(first.format(python=sys.executable))
    script.chmod(0o755)
    assert (interpreter_of(["./serve"], tmp_path, {}) is not None) == found
    if "{python}" in first:
        assert interpreter_of([str(script)], Path(), {}) == Path(sys.executable)


def test_missing_program(tmp_path: Path) -> None:
    assert interpreter_of(["no-such-program"], tmp_path, {}) is None
