"""The commit that a file or folder belongs to, read from real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aging.core import checkout
from aging.core.checkout import checkout_of


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "server with spaces"
    (root / "app").mkdir(parents=True)
    (root / "app/serve.py").write_text("1\n")
    (root / ".gitignore").write_text(".venv\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


@pytest.mark.parametrize("inside", ["", "app", "app/serve.py"])
def test_a_tracked_file_or_folder_has_the_commit_of_its_repository(repository: Path, inside: str) -> None:
    found = checkout_of(repository / inside)
    assert found is not None
    assert (found.folder, found.commit, found.changed) == (repository, git(repository, "rev-parse", "HEAD"), False)


def test_an_edit_is_a_change_and_a_new_file_is_none(repository: Path) -> None:
    (repository / "notes.txt").write_text("x")
    found = checkout_of(repository)
    assert found is not None
    assert found.changed is False
    (repository / "app/serve.py").write_text("2\n")
    found = checkout_of(repository / "app")
    assert found is not None
    assert found.changed is True


def test_what_git_does_not_know_has_no_commit(repository: Path, tmp_path: Path) -> None:
    """A package installed in the environment of another project does not have that project's commit."""
    package = repository / ".venv/lib/aging/__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    assert [checkout_of(path) for path in (package, package.parent, outside, tmp_path / "gone/x.py")] == [None] * 4


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert checkout_of(tmp_path) is None


def test_a_repository_is_found_where_git_runs_a_hook_of_another(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    found = checkout_of(repository)
    assert found is not None
    assert found.folder == repository


@pytest.mark.parametrize("program", [None, "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 60\n"])
def test_git_that_is_missing_fails_or_hangs_costs_no_campaign(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if program is not None:
        (programs / "git").write_text(program)
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":" if program else None)
    monkeypatch.setattr(checkout, "_ASKED_SECONDS", 0.2)
    assert checkout_of(repository) is None


def test_a_status_that_takes_too_long_leaves_the_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    slow = f'#!/bin/sh\ncase "$*" in *status*) exec sleep 60;; esac\nexec {real} "$@"\n'
    (programs / "git").write_text(slow)
    (programs / "git").chmod(0o755)
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(checkout, "_ASKED_SECONDS", 1.0)
    found = checkout_of(repository)
    assert found is not None
    assert (found.commit, found.changed) == (commit, None)
