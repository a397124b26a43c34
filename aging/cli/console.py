"""The console, and what several verbs print to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from aging.core.errors import ExitCode

if TYPE_CHECKING:
    from aging.app.run import CampaignRun
    from aging.runner.campaign import Outcome

_PIPED_WIDTH = 10_000
"""Wide enough that no line of a table is broken."""

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


class _PlainConsole(Console):
    """A console whose closed pipe is an error like any other: rich would end the process, and a campaign with it.

    Without a terminal no line ends with blanks: programs read them.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write("\n".join(line.rstrip() for line in captured.get().split("\n")))
        self.file.flush()

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """Of standard output, or standard error. Text is never markup.

    It is as wide as the terminal; without one, no line is broken.
    """
    width = None if (sys.stderr if error else sys.stdout).isatty() else _PIPED_WIDTH
    return _PlainConsole(highlight=False, markup=False, width=width, stderr=error)


def show_checks(results: Path, out: Console) -> ExitCode:
    """Print the checks of this host, with results in this folder; BAD_INPUT if one of them fails."""
    from aging.runner.catalogue import Catalogue
    from aging.runner.host_checks import host_checks

    checks = host_checks(results, Catalogue.discovered())
    for one in checks:
        out.print(Text.assemble((f"{one.status:<5}", _STYLES[one.status]), f"{one.name:<20} {one.message}"))
    return ExitCode.BAD_INPUT if any(one.status == "fail" for one in checks) else ExitCode.DONE


def show_run(run: CampaignRun, out: Console) -> ExitCode:
    """Print the findings of a campaign, their paths, and how to continue it; return its exit code."""
    from aging.report.terminal import show

    show(run.findings, out)
    out.print(f"findings: {run.layout.findings}", soft_wrap=True)
    if run.layout.report.exists():
        out.print(f"report:   {run.layout.report}", soft_wrap=True)
    code = exit_code(run.outcome)
    if code is ExitCode.INCONCLUSIVE and run.decided is not None:
        out.print(f"halted:   {run.decided}. To continue: aging resume {run.layout.root}", soft_wrap=True)
    elif code is ExitCode.INTERRUPTED:
        # An observation sends no requests.
        skipped = "its end stays" if run.layout.gate.exists() else "requests due before you resume are skipped"
        out.print(f"To continue: aging resume {run.layout.root} ({skipped})", soft_wrap=True)
    return code


def exit_code(outcome: Outcome) -> ExitCode:
    """The exit code of a campaign: INCONCLUSIVE if no deployment could be measured."""
    from aging.runner.campaign import Outcome

    match outcome:
        case Outcome.COMPLETED | Outcome.DECIDED:
            return ExitCode.DONE
        case Outcome.INTERRUPTED:
            return ExitCode.INTERRUPTED
        case Outcome.FAILED | Outcome.HALTED | Outcome.DIED:
            return ExitCode.INCONCLUSIVE
