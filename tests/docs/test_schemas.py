"""The committed JSON Schemas accept what this package reads and writes, and refuse what it refuses."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aging.findings.study.file import study_findings_text
from aging.study.load import is_study
from tests.conftest import ROOT
from tests.findings.study_cells import Made, finding, findings, with_work
from tools.campaign_reference import EXAMPLE
from tools.study_reference import EXAMPLE as STUDY

FILES = sorted({*(ROOT / "campaigns").rglob("*.toml"), *(ROOT / "results").glob("*/campaign.toml")})
FINDINGS = sorted((ROOT / "results").glob("*/findings.json"))


@cache
def schema(name: str) -> Draft202012Validator:
    written = json.loads((ROOT / "docs" / "schemas" / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(written)
    return Draft202012Validator(written)


def mistakes(name: str, document: Any) -> list[str]:
    return [error.message for error in schema(name).iter_errors(document)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_committed_campaign_is_valid(path: Path) -> None:
    name = "study.schema.json" if is_study(path) else "campaign.schema.json"
    assert mistakes(name, tomllib.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("replicates = 3", "replicates = 0"),
        ("replicates = 3", "replicate = 3"),
        ('labels = { rack = "b" }', 'patience = "1h"'),
        ("[matrix]", "patience = 600\n[matrix]"),
        ("[0, 1024]", "0"),
    ],
)
def test_a_mistake_in_a_study_is_refused(right: str, wrong: str) -> None:
    assert right in STUDY
    assert mistakes("study.schema.json", tomllib.loads(STUDY)) == []
    assert mistakes("study.schema.json", tomllib.loads(STUDY.replace(right, wrong, 1)))


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.parent.name)
def test_findings_of_every_committed_result_are_valid(path: Path) -> None:
    assert mistakes("findings.schema.json", json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('duration = "10m"', "duration = 600"),
        ('duration = "10m"', 'duration = "10 minutes"'),
        ('warmup = "2m"', 'warmup = "soon"'),
        ("seed = 1", "sead = 1"),
        ("rate = 5.0", "rat = 5.0"),
        ('kind = "poisson"', 'kind = "fish"'),
        ('kind = "reference"', 'kind = "referense"'),
        ('leak_per_request = "16KiB"', "leak_per_request = 16384"),
        ('leak_per_request = "16KiB"', 'leek_per_request = "16KiB"'),
        ("median = 48", "medium = 48"),
    ],
)
def test_a_mistake_is_refused(right: str, wrong: str) -> None:
    assert right in EXAMPLE
    assert mistakes("campaign.schema.json", tomllib.loads(EXAMPLE)) == []
    assert mistakes("campaign.schema.json", tomllib.loads(EXAMPLE.replace(right, wrong, 1)))


@pytest.mark.parametrize(
    "more",
    [
        'warmup = "auto"',
        "[sampling]\nprocess = '2s'",
        "[rejuvenation]\npolicy = 'periodic'\nevery = '6h'",
        "[[deployment]]\nname = 'other'\nkind = 'command'\ncommand = ['x', '{port}']",
    ],
)
def test_what_the_kinds_allow_is_accepted(more: str) -> None:
    text = EXAMPLE.replace('warmup = "2m"', more) if more.startswith("warmup") else f"{EXAMPLE}\n{more}\n"
    assert mistakes("campaign.schema.json", tomllib.loads(text)) == []


def study_document() -> Any:
    """The findings of a study with everything that one can have, as they are written."""
    made = Made(replicates=4, levels=({"load.arrivals.rate": 1.0}, {"load.arrivals.rate": 3.0}))
    for number in range(1, 5):
        made.host(f"h{number}", driver=f"550.{number}")
        for variant in (1, 2):
            cell = findings(with_work(finding(100.0 + number), 50.0))
            if (variant, number) != (2, 4):
                made.counted(f"v{variant}-r{number:02d}", f"h{number}", cell)
    made.placed("v2-r04", "h4")
    made.lost("v2-r04", files=2)
    return json.loads(study_findings_text(made.analyzed()))


def test_findings_of_a_study_are_valid() -> None:
    document = study_document()
    for key in ("findings", "hosts", "differing", "differences", "cells", "not_counted", "problems"):
        assert document[key], key
    assert mistakes("study-findings.schema.json", document) == []


@pytest.mark.parametrize(
    ("part", "key", "wrong"),
    [
        ("findings", "verdict", "leaking"),
        ("findings", "per_hour", "1 MiB"),
        ("findings", "rates", [{"rate": "per_day"}]),
        ("findings", "by_cell", None),
        ("hosts", "outlier", "perhaps"),
        ("differences", "paired_hosts", 1.5),
        ("cells", "attempts", None),
    ],
)
def test_wrong_findings_of_a_study_are_refused(part: str, key: str, wrong: Any) -> None:
    document = study_document()
    document[part][0][key] = wrong
    assert mistakes("study-findings.schema.json", document)


def test_findings_of_a_campaign_are_not_those_of_a_study() -> None:
    document = json.loads(FINDINGS[0].read_text(encoding="utf-8"))
    assert mistakes("study-findings.schema.json", document)
    assert mistakes("findings.schema.json", study_document())


def test_a_verdict_that_there_is_not_is_refused() -> None:
    document = json.loads(FINDINGS[0].read_text(encoding="utf-8"))
    document["findings"][0]["verdict"] = "leaking"
    assert mistakes("findings.schema.json", document)
