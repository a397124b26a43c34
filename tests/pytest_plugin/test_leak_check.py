"""The fixture ``leak_check``: what it runs, and what of it is green."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aging.app.leak_check import ServerCheck, check_server, message, passed, undecided
from aging.check.report_kinds import report_formats
from aging.check.reports.base import GateContext
from aging.findings.gate import GateOutcome
from tests.check.test_reports import condition, dead, gate
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
    ("code", "outcome", "green", "open_"),
    [
        (0, "passed", True, False),
        (1, "failed", False, False),
        (3, "inconclusive", False, True),
        (4, "server-failed", False, False),
        (0, None, False, False),
        (0, "failed", False, False),
        (1, "passed", False, False),
        (3, None, False, False),
        (70, None, False, False),
    ],
)
def test_green(
    tmp_path: Path, standin: list[str], code: int, outcome: GateOutcome | None, green: bool, open_: bool
) -> None:
    give(tmp_path, code, outcome)
    checked = check_server(ASKED, tmp_path, standin)
    assert (passed(checked), undecided(checked)) == (green, open_)
    assert ("from the log" in message(checked, tmp_path)) == (checked.gate is None)


def test_message(tmp_path: Path, standin: list[str]) -> None:
    result = gate("server-failed", condition("failed", grew=["heap of worker 3"]), server_failures=[dead()])
    document = report_formats()["json"]().render(result, GateContext("x", None, tmp_path))
    (tmp_path / "given.json").write_text(json.dumps({"code": 4, "document": document}))
    text = message(check_server(ASKED, tmp_path, standin), tmp_path)
    for part in ("server died", "| Killed", "1.00 KiB/request", "heap of worker 3", str(tmp_path)):
        assert part in text


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


class TestFixture:
    @pytest.fixture
    def run(
        self, pytester: pytest.Pytester, tmp_path: Path, standin: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> Path:
        monkeypatch.setattr("aging.app.leak_check._PROGRAM", tuple(standin))
        return tmp_path

    @pytest.mark.parametrize(
        ("code", "outcome", "more", "outcomes"),
        [
            (0, "passed", "", {"passed": 1}),
            (1, "failed", ", undecided='pass'", {"failed": 1}),
            (4, "server-failed", ", undecided='pass'", {"failed": 1}),
            (2, None, ", undecided='pass'", {"failed": 1}),
            (3, "inconclusive", "", {"failed": 1}),
            (3, "inconclusive", ", undecided='skip'", {"skipped": 1}),
            (3, "inconclusive", ", undecided='pass'", {"passed": 1}),
            (0, "passed", ", undecided='maybe'", {"failed": 1}),
            (0, "passed", ", per_requests='1B'", {"failed": 1}),
        ],
    )
    def test_outcomes(
        self,
        run: Path,
        pytester: pytest.Pytester,
        code: int,
        outcome: GateOutcome | None,
        more: str,
        outcomes: dict[str, int],
    ) -> None:
        give(run, code, outcome)
        pytester.makepyfile(
            "def test_it(leak_check):\n"
            f"    result = leak_check(server='x {{port}}', request='GET:/', per_request='256B'{more})\n"
            f"    assert result.outcome == {outcome!r}"
        )
        pytester.runpytest_inprocess(*QUIET).assert_outcomes(**outcomes)
