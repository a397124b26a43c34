"""The manifest: what the runner writes reads back, earlier releases' are readable, and what is not known is kept."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from aging.app.prepare import make_result_directory
from aging.campaign.load import parse_campaign
from aging.core.errors import ResultsError
from aging.runner.catalogue import Catalogue
from aging.runner.manifest import manifest, write_manifest
from aging.runner.preflight import resolve_deployments
from aging.store.manifest import Load, LoadClass, Manifest, read_manifest
from tests.builders import GOOD

ROOT = Path(__file__).parents[2]
LEAST: dict[str, Any] = {
    "schema": 1,
    "seed": 1,
    "schedule_hashes": {},
    "campaign": {"name": "c", "load": None},
    "deployments": [{"name": "a"}],
}


def written(path: Path, **changed: Any) -> Path:
    (path / "manifest.json").write_text(json.dumps(LEAST | changed))
    return path / "manifest.json"


@pytest.mark.parametrize("name", ["first-look", "real-runtimes"])
def test_manifests_of_earlier_releases_are_read_and_every_key_is_kept(name: str) -> None:
    path = ROOT / "results" / name / "manifest.json"
    found = read_manifest(path)
    assert found.as_json() == json.loads(path.read_text())
    assert (found.smoke, found.experiment, found.campaign.validity, found.campaign.retries) == (False, None, {}, 0)
    assert found.campaign.load is not None
    assert found.campaign.load.timeout_seconds == 30.0
    assert {one.name for one in found.deployments} == {run.partition("/")[0] for run in found.schedule_hashes}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    made = manifest(parse_campaign(GOOD, Catalogue.discovered().kinds()), (), ())
    write_manifest(made, tmp_path / "manifest.json")
    assert read_manifest(tmp_path / "manifest.json") == made
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["schema"] == 1
    assert "smoke" not in content
    assert content["campaign"]["load"]["arrivals"] == {"kind": "poisson", "rate": 8.0}
    assert content["campaign"]["analysis"] == {
        "grid_seconds": made.campaign.analysis.grid_seconds,
        "q": 0.1,
        "test": made.campaign.analysis.test,
        "horizon_seconds": 30 * 86_400.0,
        "memory_limit_bytes": None,
    }


def test_the_campaign_file_and_the_commit_that_ran_it_are_named(tmp_path: Path) -> None:
    campaign = parse_campaign(GOOD, Catalogue.discovered().kinds())
    layout = make_result_directory(campaign, manifest(campaign, (), ()), GOOD, tmp_path)
    found = read_manifest(layout.manifest)
    assert found.campaign_sha256 == sha256(layout.campaign.read_bytes()).hexdigest()
    assert found.host.cpu
    assert found.host.kernel == platform.release()
    if (ROOT / ".git").exists():
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert found.git is not None
        assert (found.git.commit, found.git.folder) == (head.stdout.strip(), str(ROOT))


def test_a_command_server_has_packages_and_a_commit(tmp_path: Path) -> None:
    catalogue = Catalogue.discovered()
    server = f'[[deployment]]\nname = "own"\nkind = "command"\nport = 18003\ncommand = ["{sys.executable}", "x.py"]\n'
    campaign = parse_campaign(GOOD + server, catalogue.kinds())
    made = manifest(campaign, resolve_deployments(campaign, catalogue), ())
    write_manifest(made, tmp_path / "manifest.json")
    own = read_manifest(tmp_path / "manifest.json").deployment("own")
    assert own is not None
    assert own.packages["numpy"] == version("numpy")
    assert own.python == platform.python_version()


def test_the_least_manifest_has_defaults_for_the_rest(tmp_path: Path) -> None:
    found = read_manifest(written(tmp_path))
    assert (found.campaign.replicas, found.campaign.warmup_seconds, found.host.name) == (1, None, "")
    assert found.load_of("a") is None
    assert found.deployment("b") is None


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    deployments = [{"name": "a", "image_id": "sha256:abc"}]
    found = read_manifest(written(tmp_path, deployments=deployments, rack={"row": 3}))
    assert found.as_json() == LEAST | {"deployments": deployments, "rack": {"row": 3}}


def test_a_point_of_a_design_has_a_load_of_its_own() -> None:
    treatment = {"base": "a", "point": 1, "levels": {"load.timeout": "5s"}, "load": {"timeout": "5s"}}
    deployments = [{"name": "a-p01", "treatment": treatment}, {"name": "b"}]
    campaign = {"name": "c", "load": {"timeout": "30s", "class": [{"name": "chat"}, {"name": "batch"}]}}
    found = Manifest.model_validate(LEAST | {"campaign": campaign, "deployments": deployments})
    assert found.load_of("a-p01") == Load(timeout="5s")
    assert found.load_of("b") == Load.model_validate(
        {"timeout": "30s", "class": [LoadClass(name="chat"), LoadClass(name="batch")]}
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema": 2}, "format version 2 is unknown; this release reads 1"),
        ({"campaign": {}}, "has no campaign.name: "),
        ({"campaign": {"name": "c"}}, "campaign.load: "),
        ({"deployments": [{"kind": "x"}]}, "deployments.0.name: "),
        ({"seed": "x"}, "seed: "),
    ],
)
def test_a_manifest_that_is_none_names_the_file_and_the_key(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ResultsError) as caught:
        read_manifest(written(tmp_path, **changed))
    assert str(caught.value).startswith(f"{tmp_path / 'manifest.json'}: {message}")
    assert "\n" not in str(caught.value)
