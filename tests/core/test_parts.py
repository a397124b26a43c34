"""Optional parts: what is not installed is said in one line with the command that installs it, before anything runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aging.core.parts import CAMPAIGN, CLUSTER, REPORT, SEALED, Part, lacking
from tests.conftest import Aging

ROOT = Path(__file__).parents[2]
FIRST_LOOK = str(ROOT / "results/first-look")
QUICKSTART = str(ROOT / "campaigns/quickstart.toml")

TABLE = "t,rss\n" + "".join(f"{60 * minute},{100e6 + 1e4 * minute}\n" for minute in range(200))


def without(part: Part, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder`` where the modules of a part cannot be imported, in child processes neither."""
    hidden = folder / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({part.modules!r}))\n")
    env = os.environ | {"PYTHONPATH": f"{hidden}{os.pathsep}{ROOT}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, env=env, check=False)


def test_the_extras_bring_what_the_parts_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {
        extra: {re.split(r"[>=\[]", one)[0] for one in wanted}
        for extra, wanted in project["optional-dependencies"].items()
    }
    assert names[REPORT.extra] == set(REPORT.modules)
    assert names[CAMPAIGN.extra] | names["report"] == {"llm-aging", *CAMPAIGN.modules}
    assert names[CLUSTER.extra] | names["campaign"] | names["report"] == {"llm-aging", *CLUSTER.modules}
    base = {re.split(r"[>=\[]", one)[0] for one in project["dependencies"]}
    assert not base & set(CAMPAIGN.modules)


def test_only_a_module_of_a_part_is_explained() -> None:
    found = lacking(ModuleNotFoundError("x", name="pyarrow.parquet"))
    assert found is not None
    assert SEALED.command in str(found)
    brought = lacking(ModuleNotFoundError("x", name="markupsafe"))
    assert brought is not None
    assert "jinja2" in str(brought)
    assert REPORT.command in str(brought)
    assert lacking(ModuleNotFoundError("x", name="numpy")) is None
    assert lacking(ModuleNotFoundError("x")) is None


def test_the_base_judges_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    ran = without(CAMPAIGN, tmp_path, "-m", "aging", "trend", "t.csv", "--json")
    assert ran.returncode == 0, ran.stderr
    assert '"aging"' in ran.stdout


def test_an_import_that_fails_is_one_line_with_the_command(tmp_path: Path) -> None:
    ran = without(CAMPAIGN, tmp_path, "-m", "aging", "model", "--out", "model.gguf")
    (line,) = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert line.endswith(f"gguf, not installed here: {CAMPAIGN.command}")
    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("trend", "t.csv", "--plot", "t.png"), REPORT),
        (("report", FIRST_LOOK), REPORT),
        (("serve", FIRST_LOOK), REPORT),
        (("run", QUICKSTART), CAMPAIGN),
        (("run", QUICKSTART, "--detach"), CAMPAIGN),
        (("check", QUICKSTART, "--fail", "process_anon_swap_bytes:per_request > 256B"), CAMPAIGN),
        (("doctor", QUICKSTART), CAMPAIGN),
        (("calibrate", QUICKSTART), CAMPAIGN),
        (("rejuvenate", FIRST_LOOK), CAMPAIGN),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_needs_more_says_so_before_anything_runs(
    cli: Aging, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], part: Part
) -> None:
    monkeypatch.setattr("aging.core.parts._exists", lambda module: module not in CAMPAIGN.modules)
    (tmp_path / "t.csv").write_text(TABLE)
    ran = cli(*arguments)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    (line,) = ran.stderr.splitlines()
    assert line.endswith(f": {part.command}")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


OBSERVE = """
import os
from pathlib import Path
from rich.console import Console
from aging.app.observe import observation
from aging.app.run import run_campaign
from aging.deployments.origins.attached import Whereabouts
ran = run_campaign(observation(Whereabouts("pid", {pid}), "4s"), Path("results"), {{}}, Console())
print(len(ran.findings.findings), ran.layout.root)
"""


@pytest.mark.thorough
def test_the_base_observes_and_what_it_wrote_is_read_with_all_parts(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            ran = without(CAMPAIGN, tmp_path, "-c", OBSERVE.format(pid=repr(str(process.pid))))
        finally:
            process.kill()
    assert ran.returncode == 0, ran.stderr
    assert f"note: no report.html without jinja2 and matplotlib: {REPORT.command}" in ran.stdout
    count, _, path = ran.stdout.splitlines()[-1].partition(" ")
    root = tmp_path / path
    assert int(count) > 0
    assert not (root / "report.html").exists()
    assert not list(root.rglob("*.parquet"))
    whole = subprocess.run(
        [sys.executable, "-m", "aging", "report", str(root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert whole.returncode == 0, whole.stderr
    assert (root / "report.html").exists()
