"""The options that say how a file is read: its format, its times, its columns, its units."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from aging.cli.arguments import positive_duration

if TYPE_CHECKING:
    from aging.tables.choice import Choice


def table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("how the file is read (all of it is detected; docs/tables.md)")
    group.add_argument("--format", metavar="NAME", help="format of the file, like json, key-value or delimited")
    group.add_argument("--time", metavar="COLUMN", help="the time column, or a count such as requests")
    group.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME",
        help="column to judge, by name or number; repeatable; default: every column that measures something",
    )
    group.add_argument(
        "--per",
        action="append",
        default=[],
        metavar="COLUMN",
        help="one series per value of this column (repeatable; default: the column that makes times unique); "
        "or, of a cumulative count such as requests_total, growth per unit of it in place of time",
    )
    group.add_argument("--every", type=positive_duration, metavar="TIME", help="time between rows, like 60s")
    group.add_argument("--time-unit", type=_unit, metavar="UNIT", help="unit of plain times: ns, us, ms, s, min, h, d")
    group.add_argument(
        "--time-format", metavar="FORMAT", help="strptime format of the times, like '%%d/%%m/%%Y %%H:%%M'"
    )
    group.add_argument("--timezone", metavar="ZONE", help="zone of times without one, like Europe/Berlin; default: UTC")
    group.add_argument(
        "--decimal", choices=(".", ","), default="", metavar="MARK", help="the decimal mark of the numbers, . or ,"
    )
    group.add_argument("--load-start", metavar="TIME", help="start of load, in the file's own time format")


def choice(options: argparse.Namespace) -> Choice:
    """What they chose."""
    from aging.tables.choice import Choice

    return Choice(
        time=options.time,
        columns=options.column,
        per=options.per,
        load_start=options.load_start,
        every=options.every,
        time_unit=options.time_unit,
        time_format=options.time_format,
        timezone=options.timezone,
        format=options.format,
        decimal=options.decimal,
    )


def _unit(text: str) -> float:
    from aging.tables.units import seconds_of_unit

    seconds = seconds_of_unit(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no unit of time; give one of ns, us, ms, s, min, h, d")
    return seconds
