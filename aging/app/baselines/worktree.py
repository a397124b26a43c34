"""A revision of the current repository in a folder of its own, for as long as it is compared with."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aging.core.checkout import git_environment
from aging.core.errors import AgingError
from aging.store.own_folder import own_folder

_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
_SUBMODULE = "160000"
_TREE = "tree"


@dataclass(frozen=True, slots=True)
class Worktree:
    """``commit`` of the repository at ``top``, checked out at ``root``."""

    top: Path
    root: Path
    commit: str

    def moved(self, path: Path) -> Path | None:
        """Where a path of the repository is in this revision; None if it is outside, or not in the revision."""
        if not path.is_relative_to(self.top):
            return None
        moved = self.root / path.relative_to(self.top)
        return moved if moved.exists() else None


@contextlib.contextmanager
def worktree(revision: str, *, setup: str | None, other_command: bool) -> Iterator[Worktree]:
    """Check out a revision of the repository of the working directory; the folder is removed at the end.

    ``setup`` is a shell command that is run in it first. What a killed process has left is removed, too. Raises
    AgingError for no repository, no such revision, the revision that is checked out unchanged (unless it is run by
    ``other_command``), submodules without a setup, and a setup that fails.
    """
    here = Path.cwd()
    top = _top(revision, here)
    commit = _commit(revision, top)
    if not other_command and commit == _commit("HEAD", top) and not _git(top, "status", "--porcelain", "-uno"):
        raise AgingError(
            f"--baseline {revision}: {commit[:12]} is checked out, without changes: both versions would be the same; "
            "name the revision to compare with, like main"
        )
    tree = _git(top, "ls-tree", "-r", commit)
    modules = [line.partition("\t")[2] for line in tree.splitlines() if line.startswith(_SUBMODULE)]
    if modules and setup is None:
        raise AgingError(
            f"--baseline {revision}: {', '.join(modules)}: a worktree does not have submodules; "
            "add --baseline-setup 'git submodule update --init'"
        )
    with own_folder("worktrees", f"{top.name}-", _clear) as folder:
        made = Worktree(top, folder / _TREE, commit)
        try:
            _git(top, *_NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(made.root), commit)
            if setup is not None:
                _set_up(setup, made.root / here.relative_to(top))
            yield made
        finally:
            _remove(top, made.root)


def is_revision(text: str) -> bool:
    """Whether the repository of the working directory has such a revision."""
    with contextlib.suppress(AgingError):
        return bool(_commit(text, _top(text, Path.cwd())))
    return False


def _top(revision: str, folder: Path) -> Path:
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel"))
    except AgingError as error:  # which names, in a container, the setting that lets it use another user's repository
        raise AgingError(
            f"--baseline {revision}: there is no such file or directory, and {folder} is in no git repository: {error}"
        ) from None


def _commit(revision: str, top: Path) -> str:
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except AgingError:
        shallow = _git(top, "rev-parse", "--is-shallow-repository") == "true"
        hint = "; the clone is shallow: fetch it (with actions/checkout: fetch-depth: 0)" if shallow else ""
        raise AgingError(
            f"--baseline {revision}: there is no such file or directory, and no such revision in {top}{hint}"
        ) from None


def _git(folder: Path, *arguments: str) -> str:
    """The output of a git command in a folder. Raises AgingError with what git says."""
    try:
        ran = subprocess.run(
            ["git", *arguments], cwd=folder, env=git_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise AgingError("--baseline: there is no program git; install it, or give a file or a directory") from None
    if ran.returncode:
        raise AgingError(f"git {arguments[0]}: {ran.stderr.strip() or f'exit {ran.returncode}'}")
    return ran.stdout.strip()


def _set_up(command: str, folder: Path) -> None:
    ran = subprocess.run(command, shell=True, cwd=folder, env=git_environment(), check=False)
    if ran.returncode:
        raise AgingError(f"--baseline-setup: {command!r} exited {ran.returncode} in {folder} (see its output above)")


def _clear(folder: Path) -> bool:
    """Take down the worktree that a killed process has left, so that its folder can be removed."""
    tree = folder / _TREE
    with contextlib.suppress(AgingError, OSError):
        _remove(Path(_git(tree, "rev-parse", "--path-format=absolute", "--git-common-dir")), tree)
    return True


def _remove(top: Path, root: Path) -> None:
    """Remove a worktree and what the repository at ``top`` knows of it."""
    shutil.rmtree(root, ignore_errors=True)
    with contextlib.suppress(AgingError):
        _git(top, "worktree", "prune")
