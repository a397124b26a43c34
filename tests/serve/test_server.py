"""The live page over real sockets, of directories that a campaign has written, is writing, or has left broken."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from aging.core.errors import ResultsError
from aging.serve.campaign import Followed
from aging.serve.directory import campaign_directory
from aging.serve.history import read
from aging.serve.live_parts import LiveParts
from aging.serve.parts import Parts
from aging.serve.verdicts import Verdicts
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.lock import Lock
from aging.store.sealing import seal_all
from aging.store.segments import SegmentWriter
from tests.builders import event
from tests.report.conftest import FOUR, Made, Server, write_campaign
from tests.serve.live import Page, exported, exported_with_verdict, served, until

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_campaign(tmp_path / "four" / "20260921T143320Z", Made(FOUR)).layout.root


def visited(root: Path, visit: Callable[[Page], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def go() -> None:
        async with served(root, **options) as page:
            await visit(page)

    asyncio.run(go())


def metrics(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What Prometheus would have stored."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


class TestPage:
    def test_everything_of_a_campaign_that_has_ended(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            first = await page.get("/")
            assert first.status == 200
            assert "synthetic" in first.text
            await page.follow(lambda: "Final findings" in page.html.get("verdict", ""))
            assert "completed" in page.html["progress"]
            for name in ("llama-default", "reference-leak"):
                assert name in page.html["runs"]
                assert name in page.html["verdict"]
                assert f"memory-{name}-r01" in page.figures
                assert f"ttft-{name}-r01" in page.figures
                assert f"requests-{name}-r01" in page.figures
            assert page.html["series"].count("<figure") == 12
            assert "campaign_completed" in page.html["events"]
            assert "process_fds" in page.html["indicator-0"]

        visited(root, visit)

    def test_files_of_the_page(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            first = await page.get("/")
            for name in ("report.css", "charts.css", "live.css", "uplot.js", "charts.js", "live.js"):
                assert f'"{name}"' in first.text
                assert (await page.get(f"/{name}")).status == 200
            policy = first.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert first.headers["x-content-type-options"] == "nosniff"
            assert (await page.get("/../journal.jsonl")).status == 404
            assert (await page.get("/journal.jsonl")).status == 404

        visited(root, visit)

    def test_a_further_indicator(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            await page.follow(lambda: "process_fds" in page.html.get("indicator-0", ""))
            element = await page.get("/figure?run=0&indicator=process_fds")
            assert "<figure" in element.text
            data = json.loads((await page.get("/figure?run=0&indicator=process_fds&form=data")).text)
            assert (
                data["key"] == "indicator-llama-no-cache-r01-process_fds-" + data["key"].rpartition("-")[2]
                or data["key"]
            )
            for query in (
                "run=9&indicator=process_fds",
                "run=-1&indicator=x",
                "run=0&indicator=%3Cscript%3E",
                "run=0",
                "",
            ):
                assert (await page.get(f"/figure?{query}")).status == 404

        visited(root, visit)

    def test_report(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            assert (await page.get("/report.html")).status == 404
            (root / "report.html").write_text("<p>the report</p>")
            answer = await page.get("/report.html")
            assert answer.body == b"<p>the report</p>"
            assert "sandbox" in answer.headers["content-security-policy"]
            (root / "report.html").unlink()
            (root / "report.html").symlink_to("/etc/passwd")
            assert (await page.get("/report.html")).status == 404

        visited(root, visit)

    def test_token(self, root: Path) -> None:
        token = "a-token-of-enough-characters"

        async def visit(page: Page) -> None:
            for path in ("/", "/events", "/metrics", "/healthz", "/report.css", "/figure"):
                assert (await page.get(path)).status == 401
            assert (await page.get("/metrics", Authorization=f"Bearer {token}")).status == 200
            first = await page.get(f"/?token={token}")
            assert first.status == 303
            cookie = first.headers["set-cookie"].partition(";")[0]
            assert (await page.get("/", Cookie=cookie)).status == 200

        visited(root, visit, token=token)

    def test_another_host_in_the_request(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            assert (await page.get("/", Host="evil.example")).status == 403

        visited(root, visit)


class TestRunning:
    """A campaign whose files grow while the page is open."""

    def test_rows_and_events_as_they_come(self, tmp_path: Path) -> None:
        layout = begun(tmp_path)
        start = time.monotonic()
        process = SegmentWriter(layout.source("a", "process"))
        requests = SegmentWriter(layout.source("a", "requests"))

        def grow(second: int) -> None:
            process.append(time.time(), [sample(start + second, 2**24 + second * 2**16)])
            requests.append(time.time(), [request(start + second + part / 4, part) for part in range(4)])

        async def visit(page: Page) -> None:
            for second in range(30):
                grow(second)
            await page.follow(lambda: ">120<" in page.html.get("runs", ""))
            before = page.figures["memory-a-r01"]
            for second in range(30, 60):
                grow(second)
            await page.follow(lambda: page.figures["memory-a-r01"] != before and ">240<" in page.html["runs"])
            assert page.figures["memory-a-r01"]["last"] > before["last"]
            found = metrics((await page.get("/metrics")).text)
            of = (("deployment", "a"), ("replica", "1"))
            assert found["aging_run_requests_total", (*of[:1], ("outcome", "ok"), of[1])] == 180
            assert found["aging_run_requests_total", (*of[:1], ("outcome", "error"), of[1])] == 60
            assert found["aging_run_request_failures_total", (*of[:1], ("failure", "timeout"), of[1])] == 60
            assert found["aging_run_memory_bytes", of] == 2**24 + 59 * 2**16
            slope = found["aging_run_memory_growth_bytes_per_second", (("bound", "estimate"), *of)]
            assert slope == pytest.approx(2**16, rel=0.01)
            assert found["aging_campaign_runner_up", ()] == 1
            assert found["aging_run_phase", (("aging_run_phase", "loading"), *of)] == 1
            assert found["aging_run_ttft_seconds", (*of[:1], ("quantile", "0.5"), of[1])] == pytest.approx(0.05)

        lock = Lock.take(layout.root, "runner")
        visited(layout.root, visit)
        lock.close()
        process.close()
        requests.close()

    def test_a_runner_that_is_gone(self, tmp_path: Path) -> None:
        layout = begun(tmp_path)

        async def visit(page: Page) -> None:
            await page.follow(lambda: "aging resume" in page.html.get("banner", "") and "progress" in page.html)
            assert "abandoned" in page.html["progress"]
            assert "aging resume" not in page.html["progress"]  # said once
            assert metrics((await page.get("/metrics")).text)["aging_campaign_runner_up", ()] == 0

        visited(layout.root, visit)

    def test_stopped_with_a_page_open(self, root: Path) -> None:
        async def go() -> list[tuple[str, str]]:
            async with served(root) as page:
                following = asyncio.create_task(page.follow(lambda: page.said and page.said[-1][0] == "bye"))
                await until(lambda: bool(page.html))
            await following
            return page.said

        said = asyncio.run(go())
        assert said[0][0] == "hello"
        assert "aging serve" in said[-1][1]

    def test_ends_with_its_campaign(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("aging.serve.server._ORPHANED_SECONDS", 0.0)
        monkeypatch.setattr("aging.serve.server._UNWATCHED_SECONDS", 0.05)

        async def go() -> None:
            async with asyncio.timeout(60), served(root, until_end=True) as page:
                lock = Lock.take(root, "runner")
                await asyncio.sleep(0.3)
                lock.close()
                while await alive(page):  # noqa: ASYNC110 - it ends by itself
                    await asyncio.sleep(0.05)

        async def alive(page: Page) -> bool:
            try:
                return (await page.get("/healthz")).status == 200
            except OSError:
                return False

        asyncio.run(go())


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed hours are read in this process: each of its own imports Parquet anew."""

    async def call(_name: str, job: Any, *, niceness: int) -> Any:
        assert niceness > 0
        return json.loads(json.dumps(read(json.loads(json.dumps(job)))))

    monkeypatch.setattr("aging.serve.campaign.call", call)


