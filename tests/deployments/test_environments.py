"""Runtime environments, built by pip from wheels that the test makes, without a registry.

``uv`` is a stand-in that hands its arguments over to that pip: they are spelt alike.
"""

from __future__ import annotations

import shutil
import venv
import zipfile
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from aging.core.errors import AgingError
from aging.deployments.environments import Requirements, built_variants, create, remove, state

ENGINE = Requirements("engine", ("engine==1.0", "helper==2.0"), left_out=("sound",))


@pytest.fixture
def pip_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments have this interpreter's pip, where it has one: to install another takes three seconds of CPU."""
    pip = find_spec("pip")
    if pip is None or pip.origin is None:
        return
    package, make = Path(pip.origin).parent, venv.create

    def create_with_link(folder: Path, *, with_pip: bool) -> None:
        make(folder, with_pip=False)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "pip").symlink_to(package)

    monkeypatch.setattr(venv, "create", create_with_link)


def make_wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = ()) -> None:
    """A wheel of one module that is nothing but its name."""
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{about}/METADATA", metadata)
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def packages(environments: Path) -> set[str]:
    """What lies in its site-packages: `pip freeze` would say the same after a second."""
    (folder,) = (environments / ENGINE.name).glob("lib/python*/site-packages")
    found = {f"{one.name}=={one.version}" for one in distributions(path=[str(folder)])}
    return {one for one in found if not one.startswith(("pip==", "setuptools=="))}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pip_at_hand: None) -> Path:
    """A folder of wheels that is the only place to install from; no uv, and environments of the test's own."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("AGING_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return folder


@pytest.mark.thorough
def test_failed_build_continues(tmp_path: Path, wheels: Path) -> None:
    environments = tmp_path / "environments"
    needs = ("Helper==2.0+cpu", "sound", 'windows; sys_platform == "win32"', 'extra; extra == "more"')
    make_wheel(wheels, "engine", "1.0", needs)

    assert state(ENGINE) == "not installed"
    with pytest.raises(AgingError, match=r"environment 'engine': pip exited 1 .*run: aging env create engine"):
        create(ENGINE)
    assert state(ENGINE) == "half built"
    assert not ENGINE.installed(environments)
    begun = (environments / "engine" / "pyvenv.cfg").stat().st_mtime_ns

    make_wheel(wheels, "helper", "2.0")
    folder = create(ENGINE)
    assert (folder / "pyvenv.cfg").stat().st_mtime_ns == begun, "it went on, and did not begin anew"
    assert packages(environments) == {"engine==1.0", "helper==2.0"}
    assert state(ENGINE) == "installed"

    changed = Requirements("engine", ("engine==1.0", "helper==2.1"), left_out=("sound",))
    assert state(changed) == "outdated"
    remove(ENGINE)
    assert state(ENGINE) == "not installed"


@pytest.mark.thorough
def test_other_release(wheels: Path) -> None:
    """It has an environment of its own beside the pinned one, with the extras and what is left out of it."""
    pinned = Requirements("engine-cpu", ("engine-cpu[server]==1.0", "helper==2.0"), left_out=("sound",))
    other = pinned.with_packages(["engine==0.9"], "engine")
    assert other.pins == ("engine-cpu[server]==0.9", "helper==2.0")
    assert pinned.with_packages(["Helper==1.9", "more>2"], "engine").pins[1:] == ("Helper==1.9", "more>2")
    assert other.creation == "engine-cpu engine==0.9"
    assert other.name != pinned.name
    make_wheel(wheels, "engine_cpu", "0.9", ("sound",))
    make_wheel(wheels, "helper", "2.0")
    folder = create(other)
    assert state(pinned) == "not installed"
    variants = built_variants({"engine-cpu": pinned})
    assert [(name, state(one)) for name, one in variants.items()] == [(folder.name, "installed")]
    with pytest.raises(ValueError, match="engine 1"):
        pinned.with_packages(["engine 1"], "engine")


def test_uv(tmp_path: Path, wheels: Path) -> None:
    calls = tmp_path / "calls"
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n"
        f'echo "$@" >> {calls}\n'
        f"shift 3\n"  # pip install --python
        f'python="$1"; shift; exec "$python" -m pip install --disable-pip-version-check "$@"\n'
    )
    uv.chmod(0o755)
    make_wheel(wheels, "helper", "2.0")
    alone = Requirements("alone", ("helper==2.0",))
    create(alone)
    assert state(alone) == "installed"
    python = tmp_path / "environments" / "alone" / "bin" / "python"
    assert calls.read_text() == f"pip install --python {python} helper==2.0\n"
    missing = Requirements("alone", ("helper==3.0",))
    with pytest.raises(AgingError, match="environment 'alone': uv exited 1"):
        create(missing)
