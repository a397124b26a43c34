"""What an error that nobody expected becomes: a disk that cannot be written is inconclusive, our own bug is 70."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aging.core.errors import ExitCode, StorageError, writing
from aging.store.journal import Journal
from aging.store.lock import Lock
from aging.store.segments import LineFile
from tests.builders import flat, synthetic
from tests.conftest import ROOT, Aging

RAISING = """
import sys
from aging.cli import plan
from aging.cli.main import main
def run(options):
    raise {error}
plan.run = run
sys.exit(main(["plan", "x.toml"]))
"""


def exit_of(error: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RAISING.format(error=error)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("error", ["FileNotFoundError(2, 'No such file', 'x')", "OSError(24, 'Too many open files')"])
def test_unexpected_os_error_is_a_bug(error: str) -> None:
    ran = exit_of(error)
    assert ran.returncode == ExitCode.CRASHED
    assert "Traceback" in ran.stderr


def test_failed_write_is_inconclusive() -> None:
    ran = exit_of(
        "__import__('aging.core.errors').core.errors.StorageError('x cannot be written: No space left on device')"
    )
    assert (ran.returncode, ran.stderr) == (3, "aging: x cannot be written: No space left on device\n")


def test_writing_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"x\.json cannot be written: No space left on device"), writing("x.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(StorageError, match="inner cannot be written"), writing("outer"), writing("inner"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert isinstance(StorageError("x"), OSError), "those that go on without a disk catch it as what it is"


def test_storage_errors(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none/a\.live\.jsonl cannot be written"):
        LineFile(tmp_path / "none" / "a.live.jsonl")
    with pytest.raises(StorageError):
        Journal(tmp_path / "none" / "journal.jsonl")
    with pytest.raises(StorageError):
        Lock.take(tmp_path / "none", "runner")
    full = LineFile(Path("/dev/full"))
    with pytest.raises(StorageError, match="/dev/full cannot be written"):
        full.append(b"{}\n")
    full.close()


def test_report_cannot_be_written(tmp_path: Path, cli: Aging) -> None:
    root = tmp_path / "c"
    synthetic(root, {"server": flat})
    (root / "findings.json").mkdir()
    ran = cli("analyze", root)
    assert ran.returncode == 3, ran.stderr
    assert "findings.json cannot be written" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_analyze_without_a_series_is_inconclusive(cli: Aging, tmp_path: Path) -> None:
    shutil.copy(ROOT / "results" / "first-look" / "manifest.json", tmp_path)
    shutil.copy(ROOT / "results" / "first-look" / "campaign.toml", tmp_path)
    (tmp_path / "journal.jsonl").touch()
    assert cli("analyze", tmp_path).returncode == ExitCode.INCONCLUSIVE