@pytest.mark.usefixtures("read_here")
class TestHistory:
    def test_sealed_and_live_alike(self, root: Path) -> None:
        def state(followed: Followed) -> Any:
            return {key: run.series.packed() for key, run in followed.runs.items()}

        async def followed_to_its_end() -> Any:
            followed = Followed(Layout(root))
            followed.read()
            while await followed.read_history():
                pass
            followed.read()
            found = state(followed)
            followed.close()
            return found

        live = asyncio.run(followed_to_its_end())
        seal_all(root, tolerated=False)
        sealed = asyncio.run(followed_to_its_end())
        for key, one in live.items():
            other = sealed[key]
            assert other["requests"] == one["requests"]
            assert other["failures"] == one["failures"]
            assert other["seen_until"] == one["seen_until"]
            assert other["indicators"].keys() == one["indicators"].keys()
            for name in one["indicators"]:
                assert other["indicators"][name] == one["indicators"][name], name
            assert other["ttft"] == one["ttft"]
            assert other["outcomes"] == one["outcomes"]

    def test_a_damaged_hour(self, root: Path) -> None:
        seal_all(root, tolerated=False)
        next(root.glob("llama-default/r01/process/*.parquet")).write_bytes(b"PAR1 not really")

        async def visit(page: Page) -> None:
            await page.follow(lambda: "memory-reference-leak-r01" in page.figures)
            assert (await page.get("/metrics")).status == 200

        visited(root, visit)


