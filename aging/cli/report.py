"""Write report.html of a result directory, or its tables as Markdown or LaTeX.

  aging report results/real-runtimes                     writes report.html there, and prints its path
  aging report results/real-runtimes --output page.html
  aging report results/real-runtimes --format markdown   prints tables: verdicts, indicators, controls, problems
  aging report results/real-runtimes --format latex --output tables.tex

The findings are those of findings.json where this release computed them, else they are computed anew; `aging analyze`
always computes them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.cli.arguments import output_file
from aging.core.blas_threads import one_thread
from aging.core.errors import ExitCode
from aging.core.parts import REPORT

_HTML = "html"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")
    parser.add_argument("--output", type=output_file, metavar="FILE", help="write there; default: DIR/report.html")
    parser.add_argument(
        "--format",
        choices=(_HTML, "markdown", "latex"),
        default=_HTML,
        help="html: the page; markdown, latex: its tables, printed where no --output is given; default: html",
    )


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    from aging.app.report import table_text, write_page, write_tables

    if options.format == _HTML:
        REPORT.require("the page")
        print(write_page(options.directory, options.output))
    elif options.output is None:
        print(table_text(options.directory, options.format), end="")
    else:
        write_tables(options.directory, options.format, options.output)
        print(options.output)
    return ExitCode.DONE
