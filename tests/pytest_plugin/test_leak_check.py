"""The fixture ``leak_check``: what it runs, and what of it is green."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from aging.app.leak_check import Checked, ServerCheck, check_server, message, passed, undecided
from aging.check.report_kinds import report_formats
from aging.check.reports.base import GateContext
from aging.cli.gate import show_gate
from aging.findings.gate import GateOutcome, GateResult
from tests.check.test_reports import condition, dead, gate, hostile_gate
from tests.pytest_plugin.test_marker import QUIET

pytest_plugins = ["pytester"]

ASKED = ServerCheck(
    server=["my server", "--port", "{port}"],
    requests=["GET:/", "POST:/x@body.json"],
    conditions=["process_anon_swap_bytes:per_request > 256B"],
    budget="1m",
    rate=50,
    env={"A": "b c"},
    arguments=["--ready-timeout=5s"],
)

STANDIN = """
import json, os, sys
path = next(one for one in sys.argv if one.startswith("--report=json=")).removeprefix("--report=json=")
given = json.load(open(os.environ["GIVEN"]))
if given["document"]:
    open(path, "w").write(given["document"])
print("from the log", *sys.argv[1:])
sys.exit(given["code"])
"""


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command in place of ``aging``, which writes a given report and ends with a given code."""
    (tmp_path / "standin.py").write_text(STANDIN)
    monkeypatch.setenv("GIVEN", str(tmp_path / "given.json"))
    return [sys.executable, str(tmp_path / "standin.py")]


@dataclass(frozen=True, slots=True)
class Case:
    """Where a test of the fixture runs, and where the stand-in's answer is given."""

    pytester: pytest.Pytester
    folder: Path


@pytest.fixture
def case(pytester: pytest.Pytester, tmp_path: Path, standin: list[str], monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr("aging.app.leak_check._PROGRAM", tuple(standin))
    return Case(pytester, tmp_path)


def give(tmp_path: Path, code: int, outcome: GateOutcome | None) -> None:
    result = None if outcome is None else gate(outcome, condition("failed" if outcome == "failed" else "passed"))
    context = GateContext("ad-hoc", None, tmp_path)
    document = "" if result is None else report_formats()["json"]().render(result, context)
    (tmp_path / "given.json").write_text(json.dumps({"code": code, "document": document}))


def test_words(tmp_path: Path) -> None:
    assert ASKED.words(tmp_path) == [
        *("check", "--command='my server' --port '{port}'", "--budget=1m", f"--results={tmp_path}"),
        *("--request=GET:/", "--request=POST:/x@body.json", "--fail=process_anon_swap_bytes:per_request > 256B"),
        *("--env=A=b c", "--rate=50", f"--report=json={tmp_path}/gate.json", "--ready-timeout=5s"),
    ]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, "passed"),
        (1, "failed"),
        (3, "inconclusive"),
        (4, "server-failed"),
        (0, None),
        (0, "failed"),
        (1, "passed"),
        (3, None),
        (70, None),
    ],
)
def test_green(tmp_path: Path, standin: list[str], code: int, outcome: GateOutcome | None) -> None:
    give(tmp_path, code, outcome)
    checked = check_server(ASKED, tmp_path, standin)
    assert passed(checked) == ((code, outcome) == (0, "passed"))
    assert undecided(checked) == ((code, outcome) == (3, "inconclusive"))
    assert ("from the log" in message(checked, tmp_path)) == (checked.gate is None)


def test_message(tmp_path: Path, standin: list[str]) -> None:
    result = gate("server-failed", condition("failed", grew=["heap of worker 3"]), server_failures=[dead()])
    document = report_formats()["json"]().render(result, GateContext("x", None, tmp_path))
    (tmp_path / "given.json").write_text(json.dumps({"code": 4, "document": document}))
    text = message(check_server(ASKED, tmp_path, standin), tmp_path)
    for part in ("server died", "| Killed", "1.00 KiB/request", "heap of worker 3", str(tmp_path)):
        assert part in text


def printed(result: GateResult) -> str:
    console = Console(file=StringIO(), width=80)
    show_gate(result, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def failed_with(result: GateResult) -> str:
    return message(Checked(1, "", result), Path("results"))


def without_result(result: GateResult) -> str:
    log = [line for failure in result.server_failures for line in (failure.reason, *failure.log)]
    return message(Checked(70, "\n".join(log), None), Path("results"))


@pytest.mark.parametrize("show", [printed, failed_with, without_result])
def test_hostile_text_is_no_workflow_command(show: Callable[[GateResult], str]) -> None:
    """As GitHub's runner reads a line: ``::`` after white space, or ``##[`` anywhere."""
    text = show(hostile_gate())
    assert "error::f" in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.thorough
def test_an_interrupt_ends_the_command(tmp_path: Path) -> None:
    program = tmp_path / "waits.py"
    program.write_text("import time, sys\nopen(sys.argv[0] + '.up', 'w').close()\ntime.sleep(600)")
    code = (
        "from tests.pytest_plugin.test_leak_check import ASKED, check_server\nimport sys, pathlib\n"
        f"check_server(ASKED, pathlib.Path({str(tmp_path)!r}), [sys.executable, {str(program)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not Path(f"{program}.up").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert not subprocess.run(["pgrep", "-f", str(program)], check=False, capture_output=True).stdout


@pytest.mark.parametrize(
    ("code", "outcome", "more", "ends"),
    [
        (0, "passed", "", "passed"),
        (1, "failed", ", undecided='pass'", "failed"),
        (4, "server-failed", ", undecided='pass'", "failed"),
        (2, None, ", undecided='pass'", "failed"),
        (3, "inconclusive", "", "failed"),
        (3, "inconclusive", ", undecided='skip'", "skipped"),
        (3, "inconclusive", ", undecided='pass'", "passed"),
        (0, "passed", ", undecided='maybe'", "failed"),
        (0, "passed", ", per_requests='1B'", "failed"),
    ],
)
def test_fixture(case: Case, code: int, outcome: GateOutcome | None, more: str, ends: str) -> None:
    give(case.folder, code, outcome)
    case.pytester.makepyfile(
        "def test_it(leak_check):\n"
        f"    result = leak_check(server='x {{port}}', request='GET:/', per_request='256B'{more})\n"
        f"    assert result.outcome == {outcome!r}"
    )
    case.pytester.runpytest_inprocess(*QUIET).assert_outcomes(**{ends: 1})


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kept = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kept.append(bytes(int(sys.argv[2])))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_servers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(server=SERVER)
    pytester.makepyfile(
        "import sys, pytest\n\n"
        "@pytest.mark.parametrize('size', [0, 2048])\n"
        "def test_it(leak_check, size):\n"
        "    server = [sys.executable, 'server.py', '{port}', str(size)]\n"
        "    leak_check(server=server, request='GET:/', per_request='512B', budget='2m')\n\n"
        "def test_dead(leak_check):\n"
        "    leak_check(server=[sys.executable, 'none.py', '{port}'], request='GET:/', per_request='512B')"
    )
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["failed: 1 of 1 condition*", "server failed: none did not start*"])
