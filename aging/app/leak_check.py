"""``aging check`` of a server from a test: in a process of its own, with the result as a value."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT

from pydantic import TypeAdapter, ValidationError

from aging.check.reports.json import GateDocument
from aging.check.wording import advice, by_severity, headline, sentence, site_text, word
from aging.core.errors import ExitCode
from aging.core.plain_text import lines, one_line
from aging.findings.gate import GateResult

_END_SECONDS = 60.0
_LAST_LINES = 30
_PROGRAM = (sys.executable, "-m", "aging")


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What is asked of a server; None and empty: as ``aging check`` has it."""

    server: str | Sequence[str]
    requests: Sequence[str]
    conditions: Sequence[str]
    budget: str
    rate: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    alpha: float | None = None
    beta: float | None = None
    arguments: Sequence[str] = ()

    def words(self, results: Path) -> list[str]:
        """The arguments of ``aging check``."""
        return list(self._words(results))

    def _words(self, results: Path) -> Iterator[str]:
        command = self.server if isinstance(self.server, str) else shlex.join(self.server)
        yield from ("check", f"--command={command}", f"--budget={self.budget}", f"--results={results}")
        yield from (f"--request={one}" for one in self.requests)
        yield from (f"--fail={one}" for one in self.conditions)
        yield from (f"--env={key}={value}" for key, value in self.env.items())
        for name in ("rate", "alpha", "beta"):
            if (value := getattr(self, name)) is not None:
                yield f"--{name}={value}"
        yield f"--report=json={_document(results)}"
        yield from self.arguments


@dataclass(frozen=True, slots=True)
class Checked:
    """The end of the command: its exit code, its output, and the gate where it has one that says the same."""

    exit_code: int
    output: str
    gate: GateResult | None


def check_server(asked: ServerCheck, results: Path, program: Sequence[str] | None = None) -> Checked:
    """Run ``aging check`` to its end. What interrupts the wait interrupts it, too: its servers are ended."""
    process = subprocess.Popen(
        [*(program or _PROGRAM), *asked.words(results)], stdin=subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_END_SECONDS)
        process.kill()
        process.wait()
        raise
    return Checked(process.returncode, output.decode(errors="replace"), _gate(_document(results), process.returncode))


def passed(checked: Checked) -> bool:
    """Whether the gate is green: by the exit code and by its result."""
    return checked.exit_code == ExitCode.DONE and checked.gate is not None and checked.gate.outcome == "passed"


def undecided(checked: Checked) -> bool:
    """Whether neither a leak nor its absence was shown; a command without a result is no such case."""
    return checked.gate is not None and checked.gate.outcome == "inconclusive"


def message(checked: Checked, results: Path) -> str:
    """What a test prints: the gate in words, or the last lines of a command that has no result."""
    if checked.gate is None:
        last = "\n".join(f"  | {line}" for line in lines([checked.output])[-_LAST_LINES:])
        return f"aging check ended with exit code {checked.exit_code}:\n{last}"
    return "\n".join([*_gate_lines(checked.gate), f"results: {results}"])


def _gate_lines(gate: GateResult) -> Iterator[str]:
    yield one_line(headline(gate))
    for failure in gate.server_failures:
        yield f"  {one_line(f'{failure.deployment} {word(failure.code)}: {failure.reason}')}"
        yield from (f"    | {line}" for line in lines(failure.log)[-_LAST_LINES:])
    for one in by_severity(gate):
        yield f"  {one_line(sentence(one))}"
        yield from (f"    {one_line(text)}" for text in (*one.grew, *site_text(one)))
    yield from (f"  in doubt: {one_line(doubt)}" for doubt in gate.doubts)
    yield from (f"  {text}" for text in advice(gate))


def _document(results: Path) -> Path:
    return results / "gate.json"


def _gate(path: Path, exit_code: int) -> GateResult | None:
    try:
        document = TypeAdapter(GateDocument).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return document.gate if document.exit_code == exit_code else None
