"""The alert rules and the dashboard: by promtool, and by a real Prometheus that scrapes real pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aging.core.http import HTTPError, get
from aging.store.lock import Lock
from aging.store.segments import SegmentWriter
from tests.conftest import ROOT, unused_port
from tests.report.conftest import FOUR, Made, write_campaign
from tests.serve.live import exported_with_verdict, served
from tests.serve.test_server import begun, request, sample

EXAMPLES = ROOT / "docs" / "examples"
RULES = EXAMPLES / "prometheus" / "aging-rules.yml"
DASHBOARD = EXAMPLES / "grafana" / "aging-campaign.json"
SCHEMA_VERSION = 39
"""Of Grafana 10.1 and later."""

_SUFFIXES = {"counter": "_total", "info": "_info"}
_METRIC = re.compile(r"\b(aging_\w+|up)\b")

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [one for one in found if one["type"] != "row"]


def expressions() -> dict[str, str]:
    """The expressions of every panel, with its variables filled in."""
    filled = {"$instance": ".*", "$deployment": ".*", "$__rate_interval": "10s"}
    found = {}
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in filled.items():
                text = text.replace(name, value)
            found[f"{panel['title']} {target['refId']}"] = text
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


CHECKS: dict[str, tuple[str, str, Path]] = {
    "rules": ("check", "rules", RULES),
    "behavior of the rules": ("test", "rules", RULES.with_suffix(".test.yml")),
    "configuration": ("check", "config", RULES.with_name("prometheus.yml")),
}


@promtool
@pytest.mark.parametrize("check", CHECKS)
def test_promtool(check: str) -> None:
    ran = subprocess.run(["promtool", *map(str, CHECKS[check])], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_rule_has_a_unit_test() -> None:
    tested = yaml.safe_load(RULES.with_suffix(".test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tested for one in test["alert_rule_test"] if one.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules()}


def test_the_dashboard_is_one() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] == SCHEMA_VERSION
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not mine & taken
        taken |= mine
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables | {"__rate_interval"}


def test_only_metrics_that_are_exported(tmp_path: Path) -> None:
    root = write_campaign(tmp_path / "c" / "20260921T143320Z", Made(FOUR)).layout.root
    families = [line.split()[2:] for line in exported_with_verdict(root).splitlines() if line.startswith("# TYPE ")]
    known = {name + _SUFFIXES.get(kind, "") for name, kind in families}
    described = (ROOT / "docs" / "live.md").read_text()
    assert [
        name for name, kind in families if f"`{name}{_SUFFIXES.get(kind, '').replace('_info', '')}`" not in described
    ] == []
    for text in [*expressions().values(), *(rule["expr"] for rule in rules())]:
        used = set(_METRIC.findall(re.sub(r'"[^"]*"|\{[^}]*\}|by \([^)]*\)', "", text)))
        assert used
        assert used <= known | {"up"}, text


@contextlib.contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[str]:
    """A Prometheus of its own, on loopback; the base URL of its API."""
    config = yaml.safe_load((RULES.with_name("prometheus.yml")).read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    config["rule_files"] = [str(RULES)]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = unused_port()
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    server = subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_scraped_by_prometheus(tmp_path: Path) -> None:
    """Pages of a campaign that has ended and of one that runs: every panel shows something, every rule is sound."""
    host = {"name": "bench", "memory_limit_bytes": 2 * 2**30}
    ended = write_campaign(tmp_path / "c" / "20260921T143320Z", Made(FOUR, manifest={"host": host})).layout.root
    running = begun(tmp_path)
    lock = Lock.take(running.root, "runner")
    process, requests = (SegmentWriter(running.source("a", source)) for source in ("process", "requests"))
    start = time.monotonic()

    def grow(second: int) -> None:
        process.append(time.time(), [sample(start + second, 2**24 + second * 2**16)])
        requests.append(time.time(), [request(start + second + part / 4, part) for part in range(4)])

    def asked(url: str, **query: str) -> Any:
        return get(url, params=query, timeout=30).raise_for_status().json()["data"]

    async def scrape() -> None:
        async with served(ended) as first, served(running.root) as second:
            await first.follow(lambda: "Final findings" in first.html.get("verdict", ""))
            with prometheus(tmp_path, [f"127.0.0.1:{page.port}" for page in (first, second)]) as api:
                empty = list(expressions().items())
                for turn in range(120):
                    grow(turn)
                    await asyncio.sleep(1)
                    with contextlib.suppress(HTTPError):
                        found = [
                            (name, await asyncio.to_thread(asked, f"{api}/query", query=text)) for name, text in empty
                        ]
                        empty = [one for one, (_, data) in zip(empty, found, strict=True) if not data["result"]]
                        if not empty and turn > 10:
                            break
                assert not empty
                groups = (await asyncio.to_thread(asked, f"{api}/rules"))["groups"]
                states = {rule["name"]: (rule["health"], rule["state"]) for group in groups for rule in group["rules"]}
                assert states.keys() == {rule["alert"] for rule in rules()}
                assert {health for health, _ in states.values()} == {"ok"}
                assert states["AgingServerAges"][1] == "firing"
                assert states["AgingRequestsFail"][1] in ("pending", "firing")
                assert states["AgingRunnerGone"][1] == "inactive"
                targets = (await asyncio.to_thread(asked, f"{api}/targets"))["activeTargets"]
                assert {(one["health"], one["lastError"]) for one in targets} == {("up", "")}

    asyncio.run(scrape())
    lock.close()
    process.close()
    requests.close()
