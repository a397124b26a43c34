"""The action, the GitLab template and the example: well-formed, and their shell steps do what they say.

The steps are run by bash as CI runs them, with an ``aging`` that records its arguments in place of the real one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB: dict[str, Any] = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))
EXAMPLE: dict[Any, Any] = yaml.safe_load((ROOT / "docs" / "examples" / "pre-merge.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step.get("id", "upload"): step for step in ACTION["runs"]["steps"]}
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")

AGING = """#!{python}
import json, os, sys
open(os.environ["RECORD"], "w").write(json.dumps(sys.argv[1:]))
reports = dict(one.removeprefix("--report=").split("=", 1) for one in sys.argv if one.startswith("--report="))
if outcome := os.environ["OUTCOME"]:
    for kind, path in reports.items():
        text = json.dumps({{"gate": {{"outcome": outcome}}}}) if kind == "json" else f"::notice::{{kind}}\\n"
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        open(path, "w").write(text)
print("::error::from the log of a server")
sys.exit(int(os.environ["CODE"]))
"""

PYTHON = """#!/bin/bash
if [[ "$3" == venv ]]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; cp "$AGING_STUB" "$4/bin/aging"
else printf '%s\\n' "$@" > "$PIP_RECORD"; fi
"""

HOSTILE = """x > 1'; touch pwned; $(touch pwned) `touch pwned` "; touch pwned; #"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A step that was run: its exit code, what it printed, the arguments of aging, and the step's outputs."""

    code: int
    out: str
    arguments: list[str]
    outputs: dict[str, str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with stand-ins for aging, for Python and for what a runner gives."""
    for name in ("work", "temp", "environment/bin"):
        (tmp_path / name).mkdir(parents=True)
    aging = tmp_path / "environment" / "bin" / "aging"
    aging.write_text(AGING.format(python=sys.executable))
    aging.chmod(0o755)
    (tmp_path / "environment" / "bin" / "python").symlink_to(sys.executable)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def bash(script: str, place: Path, env: Mapping[str, str]) -> Ran:
    """Run a step as a runner does, in an environment that has nothing else."""
    output = place / "output"
    output.write_text("")
    given = {
        "PATH": os.environ["PATH"],
        "RUNNER_TEMP": str(place / "temp"),
        "GITHUB_OUTPUT": str(output),
        "RECORD": str(place / "record"),
        "PIP_RECORD": str(place / "pip"),
        "AGING_STUB": str(place / "environment" / "bin" / "aging"),
        "OUTCOME": "passed",
        "CODE": "0",
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=place / "work",
        env=given | dict(env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    record = place / "record"
    arguments = json.loads(record.read_text()) if record.exists() else []
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Ran(done.returncode, done.stdout + done.stderr, arguments, outputs)


def check(place: Path, outcome: str = "passed", code: int = 0, **inputs: str) -> Ran:
    """Run the action's check with these inputs, and the defaults of the others."""
    step = STEPS["check"]
    env = {"ENVIRONMENT": str(place / "environment"), "OUTCOME": outcome, "CODE": str(code)}
    for name, expression in step["env"].items():
        if found := re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression):
            env[name] = inputs.get(found[1].replace("-", "_"), ACTION["inputs"][found[1]].get("default", ""))
    return bash(step["run"], place, env)


class TestAction:
    def test_form(self) -> None:
        assert set(ACTION) == {"name", "description", "branding", "inputs", "outputs", "runs"}
        assert ACTION["runs"]["using"] == "composite"
        for one in ACTION["inputs"].values():
            assert set(one) in ({"description", "default"}, {"description", "required"})
            assert isinstance(one.get("default", ""), str)
        for one in STEPS.values():
            assert ("run" in one) != ("uses" in one)
            assert ("run" in one) == ("shell" in one)

    def test_expressions_name_inputs_and_steps(self) -> None:
        text = yaml.safe_dump(ACTION)
        conditions = " ".join(str(one.get("if", "")) for one in STEPS.values())
        inputs = set(re.findall(r"inputs\.([a-z-]+)", " ".join(EXPRESSION.findall(text)) + conditions))
        assert inputs == set(ACTION["inputs"])
        for step, name in re.findall(r"steps\.(\w+)\.outputs\.([a-z-]+)", text):
            assert step in STEPS
            assert "uses" in STEPS[step] or f"printf '{name}=" in STEPS[step]["run"]

    @pytest.mark.parametrize("step", [one for one in STEPS.values() if "run" in one], ids=lambda one: str(one["id"]))
    def test_no_expression_is_in_a_script(self, step: dict[str, Any]) -> None:
        assert "${{" not in step["run"]

    def test_arguments(self, place: Path) -> None:
        ran = check(
            place,
            file="",
            command="python -m x --port {port}",
            request="POST:/v1/x@body.json\n\nGET:/y\r\n",
            fail="a:per_request > 1\nb:per_hour > 2",
            baseline="main",
            arguments="--rate=50\n--deployment=a b",
        )
        results = place / "work" / "aging-results"
        assert ran.arguments == [
            "check",
            *("--budget=10m", "--alpha=0.01", "--beta=0.05", "--command=python -m x --port {port}"),
            *("--request=POST:/v1/x@body.json", "--request=GET:/y"),
            *("--fail=a:per_request > 1", "--fail=b:per_hour > 2", "--baseline=main", "--rate=50", "--deployment=a b"),
            *(f"--results={results}", f"--report=junit={results}/gate.xml", f"--report=markdown={results}/gate.md"),
            *(f"--report=json={results}/gate.json", f"--report=github={place}/temp/aging-annotations"),
        ]
        assert ran.outputs == {"verdict": "passed", "exit-code": "0", "results": str(results)}

    def test_file(self, place: Path) -> None:
        assert check(place, file="-campaign.toml", fail="a").arguments[-2:] == ["--", "-campaign.toml"]

    def test_hostile_inputs_are_arguments(self, place: Path) -> None:
        names = ("file", "command", "request", "fail", "baseline", "budget", "arguments")
        ran = check(place, "passed", 0, **dict.fromkeys(names, HOSTILE))
        assert sum(HOSTILE in one for one in ran.arguments) == len(names)
        assert not list(place.rglob("pwned"))

    @pytest.mark.parametrize(
        ("code", "outcome", "verdict"),
        [
            (0, "passed", "passed"),
            (1, "failed", "failed"),
            (3, "inconclusive", "inconclusive"),
            (4, "server-failed", "server-failed"),
            *((code, "", "error") for code in (2, 70, 137)),
        ],
    )
    @pytest.mark.parametrize("undecided", ["fail", "pass"])
    def test_exit_code(self, place: Path, code: int, outcome: str, verdict: str, undecided: str) -> None:
        ran = check(place, outcome, code, fail="a", undecided=undecided)
        assert ran.code == (0 if (code, undecided) == (3, "pass") else code)
        assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == (verdict, str(code))

    @pytest.mark.parametrize("outcome", ["", "failed", "inconclusive"])
    def test_a_pass_without_its_report_is_an_error(self, place: Path, outcome: str) -> None:
        ran = check(place, outcome, 0, fail="a", undecided="pass")
        assert (ran.code, ran.outputs["verdict"]) == (70, "error")

    def test_an_undecided_run_without_its_report_is_not_tolerated(self, place: Path) -> None:
        assert check(place, "", 3, fail="a", undecided="pass").code == 3

    def test_a_report_of_an_earlier_step_is_not_taken(self, place: Path) -> None:
        assert check(place, "passed", 0, fail="a").code == 0
        assert check(place, "", 0, fail="a").code == 70

    def test_workflow_commands_of_a_server_are_stopped(self, place: Path) -> None:
        first, *lines = check(place, fail="a").out.splitlines()
        token = first.removeprefix("::stop-commands::")
        assert len(token) > 30
        resumed = lines.index(f"::{token}::")
        assert lines.index("::error::from the log of a server") < resumed < lines.index("::notice::github")

    def test_modules_of_the_checkout_are_not_imported(self, place: Path) -> None:
        (place / "work" / "json.py").write_text("raise SystemExit(1)")
        ran = check(place, fail="a")
        assert (ran.code, ran.outputs["verdict"]) == (0, "passed")

    def test_results_of_several_lines_set_no_output(self, place: Path) -> None:
        ran = check(place, "failed", 1, fail="a", results="x\nverdict=passed")
        assert (ran.code, ran.arguments, ran.outputs) == (2, [], {})

    def test_another_word_for_undecided(self, place: Path) -> None:
        ran = check(place, fail="a", undecided="maybe")
        assert (ran.code, ran.arguments) == (2, [])

    @pytest.mark.parametrize("version", ["", "git+https://example.org/aging@v1"])
    def test_install(self, place: Path, version: str) -> None:
        env = {"PYTHON": str(place / "python"), "VERSION": version, "ACTION": "/action dir"}
        ran = bash(STEPS["install"]["run"], place, env)
        assert ran.code == 0, ran.out
        assert Path(ran.outputs["environment"], "bin", "aging").is_file()
        arguments = (place / "pip").read_text().splitlines()
        wanted = [version or "/action dir", "llm-aging[campaign]"]
        assert arguments[arguments.index("--") + 1 :] == wanted
        assert ("/action dir/constraints.txt" in arguments) == (not version)


@pytest.mark.parametrize("script", [STEPS["install"]["run"], STEPS["check"]["run"], GITLAB[".aging"]["script"][0]])
def test_python_is_isolated_from_the_checkout(script: str) -> None:
    assert not re.findall(r"python3?\}?\"? -(?!I )\S*", script)


class TestGitLab:
    def run(self, place: Path, **variables: str) -> Ran:
        (job,) = GITLAB.values()
        env = {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", **job["variables"], **variables}
        (place / "bin").mkdir()
        (place / "bin" / "python3").symlink_to(place / "python")
        (script,) = job["script"]
        return bash(script, place, env)

    def test_arguments(self, place: Path) -> None:
        ran = self.run(place, AGING_PACKAGE="aging", AGING_COMMAND="x {port}", AGING_REQUEST="GET:/", AGING_FAIL="a\nb")
        assert ran.code == 0, ran.out
        assert ran.arguments[:6] == [
            *("check", "--budget=10m", "--results=aging-results", "--command=x {port}", "--request=GET:/", "--fail=a")
        ]
        assert (place / "work" / "aging-results" / "gate.xml").is_file()

    @pytest.mark.parametrize("code", [1, 2, 3, 4, 70])
    def test_exit_code(self, place: Path, code: int) -> None:
        assert self.run(place, AGING_PACKAGE="aging", AGING_FILE="a.toml", CODE=str(code)).code == code

    def test_a_pass_without_a_report_fails(self, place: Path) -> None:
        assert self.run(place, AGING_PACKAGE="aging", AGING_FILE="a.toml", OUTCOME="").code == 70

    def test_hostile_variables_are_arguments(self, place: Path) -> None:
        names = ("AGING_FILE", "AGING_COMMAND", "AGING_REQUEST", "AGING_FAIL", "AGING_BASELINE")
        ran = self.run(place, AGING_PACKAGE="aging", **dict.fromkeys(names, HOSTILE))
        assert sum(HOSTILE in one for one in ran.arguments) == len(names)
        assert not list(place.rglob("pwned"))

    def test_no_package(self, place: Path) -> None:
        assert self.run(place, AGING_FILE="a.toml").code != 0

    def test_the_reports_are_artifacts(self) -> None:
        (job,) = GITLAB.values()
        assert job["artifacts"]["when"] == "always"
        assert job["artifacts"]["reports"] == {"junit": "aging-results/gate.xml"}


def test_the_example_names_inputs_of_the_action() -> None:
    (job,) = EXAMPLE["jobs"].values()
    (step,) = (one for one in job["steps"] if "/aging@" in one.get("uses", ""))
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, one in ACTION["inputs"].items() if one.get("required")} <= set(step["with"])
    assert EXAMPLE["permissions"] == {"contents": "read"}
