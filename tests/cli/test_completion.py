"""Completion, loaded by real shells: verbs, options, choices, campaign files and result directories."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Aging

LINES = [
    ("aging obs", {"observe"}),
    ("aging observe --pi", {"--pid"}),
    ("aging run ", {"here.toml", "campaigns", "results"}),
    ("aging run campaigns/", {"campaigns/there.toml"}),
    ("aging validate here.toml ", {"here.toml", "campaigns", "results"}),
    ("aging report ", {"campaigns", "results"}),
    ("aging report results/", {"results/q"}),
    ("aging trend ", {"here.toml", "log.csv", "campaigns", "results"}),
    ("aging report results --format ", {"html", "markdown", "latex"}),
    ("aging completion ", {"bash", "zsh", "fish"}),
]

BASH = """
source aging.bash
while IFS= read -r line; do
  read -ra COMP_WORDS <<< "$line"
  if [[ "$line" == *" " ]]; then COMP_WORDS+=(""); fi
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
  "$(complete -p aging | sed 's/.*-F \\([^ ]*\\).*/\\1/')" aging "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
  printf '%s\\t' "${COMPREPLY[@]}"
  printf '\\n'
done
"""

FISH = """
source aging.fish
while read -l line
  complete -C "$line" | cut -f1 | tr '\\n' '\\t'
  echo
end
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "results/q").mkdir(parents=True)
    (tmp_path / "campaigns").mkdir()
    for name in ("here.toml", "campaigns/there.toml", "log.csv"):
        (tmp_path / name).touch()
    return tmp_path


def program(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def offered(shell: str, script: str, place: Path) -> list[set[str]]:
    """What the shell offers for each of :data:`LINES`, without what the test itself has put there."""
    lines = "".join(f"{line}\n" for line, _ in LINES)
    command = [program(shell), *(("--norc", "-c") if shell == "bash" else ("--no-config", "-c")), script]
    ran = subprocess.run(command, input=lines, cwd=place, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr == ""
    return [
        {word.rstrip("/") for word in line.split("\t") if word and not word.startswith("aging.")}
        for line in ran.stdout.splitlines()
    ]


@pytest.mark.parametrize(("shell", "script"), [("bash", BASH), ("fish", FISH)])
def test_a_shell_offers_what_fits(place: Path, cli: Aging, shell: str, script: str) -> None:
    (place / f"aging.{shell}").write_text(cli("completion", shell).stdout)
    assert offered(shell, script, place) == [expected for _, expected in LINES]


def test_zsh_loads_it_for_the_command(place: Path, cli: Aging) -> None:
    (place / "_aging").write_text(cli("completion", "zsh").stdout)
    script = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; autoload -Uz +X _aging; print $_comps[aging]"
    command = [program("zsh"), "-f", "-c", script]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=True)
    assert (ran.stdout, ran.stderr) == ("_aging\n", "")


def test_another_shell_is_refused(cli: Aging) -> None:
    ran = cli("completion", "tcsh")
    assert ran.returncode == 2
    assert "bash" in ran.stderr
