"""A result of 0.1 is analyzed and reported by this release: no verdict is reversed, every deployment is reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from aging.app.analyze import derive
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from tests.conftest import ROOT


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["first-look", pytest.param("real-runtimes", marks=pytest.mark.slow)])
def test_a_result_of_0_1_is_analyzed_and_reported(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    shutil.copytree(ROOT / "results" / name, root)
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["aging_version"] == "0.1.0"
    before = json.loads((root / "findings.json").read_text(encoding="utf-8"))
    (root / "findings.json").unlink()

    derive(root)

    after = json.loads((root / "findings.json").read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "docs" / "schemas" / "findings.schema.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(after)) == []
    then, now = _memory(before), _memory(after)
    assert {name for name, verdict in now.items() if verdict == "aging"} == {
        name for name, verdict in then.items() if verdict == "aging"
    }
    # Rules since then decide what was open, and leave open what a refuted constant rate alone had decided.
    changed = {(then[name], now[name]) for name in then if then[name] != now[name]}
    assert all("inconclusive" in pair for pair in changed)
    page = (root / "report.html").read_text(encoding="utf-8")
    assert all(deployment["name"] in page for deployment in manifest["deployments"])


def _memory(findings: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Verdicts of the deployments; those of the harness are judged from its second minute on since 0.2."""
    return {
        one["deployment"]: one["verdict"]
        for one in findings["findings"]
        if one["indicator"] == PRIMARY and not one["deployment"].startswith(HARNESS)
    }
