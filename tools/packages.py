"""Builds the source distribution and the wheel and tries them in clean environments; no network is needed.

Run from a checkout: ``python -m tools.packages``. The wheel is made from the source distribution, without git. An
environment has the wheel, and links to the packages that its metadata asks for, from the environment that runs this:
so what is not declared is missing. Exit 1 with what is wrong.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

_PROJECT = "llm-aging"
_LONGEST_SECONDS = 120.0
_NOT_IN_WHEEL = (".c",)
"""Sources of the compiled module; the probe's are compiled where it is used."""

_TABLE = "t,rss\n" + "".join(f"{60 * minute},{100e6 + 1e4 * minute}\n" for minute in range(200))


class PackageError(Exception):
    """What is wrong with a package."""


@dataclass(frozen=True, slots=True)
class Built:
    """The files of a release."""

    wheel: Path
    source: Path


def build(folder: Path) -> Built:
    """Build both from the tracked files alone, outside any repository."""
    source, out = folder / "source", folder / "dist"
    for name in _tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)], folder)
    (wheel,), (archive,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, archive)


def missing_files(built: Built) -> Iterator[str]:
    """The files of the package that the wheel or the source distribution lacks."""
    wanted = {name for name in _tracked() if name.startswith("aging/")}
    with zipfile.ZipFile(built.wheel) as wheel:
        held = set(wheel.namelist())
    compiled = {name for name in wanted if name.endswith(_NOT_IN_WHEEL) and "/_probe" not in name}
    yield from (f"{built.wheel.name} lacks {name}" for name in sorted(wanted - compiled - held))
    with tarfile.open(built.source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    also = {"LICENSE", "README.md", "pyproject.toml", "constraints.txt", "CHANGELOG.md"}
    yield from (f"{built.source.name} lacks {name}" for name in sorted((wanted | also) - names))


def metadata_of(wheel: Path) -> Metadata:
    """The metadata of a wheel. Raises ExceptionGroup for what a package index would refuse."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = (one for one in files.namelist() if one.endswith(".dist-info/METADATA"))
        return Metadata.from_email(files.read(name))


def environment(folder: Path, built: Built, extras: Sequence[str], further: Sequence[str] = ()) -> Path:
    """A new environment with the wheel and what it requires with these extras; the folder of its programs."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python3*/site-packages")
    required = [str(one) for one in metadata_of(built.wheel).requires_dist or ()]
    for name in _closure(required, extras, further):
        _link(name, site)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    _run([*pip, "--disable-pip-version-check", str(built.wheel)], folder)
    return folder / "bin"


def try_base(programs: Path, folder: Path, version: str) -> None:
    """The verbs of the base, without any optional part."""
    aging = str(programs / "aging")
    said = _run([aging, "--version"], folder).stdout
    _expect(said == f"aging {version}\n", f"aging --version said {said!r}, the metadata {version}")
    (folder / "t.csv").write_text(_TABLE)
    found = json.loads(_run([aging, "trend", "t.csv", "--json"], folder).stdout)
    _expect('"verdict": "aging"' in json.dumps(found), "aging trend: a table that grows is not judged aging")
    _run([aging, "scan", "--help"], folder)
    _expect("_aging" in _run([aging, "completion", "bash"], folder).stdout, "aging completion")
    _run([aging, "doctor"], folder)
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            observed = [aging, "observe", "--pid", str(process.pid), "--for", "15s"]
            said = _run(observed, folder, codes=(0, 3)).stdout
        finally:
            process.kill()
    _expect("findings.json" in said and "report.html" not in said.partition("findings:")[2], "aging observe")
    refused = _run([aging, "run", str(ROOT / "campaigns/quickstart.toml")], folder, codes=(2,)).stderr
    _expect("pip install 'llm-aging[campaign]'" in refused, f"aging run without its part said: {refused}")


