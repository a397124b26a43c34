"""Write report.html of a result directory or of a study, or its tables as Markdown or LaTeX.

  aging report results/real-runtimes                     writes report.html there, and prints its path
  aging report results/real-runtimes --output page.html
  aging report results/real-runtimes --format markdown   prints tables: verdicts, indicators, controls, problems
  aging report results/real-runtimes --format latex --output tables.tex
  aging report results/real-runtimes --figures figures   every figure as SVG, PNG and PDF, its data as CSV
  aging report results/versions/20261121T001500Z         of a study: the page over all cells and hosts

The findings are those of findings.json where this release computed them from samples that are still there; else they
are computed anew. `aging analyze` always computes them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from aging.cli.arguments import output_file, output_folder
from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode
from aging.core.parts import REPORT

_HTML = "html"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory, or folder of a study")
    parser.add_argument("--output", type=output_file, metavar="FILE", help="write there; default: DIR/report.html")
    parser.add_argument(
        "--format",
        choices=(_HTML, "markdown", "latex"),
        default=_HTML,
        help="html: the page; markdown, latex: its tables, printed where no --output is given; default: html",
    )
    parser.add_argument(
        "--figures",
        type=output_folder,
        metavar="FOLDER",
        help="write every figure there as SVG, PNG and PDF and its data as CSV, with index.html, in place of the page",
    )


def run(options: argparse.Namespace) -> ExitCode:
    one_thread()
    if options.figures is not None and (options.output is not None or options.format != _HTML):
        raise AgingError("--figures: goes without --output and --format; give it alone")
    from aging.study.layout import StudyLayout

    if StudyLayout(options.directory).exists:
        return _of_study(options)
    from aging.app.report import table_text, write_all_figures, write_page, write_tables

    if options.figures is not None:
        REPORT.require("figures")
        print(write_all_figures(options.directory, options.figures))
        return ExitCode.DONE
    return _written(options, write_page, table_text, write_tables)


def _written(
    options: argparse.Namespace,
    write_page: Callable[[Path, Path | None], Path],
    table_text: Callable[[Path, str], str],
    write_tables: Callable[[Path, str, Path], None],
) -> ExitCode:
    """The page, or the tables on the output or in a file."""
    if options.format == _HTML:
        REPORT.require("the page")
        print(write_page(options.directory, options.output))
    elif options.output is None:
        print(table_text(options.directory, options.format), end="")
    else:
        write_tables(options.directory, options.format, options.output)
        print(options.output)
    return ExitCode.DONE


def _of_study(options: argparse.Namespace) -> ExitCode:
    from aging.study.layout import StudyLayout

    if options.figures is not None:
        cells = StudyLayout(options.directory).cells
        like = next(iter(sorted(one.parent for one in cells.glob("*/a*/journal.jsonl"))), cells / "CELL" / "a01")
        raise AgingError(
            f"--figures: is an option of one campaign, such as a cell, and not of a study; for the page of the study "
            f"leave it out, for the figures of a cell: aging report {like} --figures {options.figures}"
        )
    from aging.app.study_report import table_text, write_page, write_tables

    return _written(options, write_page, table_text, write_tables)
