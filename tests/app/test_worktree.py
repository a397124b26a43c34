"""Another revision beside the present one: a real repository, a real server, and what is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aging.app.baselines.in_worktree import in_worktree
from aging.app.baselines.worktree import is_revision, worktree
from aging.core.errors import AgingError

SERVER = "from shop import version\nprint(version.VERSION)\n"


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(["git", *named, *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two revisions of a server in a folder of the repository, which is the working directory."""
    top = tmp_path / "repository"
    write(top, {"apps/serve.py": SERVER, "apps/shop/__init__.py": "", "apps/shop/version.py": "VERSION = 1\n"})
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "one")
    git(top, "branch", "before")
    write(top, {"apps/shop/version.py": "VERSION = 2\n"})
    git(top, "commit", "-q", "-a", "-m", "two")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(top / "apps")
    return top


def started(table: dict[str, Any]) -> str:
    """What a command of a table prints, in its folder and environment."""
    env = {**os.environ, **table.get("env", {})}
    folder = Path.cwd() / table.get("folder", "")
    return subprocess.run(table["command"], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def left(repository: Path) -> tuple[list[str], list[Path]]:
    """The worktrees that the repository knows beside its own, and the folders in the cache."""
    known = git(repository, "worktree", "list", "--porcelain").split("\n\n")[1:]
    return known, list((repository.parent / "cache/aging/worktrees").glob("*/lock"))


class TestRevision:
    @pytest.mark.parametrize("command", [["serve.py"], ["-c", "from shop import version; print(version.VERSION)"]])
    def test_runs_the_revision(self, repository: Path, command: list[str]) -> None:
        table = {"name": "shop", "command": [sys.executable, *command]}
        assert started(table) == "2\n"
        with worktree("before", setup=None, other_command=False) as tree:
            moved = in_worktree(table, tree, Path.cwd())
            assert started(moved) == "1\n"
            assert tree.commit == git(repository, "rev-parse", "before")
        assert left(repository) == ([], [])

    def test_uncommitted_change(self, repository: Path) -> None:
        write(repository, {"apps/shop/version.py": "VERSION = 3\n"})
        with worktree("HEAD", setup=None, other_command=False) as tree:
            assert started(in_worktree({"command": [sys.executable, "serve.py"]}, tree, Path.cwd())) == "2\n"

    def test_editable_install(self, repository: Path) -> None:
        """A package that Python imports from the repository is that of the revision, wherever the server runs."""
        table = {
            "command": [sys.executable, "-c", SERVER],
            "folder": str(repository.parent),
            "env": {"PYTHONPATH": str(repository / "apps")},
        }
        assert started(table) == "2\n"
        with worktree("before", setup=None, other_command=False) as tree:
            with pytest.raises(AgingError, match="is not in revision"):
                in_worktree(table, tree, Path.cwd())
            moved = in_worktree(table | {"folder": "."}, tree, Path.cwd())
            assert started(moved) == "1\n"

    def test_paths(self, repository: Path) -> None:
        """What the revision has is the revision's; data that it has not stays where it is."""
        write(repository, {"apps/model.bin": "", "apps/serve.cfg": ""})
        git(repository, "add", "apps/serve.cfg")
        table = {"command": [sys.executable, str(repository / "apps/serve.py"), "model.bin", "--data=model.bin", "-v"]}
        with worktree("before", setup=None, other_command=False) as tree:
            moved = in_worktree(table, tree, Path.cwd())["command"]
            data = repository / "apps/model.bin"
            assert moved[1:] == [str(tree.root / "apps/serve.py"), str(data), f"--data={data}", "-v"]

    def test_program_that_is_built(self, repository: Path) -> None:
        """Both versions would run the same binary: there would be no difference, whatever the change does."""
        program = repository / "apps/build/server"
        write(repository, {"apps/build/server": "#!/bin/sh\necho built\n"})
        program.chmod(0o755)
        table = {"command": ["build/server"]}
        with _entered("before") as tree, pytest.raises(AgingError, match="--baseline-setup"):
            in_worktree(table, tree, Path.cwd())
        with worktree("before", setup=f"mkdir build && cp {program} build/", other_command=False) as tree:
            assert in_worktree(table, tree, Path.cwd())["command"] == ["build/server"]

    def test_virtual_environment(self, repository: Path) -> None:
        """Its interpreter is not in any revision, and runs the code of either."""
        write(repository, {"apps/.venv/pyvenv.cfg": "home = /usr/bin\n"})
        python = repository / "apps/.venv/bin/python"
        python.parent.mkdir()
        python.symlink_to(sys.executable)
        with worktree("before", setup=None, other_command=False) as tree:
            moved = in_worktree({"command": [".venv/bin/python", "serve.py"]}, tree, Path.cwd())
            assert moved["command"] == [str(python), "serve.py"]


class TestRefused:
    @pytest.mark.usefixtures("repository")
    def test_same_revision(self) -> None:
        with pytest.raises(AgingError, match="both versions would be the same") as caught, _entered("main"):
            pass
        assert caught.value.exit_code == 2
        with worktree("main", setup=None, other_command=True):
            pass

    @pytest.mark.usefixtures("repository")
    def test_no_revision(self) -> None:
        assert is_revision("before")
        assert not is_revision("after")
        with pytest.raises(AgingError, match="no such revision"), _entered("after"):
            pass

    @pytest.mark.usefixtures("repository")
    def test_option_is_no_revision(self) -> None:
        with pytest.raises(AgingError, match="no such revision"), _entered("--help"):
            pass

    def test_shallow_clone(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        git(repository.parent, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
        monkeypatch.chdir(repository.parent / "shallow")
        with pytest.raises(AgingError, match="fetch-depth: 0"), _entered("before"):
            pass

    def test_no_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        with pytest.raises(AgingError, match="no git repository"), _entered("main"):
            pass

    def test_submodules(self, repository: Path) -> None:
        git(repository.parent, "clone", "-q", str(repository), "library")
        git(repository, "submodule", "--quiet", "add", str(repository.parent / "library"), "lib")
        git(repository, "commit", "-q", "-m", "three")
        write(repository, {"apps/shop/version.py": "VERSION = 4\n"})
        with pytest.raises(AgingError, match=r"lib.*--baseline-setup"), _entered("main"):
            pass
        with worktree("main", setup="true", other_command=False):
            pass

    def test_setup_fails(self, repository: Path) -> None:
        failing = worktree("before", setup="exit 7", other_command=False)
        with pytest.raises(AgingError, match="exited 7"), failing:
            pass
        assert left(repository) == ([], [])


class TestLeftovers:
    def test_interrupted(self, repository: Path) -> None:
        with pytest.raises(KeyboardInterrupt), _entered("before"):
            raise KeyboardInterrupt
        assert left(repository) == ([], [])

    def test_killed(self, repository: Path) -> None:
        """The next one removes what a killed one has left, and not what another still uses."""
        code = (
            "import sys, time\nfrom aging.app.baselines.worktree import worktree\n"
            "with worktree('before', setup=None, other_command=False) as tree:\n"
            "    print(tree.root, flush=True)\n    time.sleep(60)\n"
        )
        command = [sys.executable, "-c", code]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as two,
        ):
            assert one.stdout is not None
            assert two.stdout is not None
            roots = [Path(one.stdout.readline().strip()), Path(two.stdout.readline().strip())]
            one.kill()
            one.wait()
            assert all(root.is_dir() for root in roots)
            with _entered("before"):
                assert not roots[0].exists()
                assert roots[1].is_dir()
            assert len(left(repository)[0]) == 1
            two.kill()

    def test_within_a_hook(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """git sets its index for hooks; that of the commit under way is not touched."""
        hook = repository / ".git/hooks/post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 9\n")
        hook.chmod(0o755)
        index = repository / ".git/index"
        before = index.read_bytes()
        monkeypatch.setenv("GIT_INDEX_FILE", str(index))
        monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
        with _entered("before"):
            pass
        assert index.read_bytes() == before


def _entered(revision: str) -> Any:
    return worktree(revision, setup=None, other_command=False)
