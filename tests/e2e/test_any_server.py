"""A campaign of a server that knows nothing of LLMs, made from its command line and its requests."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from aging.store.results import open_results
from tests.conftest import Aging, result_directory

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404) if "missing" in self.path else self.reply(200, self.path.encode())
    def do_POST(self):
        self.reply(201, self.rfile.read(int(self.headers["Content-Length"])))
    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.thorough
def test_requests_of_one_command(aging: Aging, cli: Aging, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "body.bin").write_bytes(b"\x00\xff{number}")
    command = f"{sys.executable} server.py {{port}}"
    requests = ("GET:/a/{number}", "GET:/missing/{random}=404", "POST:/echo@body.bin=201")
    asked = ("check", "--command", command, *(part for one in requests for part in ("--request", one)))
    made = cli(*asked, "--budget", "4s", "--rate", "50", "--print-campaign")
    (tmp_path / "server.toml").write_text(made.stdout)
    ran = aging("run", "server.toml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = open_results(result_directory(tmp_path / "results"))
    rows = results.requests("server", 1)
    assert set(rows["status"]) == {"ok"}
    assert set(Counter(rows["http_status"])) == {200, 201, 404}
    assert (rows["last_token"] >= rows["first_token"]).all()
    assert 0 < len(rows) <= 200
    (kept,) = results.layout.bodies.iterdir()
    assert kept.read_bytes() == b"\x00\xff{number}"
    manifest = results.manifest
    assert [one["file"] for one in manifest.load_files] == ["body.bin"]
    assert (manifest.deployments[0].endpoint or "").count("/") == 2, "no path: the requests have their own"
