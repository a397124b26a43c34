"""Wrong options of `aging check`: all of them at once, and none ignored."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from rich.console import Console

from aging.app.check import GateRequest
from aging.cli.baseline_arguments import save
from aging.cli.check import _exit_code
from aging.core.errors import ExitCode
from tests.conftest import Aging

COMMAND = ("--command", "python3 server.py {port}", "--request", "GET:/")
LIMIT = ("--fail", "process_anon_swap_bytes:per_request > 256B")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ((), ("FILE", "--fail")),
        (("nothing.toml", "--alpha", "3", "--beta", "x"), ("nothing.toml", "--fail", "--alpha", "--beta")),
        (("nothing.toml", "--fail", "growth_totl > 1MiB"), ("nothing.toml", "'growth_totl > 1MiB'")),
        (("nothing.toml", "--fail", "process_fd:per_hour > 1"), ("nothing.toml", "--fail")),
        (
            ("--command", "a", "--request", "GET:x", "--alpha", "3", "--budget", "1x", "--report", "x"),
            ("--command 'a'", "--request 'GET:x'", "--alpha", "--budget", "--report", "--fail"),
        ),
        (
            (*COMMAND, *LIMIT, "--alpha", "3", "--deployment", "x", "--budget", "5s", "--report", "x"),
            ("--alpha", "--deployment", "--budget", "--report"),
        ),
        ((*COMMAND, *LIMIT, "--save-baseline", ".", "--alpha", "1"), ("--save-baseline", "--alpha")),
        ((*COMMAND, "--fail", "growth_total > 1MiB", "--save-baseline", "b.json"), ("--save-baseline",)),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_all_at_once(cli: Aging, options: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    ran = cli("check", *options)
    assert ran.returncode == 2
    assert sorted(line.strip().partition(": ")[0] for line in ran.stderr.splitlines()[1:]) == sorted(wrong)


@pytest.mark.parametrize("option", ["--baseline", "--baseline-command", "--baseline-setup", "--against"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_value_is_not_ignored(cli: Aging, option: str, value: str) -> None:
    """`--baseline "$BASE"` with a variable that is not set is no gate without a baseline."""
    ran = cli("check", *COMMAND, *LIMIT, option, value)
    assert ran.returncode == 2
    assert [line.strip().partition(": ")[0] for line in ran.stderr.splitlines()[1:]] == [option]


def test_a_baseline_command_that_is_none(cli: Aging) -> None:
    ran = cli("check", *COMMAND, *LIMIT, "--baseline-command", "it's {port}")
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert "--baseline-command" in ran.stderr


def test_a_baseline_file_that_is_no_toml(cli: Aging, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("a = [")
    ran = cli("check", *COMMAND, *LIMIT, "--baseline", "bad.toml")
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert "bad.toml" in ran.stderr


def test_a_baseline_that_cannot_be_saved_changes_no_red(tmp_path: Path) -> None:
    """A job that tolerates exit 3 must not merge a leak because a file could not be written."""
    options = argparse.Namespace(
        save_baseline=tmp_path / "b.json", baseline=None, against=[], baseline_command=None, baseline_setup=None
    )
    assert not save(options, tmp_path, GateRequest(LIMIT[1:]), "failed", Console(quiet=True))


@pytest.mark.parametrize("code", list(ExitCode))
def test_exit_code_of_a_gate_whose_files_are_missing(code: ExitCode) -> None:
    assert _exit_code(code, complete=True) == code
    assert _exit_code(code, complete=False) == (ExitCode.INCONCLUSIVE if code == ExitCode.DONE else code)
