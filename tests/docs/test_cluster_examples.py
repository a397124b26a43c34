"""The examples of docs/cluster.md and docs/slurm.md parse, and their commands are those of this checkout."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from aging.cli.main import parser
from aging.runner.catalogue import Catalogue
from aging.study.cells import cells_of
from aging.study.load import load_study
from tests.conftest import ROOT
from tests.docs.test_code_blocks import containers

EXAMPLES = ROOT / "docs" / "examples" / "cluster"
SCRIPTS = sorted(EXAMPLES.glob("*.sbatch"))
KINDS = Catalogue.discovered().kinds()


def documents(name: str) -> dict[str, dict[str, Any]]:
    """The documents of a manifest by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8"))}


def accepted(words: list[str]) -> None:
    program, *arguments = words
    assert program == "aging"
    parser(arguments[:1]).parse_args(arguments)


def commands(script: Path) -> list[list[str]]:
    """The `aging` commands of a shell script, its variables replaced by a number."""
    text = re.sub(r"^\s*#.*$", "", script.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found = re.findall(r"\baging ((?:run|resume|status|analyze) [^&)\n]*--[^&)\n]*)", text)
    return [["aging", *shlex.split(re.sub(r"\$\w+", "1", one))] for one in found]


def test_the_study_file_has_one_cell_a_host() -> None:
    cells = cells_of(load_study(EXAMPLES / "study.toml", KINDS))
    assert [cell.replicate for cell in cells] == [1, 2]
    assert {cell.seconds for cell in cells} == {180.0}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_parse_and_their_commands_are_accepted(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False, timeout=10).returncode == 0
    found = commands(script)
    assert found
    for words in found:
        accepted(words)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_signaled_and_not_requeued(script: Path) -> None:
    options = re.findall(r"^#SBATCH (--\S+)", script.read_text(encoding="utf-8"), re.MULTILINE)
    assert {"--exclusive", "--no-requeue"} <= set(options)
    assert [one for one in options if one.startswith("--signal=B:USR1@")]


def test_the_rayjob_runs_the_study_of_its_config_map(tmp_path: Path) -> None:
    found = documents("rayjob.yaml")
    files = found["ConfigMap"]["data"]
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    study = load_study(tmp_path / "study.toml", KINDS)
    spec = found["RayJob"]["spec"]
    words = spec["entrypoint"].split()
    accepted(words)
    assert Path(words[2]).name in files
    cluster = spec["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    assert len(cells_of(study)) == group["replicas"] == group["minReplicas"] == group["maxReplicas"]
    labels = tomllib.loads(files["study.toml"])["hosts"]["labels"]
    assert labels.items() <= group["labels"].items()
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_the_measured_pods_have_the_settings_of_the_file() -> None:
    """But those for the head, and how it knows its nodes."""
    text = (EXAMPLES / "measured-host.env").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^export (RAY_\w+)=(\S+)", text, re.MULTILINE))
    del settings["RAY_AUTH_MODE"], settings["RAY_gcs_pull_resource_loads_period_milliseconds"]
    (group,) = documents("rayjob.yaml")["RayJob"]["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    (one,) = containers(group["template"])
    given = {each["name"]: each.get("value") for each in one["env"]}
    assert settings
    assert settings.items() <= given.items()


def test_a_shell_reads_the_settings_and_the_script() -> None:
    script = EXAMPLES / "measured-host.sh"
    assert subprocess.run(["bash", "-n", str(script)], check=False, timeout=10).returncode == 0
    command = f". {EXAMPLES / 'measured-host.env'} && env"
    ended = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True, timeout=10)
    assert "RAY_memory_monitor_refresh_ms=0\n" in ended.stdout


def test_the_job_has_an_index_a_cell() -> None:
    spec = documents("job.yaml")["Job"]["spec"]
    assert spec["completionMode"] == "Indexed"
    (cell,) = containers(spec["template"])
    words = [*cell["command"], *cell["args"]]
    assert words[words.index("--cell") + 1] == "$(JOB_COMPLETION_INDEX)"
    accepted([word.replace("$(JOB_COMPLETION_INDEX)", "0") for word in words])
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == cell["name"]


@pytest.mark.parametrize(("name", "kind"), [("rayjob.yaml", "RayJob"), ("job.yaml", "Job")])
def test_pods_mount_what_they_have_and_keep_apart(name: str, kind: str) -> None:
    spec = documents(name)[kind]["spec"]
    if kind == "RayJob":
        cluster = spec["rayClusterSpec"]
        templates = [cluster["headGroupSpec"]["template"], *(one["template"] for one in cluster["workerGroupSpecs"])]
    else:
        templates = [spec["template"]]
    for template in templates:
        mounted = {mount["name"] for one in containers(template) for mount in one.get("volumeMounts", ())}
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]}
    measured = templates[-1]
    (term,) = measured["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"] == measured["metadata"]["labels"]
    (one,) = containers(measured)
    assert one["resources"]["requests"] == one["resources"]["limits"]