class TestBadInput:
    @pytest.mark.parametrize("kind", ["absent", "empty", "file", "no-manifest", "broken-manifest", "other-version"])
    def test_no_campaign(self, kind: str, root: Path, tmp_path: Path) -> None:
        path = tmp_path / kind
        match kind:
            case "empty":
                path.mkdir()
            case "file":
                path.write_text("x")
            case "no-manifest":
                shutil.copytree(root, path)
                (path / "manifest.json").unlink()
            case "broken-manifest":
                shutil.copytree(root, path)
                (path / "manifest.json").write_text("{")
            case "other-version":
                shutil.copytree(root, path)
                (path / "manifest.json").write_text('{"schema": 99}')
        with pytest.raises(ResultsError, match=kind):
            Followed(campaign_directory(path))

    def test_a_folder_of_campaigns(self, root: Path) -> None:
        for folder in (root.parent, root.parent.parent):
            with pytest.raises(ResultsError, match=str(root)):
                campaign_directory(folder)

    @pytest.mark.parametrize(
        "journal", [b"", b"\n\n{}\n[]\nnull\n", b"\xff\xfe\x00garbage\n" * 50, b'{"event": 1, "wall"']
    )
    def test_a_journal_without_events(self, journal: bytes, root: Path) -> None:
        (root / "journal.jsonl").write_bytes(journal)

        async def visit(page: Page) -> None:
            await page.follow(lambda: "runs" in page.html)
            assert "No server has been started yet" in page.html["runs"]
            assert (await page.get("/metrics")).status == 200

        visited(root, visit)

    @pytest.mark.thorough
    def test_a_journal_with_values_of_other_types(self, tmp_path: Path) -> None:
        servers = (Server("a", restarts_at=(50,)), Server("b", dies_at=40))
        layout = write_campaign(tmp_path / "c" / "20260921T143320Z", Made(servers)).layout
        lines = [json.loads(line) for line in layout.journal.read_text().splitlines()]
        bad: list[Any] = ["x", None, -1, 1e308, [], {}, True, float("nan")]
        rng, left_out = random.Random(1), 0
        for _ in range(60):
            changed = [dict(line) for line in lines]
            for _ in range(2):
                one = rng.choice(changed)
                one[rng.choice(list(one))] = rng.choice(bad)
            layout.journal.write_text("".join(json.dumps(line) + "\n" for line in changed))
            followed = Followed(layout)
            followed.read()
            LiveParts(followed, Verdicts(layout), "1").make(Parts(), followed.snapshot(), "")
            assert exported(followed).endswith("# EOF\n")
            left_out += followed.journal.unreadable
            followed.close()
        assert left_out > 20

    def test_rows_that_are_none(self, tmp_path: Path) -> None:
        layout = begun(tmp_path)
        for source in ("process", "requests", "engine"):
            folder = layout.source("a", source)
            folder.mkdir(parents=True)
            lines = ['{"mono": "x"}', "{", "[]", '{"mono": 1e308, "process_fds": 1e308}', '{"finished": null}', "null"]
            lines += ['{"mono": 5, "entity": 7}', '{"mono": 6, "entity": "tree", "process_fds": true}', "x" * 1_000_000]
            lines += [
                '{"finished": 5, "status": {"a": 1}}',
                '{"mono": NaN, "process_fds": 3}',
                '{"mono": 7, "a": Infinity}',
            ]
            (folder / "20260101T00.live.jsonl").write_text("\n".join(lines) + "\n")

        async def visit(page: Page) -> None:
            await page.follow(lambda: "series" in page.html)
            assert (await page.get("/metrics")).status == 200
            assert (await page.get("/healthz")).status == 200

        visited(layout.root, visit)

    def test_hostile_names_and_texts(self, tmp_path: Path) -> None:
        made = Made((Server("a"),), name="hostile", description=HOSTILE)
        root = write_campaign(tmp_path / "c" / "20260921T143320Z", made).layout.root
        manifest = json.loads((root / "manifest.json").read_text())
        manifest["campaign"]["name"] = f"{HOSTILE}\ud800\x1b[31m"
        (root / "manifest.json").write_text(json.dumps(manifest))
        journal = Journal(root / "journal.jsonl")
        for name in ("../../outside", "..", "", "a/b", "\x00", f"x{HOSTILE}".replace("/", ""), "\u202eevil"):
            journal.record(event("deployment_started", name, replica=1, generation=1, pid=1, command=[HOSTILE]))
        journal.record(event("sampler_unavailable", sampler=HOSTILE, reason="\x1b]0;title\x07\x1b[2J" + "y" * 100_000))
        journal.close()
        logs = root / "a" / "r01" / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        colors = "\x1b[31mred\x1b[0m\n0 %\r50 %\r100 %\n"
        (logs / "1.log").write_text(f"{HOSTILE}\n" + "z" * 1_000_000 + f"\n{HOSTILE}\n{colors}end\x00\n")

        async def visit(page: Page) -> None:
            first = await page.get("/")
            await page.follow(lambda: "log-0" in page.html and "xscript" not in page.html)
            whole = first.text + "".join(page.html.values())
            assert metrics((await page.get("/metrics")).text)
            assert "<script>alert" not in whole
            assert "&lt;script&gt;alert" in whole
            assert not set(whole) & {"\x00", "\x1b", "\x07", "\u202e", "\ud800"}
            assert len(page.html["events"]) < 20_000
            assert len(page.html["log-0"]) < 20_000
            assert page.html["log-0"].endswith("end\\x00")
            assert "outside" not in page.html["runs"]

        visited(root, visit)

    def test_a_log_that_is_a_link(self, root: Path) -> None:
        log = root / "llama-default" / "r01" / "logs" / "1.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.symlink_to("/etc/passwd")

        async def visit(page: Page) -> None:
            await page.follow(lambda: "log-1" in page.html)
            assert page.html["log-1"] == ""

        visited(root, visit)

    def test_deleted_while_served(self, root: Path) -> None:
        copy = root.parent / "copy"
        shutil.copytree(root, copy)

        async def visit(page: Page) -> None:
            await page.follow(lambda: "runs" in page.html)
            shutil.rmtree(root)
            await page.follow(lambda: "no longer exists" in page.html["banner"])
            assert (await page.get("/healthz")).status == 503
            assert metrics((await page.get("/metrics")).text)["aging_campaign_directory_up", ()] == 0
            os.rename(copy, root)
            await page.follow(lambda: "no longer exists" not in page.html["banner"])
            hello = [data for kind, data in page.said if kind == "hello"]
            assert len(set(hello)) == 2  # another directory: the page loads itself again

        visited(root, visit)

    @pytest.mark.thorough
    def test_thousands_of_generations(self, tmp_path: Path) -> None:
        layout = begun(tmp_path)
        with (layout.root / "journal.jsonl").open("a") as journal:
            for generation in range(2, 5000):
                started = event("deployment_started", "a", replica=1, generation=generation, pid=generation, command=[])
                journal.write(json.dumps(started.line()) + "\n")

        async def visit(page: Page) -> None:
            await page.follow(lambda: "events" in page.html)
            assert len(page.html["events"]) < 100_000
            found = metrics((await page.get("/metrics")).text)
            assert found["aging_run_generation", (("deployment", "a"), ("replica", "1"))] == 4999

        visited(layout.root, visit)

    def test_hundreds_of_indicators(self, tmp_path: Path) -> None:
        layout = begun(tmp_path)
        engine = SegmentWriter(layout.source("a", "engine"))
        values = {f"engine_x{number}": number for number in range(1000)}
        engine.append(0.0, [{"mono": 10.0 + t, "entity": "engine", "generation": 1, **values} for t in range(3)])

        async def visit(page: Page) -> None:
            await page.follow(lambda: "more, which are stored only" in page.html.get("indicator-0", ""))

        visited(layout.root, visit)
        engine.close()


