"""The options that say how a file is read: its times, its columns, its units."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aging.tables.reader import Choice


def table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--time", metavar="COLUMN", help="the time column; default: detected")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME",
        help="column to test; repeatable; default: every numeric column",
    )
    parser.add_argument("--per", metavar="COLUMN", help="one series per value of this column (long format)")
    parser.add_argument("--load-start", metavar="TIME", help="start of load, in the file's own time format")


def choice(options: argparse.Namespace) -> Choice:
    """What they chose."""
    from aging.tables.reader import Choice

    return Choice(options.time, options.column, options.per, options.load_start)
