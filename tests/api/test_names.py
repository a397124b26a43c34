"""Results, called wrongly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import aging
from aging.core.errors import AgingError, InputError
from aging.core.metrics import PRIMARY
from tests.conftest import ROOT


def test_a_path_that_is_no_result_directory_says_what_it_is(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AgingError, match="does not exist"):
        aging.load_results(tmp_path / "none")
    with pytest.raises(AgingError, match=r"is not a result directory .* the latest below it is .*campaign"):
        aging.load_results(tmp_path)
    with pytest.raises(AgingError, match="is not a result directory"):
        aging.analyze(folder / "leaking")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.samples("leakng", "process"), "no deployment 'leakng'; did you mean 'leaking'"),
        (lambda r: r.samples("leaking", "proces"), "left no rows of 'proces'; did you mean 'process'"),
        (lambda r: r.samples("leaking", "device"), "left no rows of 'device'; known: process, requests"),
        (lambda r: r.samples("leaking", "process", 2), "no replica 2; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns=["procss_fds"]), "has no column 'procss_fds'"),
        (lambda r: r.samples("leaking", "process", "1"), "no replica '1'; it has: 1"),
        (lambda r: r.samples("leaking", "process", columns="mono"), "give a list of names, like ['mono']"),
        (lambda r: r.requests("nobody"), "no deployment 'nobody'; known: _harness, leaking, steady"),
        (lambda r: r.requests("leaking", base="due"), "base: 'due' is unknown; known: scheduled, sent, waited"),
        (lambda r: r.series("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda r: r.series("leaking", "process_fds"), "has no series of process_fds; it has: process_anon_swap_bytes"),
        (lambda r: r.series("leakng", PRIMARY), "did you mean 'leaking'"),
        (lambda r: r.samples(["leaking"], "process"), "['leaking'] is no name; write it as text"),
        (lambda r: r.samples("_harness", "process", 3), "_harness has no replica 3; it has: 1"),
        (lambda r: r.requests("_harness"), "_harness has no requests: the harness receives none; name one of: leaking"),
        (lambda r: r.series("leaking", PRIMARY, 7), "no replica 7; it has: 1"),
        (lambda r: r.series("leaking", ["x"]), "['x'] is no name"),
        (lambda r: r.trend("leakng", PRIMARY), "did you mean 'leaking'"),
        (lambda r: r.trend("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda r: r.findings("leakng"), "did you mean 'leaking'"),
        (lambda r: r.findings(indicator="process_anon"), "no finding of 'process_anon'"),
        (lambda r: r.findings("leaking", "process_anon_swap"), "did you mean 'process_anon_swap_bytes'"),
        (lambda r: r.findings(raw="yes"), "raw: 'yes' is neither True nor False"),
        (lambda r: r.events("load_stated"), "did you mean 'load_started'"),
        (lambda r: r.events(deployment="leakng"), "did you mean 'leaking'"),
        (lambda r: r.events(replica=2), "there is no replica 2; there are: 1"),
        (lambda r: r.restart_advice("leakng"), "did you mean 'leaking'"),
        (lambda r: r.sensitivity("leakng", grid=["30s"]), "did you mean 'leaking'"),
        (lambda r: r.sensitivity("leaking"), "give settings to compare"),
        (lambda r: r.sensitivity("leaking", grid="30s"), "'30s' is one setting; give a list of them"),
        (lambda r: r.plot.memory("leakng"), "did you mean 'leaking'"),
        (lambda r: r.plot.latency("leaking", 4), "no replica 4; it has: 1"),
    ],
)
def test_a_wrong_name_says_which_are_there(opened: aging.Results, call: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(opened)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AgingError)


def test_samples_of_requests_points_to_requests() -> None:
    with pytest.raises(InputError, match=r"call requests\('reference-leak'\)"):
        aging.load_results(ROOT / "results" / "first-look").samples("reference-leak", "requests")


@pytest.mark.parametrize("path", [None, 5, b"results", ""])
def test_load_results_wants_a_path(path: Any) -> None:
    with pytest.raises(InputError, match="is not a path"):
        aging.load_results(path)


def test_a_column_that_was_never_read_is_no_column_of_nothing(folder: Path) -> None:
    for file in folder.glob("leaking/r01/process/*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        why = json.dumps({"process_threads": "PermissionError"})
        file.write_text("".join(json.dumps(row | {"process_threads": None, "missing": why}) + "\n" for row in rows))
    results = aging.load_results(folder)
    with pytest.raises(InputError, match=r"never has a value of 'process_threads', in 900 rows: PermissionError"):
        results.samples("leaking", "process", columns=["process_threads"])
    assert "process_threads" in results.samples("leaking", "process")


def test_what_was_only_watched_has_no_requests(folder: Path) -> None:
    shutil.rmtree(folder / "leaking" / "r01" / "requests")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["campaign"]["load"] = None
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="leaking has no requests: the campaign only watched it and sent none"):
        aging.load_results(folder).requests("leaking")


def test_a_process_of_the_harness_has_one_replica() -> None:
    results = aging.load_results(ROOT / "results" / "first-look")
    with pytest.raises(InputError, match="_harness/runner has no replica 2; it has: 1"):
        results.series("_harness/runner", PRIMARY, 2)
    with pytest.raises(InputError, match="no harness process '_harness/runer'; did you mean '_harness/runner'"):
        results.findings("_harness/runer")
    with pytest.raises(InputError, match="there is no indicator 'process_fd'"):
        results.series("_harness/runner", "process_fd")