class TestMetrics:
    @pytest.mark.thorough
    def test_verdicts(self, root: Path) -> None:
        found = metrics(exported_with_verdict(root))
        of = (("deployment", "reference-leak"), ("indicator", "process_anon_swap_bytes"))
        assert found["aging_verdict", (("aging_verdict", "aging"), *of)] == 1
        assert found["aging_verdict", (("aging_verdict", "stable"), *of)] == 0
        low, high = (found["aging_verdict_rate_per_hour", (("bound", bound), *of)] for bound in ("lower", "upper"))
        assert low < 57.6 * 2**20 < high
        assert found["aging_verdict_final", ()] == 1
        assert found["aging_campaign_phase", (("aging_campaign_phase", "completed"),)] == 1
        assert found["aging_serve_cpu_seconds_total", ()] > 0

    def test_content_type(self, root: Path) -> None:
        async def visit(page: Page) -> None:
            answer = await page.get("/metrics")
            assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
            assert answer.text.endswith("# EOF\n")

        visited(root, visit)


def begun(folder: Path) -> Layout:
    """A campaign of one server under load, now."""
    layout = Layout(folder / "live" / "20260921T143320Z")
    layout.root.mkdir(parents=True)
    campaign = {"name": "live", "load": {}}
    manifest = {"schema": 1, "seed": 1, "schedule_hashes": {}, "campaign": campaign, "deployments": [{"name": "a"}]}
    layout.manifest.write_text(json.dumps(manifest))
    journal = Journal(layout.journal)
    journal.record(event("campaign_started", name="live", pid=2**22 + 1, planned_seconds=600.0))
    journal.record(event("deployment_started", "a", replica=1, generation=1, pid=1, command=[]))
    started = {"load_start": time.monotonic() - 1.0, "planned_seconds": 600.0, "pid": 2}
    journal.record(event("load_started", "a", replica=1, **started))
    journal.close()
    return layout


def sample(mono: float, memory: float) -> dict[str, Any]:
    return {"mono": mono, "wall": mono, "entity": "tree", "generation": 1, "process_anon_swap_bytes": memory}


def request(finished: float, part: int) -> dict[str, Any]:
    failed = {"status": "error", "failure": "timeout"} if part == 3 else {"status": "ok"}
    return failed | {"finished": finished, "sent": finished - 0.1, "first_token": finished - 0.05, "streaming": True}
