"""Annotations of GitHub Actions, as workflow commands; the Markdown goes to the summary of the step.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions. The escapes are those of
https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from aging.check.reports.base import GateContext, ReportFormat
from aging.check.summary import markdown
from aging.check.wording import by_severity, headline, sentence, word
from aging.core.errors import writing
from aging.core.plain_text import one_line, shortened
from aging.findings.gate import GateResult

SUMMARY = "GITHUB_STEP_SUMMARY"
_MOST = 10
"""GitHub shows ten annotations of a kind in a step."""

_MOST_CHARACTERS = 1500
_LEVELS = {"failed": "error", "inconclusive": "warning", "passed": "notice", "server-failed": "error"}


class GitHub(ReportFormat):
    """``::error``, ``::warning`` and ``::notice`` for what failed, is undecided, and passed."""

    kind = "github"
    printable = True

    def render(self, gate: GateResult, context: GateContext) -> str:
        said = [("error", f"{one.deployment} {word(one.code)}", one.reason) for one in gate.server_failures]
        said += [
            (_LEVELS[one.outcome], f"{one.deployment}: {word(one.outcome)}", sentence(one)) for one in by_severity(gate)
        ]
        said += [("warning", "The measurement is in doubt", doubt) for doubt in gate.doubts]
        first = (_LEVELS[gate.outcome], f"aging: {word(gate.outcome)}", headline(gate))
        return "".join(_command(*one, context.file) for one in (first, *said[: _MOST - 1]))

    def deliver(self, gate: GateResult, context: GateContext, path: Path | None, out: Callable[[str], None]) -> None:
        """As of any format, and the Markdown at the end of the file that ``$GITHUB_STEP_SUMMARY`` names."""
        super().deliver(gate, context, path, out)
        if name := os.environ.get(SUMMARY):
            with writing(f"{SUMMARY} {name}"), Path(name).open("a", encoding="utf-8") as summary:
                summary.write(markdown(gate, context))


def _command(level: str, title: str, text: str, file: Path | None) -> str:
    where = "" if file is None else f"file={_property(_relative(file))},"
    return f"::{level} {where}title={_property(shortened(title, 200))}::{_data(shortened(text, _MOST_CHARACTERS))}\n"


def _relative(file: Path) -> str:
    """As GitHub needs it: from the root of the checkout, where it is inside."""
    root, path = Path(os.environ.get("GITHUB_WORKSPACE", ".")).absolute(), file.absolute()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(file)


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