def try_campaign(programs: Path, folder: Path) -> None:
    """What the extra ``campaign`` brings: the page with its styles and scripts, and the plug-in of pytest."""
    aging = str(programs / "aging")
    copy = folder / "copy"
    shutil.copytree(ROOT / "results/first-look", copy)
    (copy / "report.html").unlink(missing_ok=True)
    _run([aging, "analyze", str(copy)], folder)
    page = (copy / "report.html").read_text(encoding="utf-8")
    _expect("<svg" in page and "<style" in page, "the page has no styles or no figures")
    _expect(bool(re.search(r"uPlot", page)), "the page has no scripts")
    ran = _run([str(programs / "python"), "-m", "pytest", "--markers", "-p", "no:cacheprovider"], folder)
    _expect("@pytest.mark.leak" in ran.stdout, "the plug-in of pytest is not found")


def main() -> None:
    """Build and try; print how long each step took."""
    with tempfile.TemporaryDirectory(prefix="aging-packages-") as temporary:
        folder = Path(temporary)
        began = time.monotonic()

        def done(what: str) -> None:
            print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)

        built = build(folder)
        done(f"built {built.source.name} and {built.wheel.name}, {built.wheel.stat().st_size / 1e6:.1f} MB")
        if lacking := list(missing_files(built)):
            raise PackageError("\n".join(lacking))
        metadata = metadata_of(built.wheel)
        _expect(metadata.description_content_type == "text/markdown", "the README is not declared to be Markdown")
        (folder / "work").mkdir()
        base = environment(folder / "base", built, ())
        for module in ("matplotlib", "jinja2", "pyarrow", "statsmodels", "gguf"):
            _run([str(base / "python"), "-c", f"import {module}"], folder, codes=(1,))
        try_base(base, folder / "work", str(metadata.version))
        done("the base: trend, observe, doctor, completion")
        try_campaign(environment(folder / "whole", built, ("campaign",), ("pytest",)), folder / "work")
        done("with [campaign]: analyze, the page, the plug-in of pytest")


def _tracked() -> Sequence[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = ("aging/", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "MANIFEST.in")
    return [name for name in listed.split("\0") if name.startswith(wanted)]


def _closure(required: Sequence[str], extras: Sequence[str], further: Sequence[str]) -> Sequence[str]:
    """The names of all packages that these requirements need, themselves included."""
    found: dict[str, set[str]] = {}
    todo = [(Requirement(text), ("", *extras)) for text in required] + [(Requirement(name), ("",)) for name in further]
    while todo:
        needed, asked = todo.pop()
        name = str(canonicalize_name(needed.name))
        if needed.marker is not None and not any(needed.marker.evaluate({"extra": extra}) for extra in asked):
            continue
        wanted = {"", *needed.extras}
        if name == _PROJECT:
            todo += [(Requirement(text), tuple(wanted - {""})) for text in required if "extra ==" in text]
        elif not wanted <= found.get(name, set()):
            found.setdefault(name, set()).update(wanted)
            todo += [(Requirement(text), tuple(found[name])) for text in distribution(name).requires or ()]
    return sorted(found)


def _link(name: str, site: Path) -> None:
    """Make the files of an installed package importable in another environment."""
    installed = distribution(name)
    tops = {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        target = site / top
        if not target.exists():
            target.symlink_to(Path(str(installed.locate_file(top))))


def _run(command: Sequence[str], folder: Path, codes: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run a program of a clean environment. Raises PackageError for another exit code."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        ran = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"{' '.join(command)}: took more than {_LONGEST_SECONDS:g} s") from None
    if ran.returncode not in codes:
        raise PackageError(f"{' '.join(command)}: exit {ran.returncode}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}")
    return ran


def _expect(right: bool, what: str) -> None:
    if not right:
        raise PackageError(what)


if __name__ == "__main__":
    try:
        main()
    except PackageError as error:
        sys.exit(f"packages: {error}")
