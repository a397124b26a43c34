"""A real smoke run tries every deployment, and says of each what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.store.results import Results, open_results
from tests.conftest import Aging, result_directory, unused_port

Write = Callable[..., Path]

NEVER_READY = "import sys; sys.exit('no luck')"

CUTS_STREAMS = """
import asyncio, sys
port, count = int(sys.argv[sys.argv.index("--port") + 1]), 0
most = int(sys.argv[sys.argv.index("--most") + 1])
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\nconnection: close\\r\\n\\r\\n"
CHUNK = b'data: {"choices": [{"text": "a"}]}\\n\\n'
async def serve(reader, writer):
    global count
    try:
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = next(int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        count += 1
        if count > most:
            sys.exit(7)
        end = b"data: [DONE]\\n\\n" if count == 1 else b""
        writer.write(HEAD + 2 * CHUNK + end)
        await writer.drain()
    finally:
        writer.close()
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", port)).serve_forever()
asyncio.run(main())
"""
"""It answers the probe, and then cuts every stream before its end; after ``--most`` requests it exits 7."""


def with_server(file: Path, folder: Path, script: str, name: str, *arguments: str) -> None:
    """The small campaign with a further deployment: the server that ``script`` is."""
    program = folder / f"{name}.py"
    program.write_text(script)
    port = unused_port()
    command = [sys.executable, str(program), "--port", str(port), *arguments]
    with file.open("a") as text:
        text.write(f'[[deployment]]\nname = "{name}"\nkind = "command"\nport = {port}\n')
        text.write(f"command = {json.dumps(command)}\n")


def smoke_failures(results: Results) -> dict[str, set[str]]:
    """Which checks failed each deployment; a client that was late is left out: that is this host's doing."""
    found = json.loads(results.layout.smoke.read_text())["smoke"]
    return {
        one["deployment"]: {check["name"] for check in one["checks"] if check["status"] == "fail"} - {"client"}
        for one in found
    }


@pytest.mark.slow
def test_smoke_failures(tmp_path: Path, campaign_file: Write, cli: Aging) -> None:
    file = campaign_file(duration="10h", warmup="1h")
    with_server(file, tmp_path, NEVER_READY, "never")
    with_server(file, tmp_path, CUTS_STREAMS, "dies", "--most", "20")
    with_server(file, tmp_path, CUTS_STREAMS, "cuts", "--most", "1000000")
    ran = cli("run", file, "--smoke", "10s")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert " cores " in ran.stdout, "the host is looked at first"
    root = result_directory(tmp_path / "results")
    assert root.parent.name == "small.smoke"
    results = open_results(root)
    assert results.manifest.smoke
    assert results.manifest.campaign.duration_seconds == 10.0
    assert not results.layout.findings.exists()
    assert not results.layout.report.exists()
    assert cli("resume", root).returncode == 2, "it is no campaign"
    assert "smoke" in cli("analyze", root).stdout
    failures = smoke_failures(results)
    assert failures["clean"] == failures["leak"] == set()
    assert failures["never"] == {"ready"}
    assert "ready" in failures["dies"]
    assert failures["cuts"] == {"errors", "answered"}
    for name in ("never", "dies", "cuts"):
        assert f"FAILED {name}" in ran.stdout


@pytest.mark.slow
def test_sanity_run_fails(tmp_path: Path, campaign_file: Write, cli: Aging) -> None:
    file = campaign_file(duration="2h")
    with_server(file, tmp_path, NEVER_READY, "never")
    file.write_text(file.read_text().replace("seed = 7", 'seed = 7\nsanity = "5s"'))
    ran = cli("run", file)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "never: never became ready" in ran.stderr
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["small.smoke"]


def test_smoke_duration(campaign_file: Write, cli: Aging, tmp_path: Path) -> None:
    for arguments in (("10s", "--duration", "5s"), ("10s", "--detach"), ("1s",)):
        assert cli("run", campaign_file(), "--smoke", *arguments).returncode == 2
    assert not (tmp_path / "results").exists()
