"""Types of command-line options: the value, or an error that says what would be right."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

from aging.core.output_path import folder_problem, path_problem
from aging.core.quantities import parse_duration, parse_size
from aging.core.web import Address
from aging.findings.asked import Limit

_MOST_LOOKS = 100


def duration(text: str) -> float:
    """Seconds of a duration such as ``60s``, ``3m`` or ``2h``."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def minimum_duration(seconds: float) -> Callable[[str], str]:
    """The type of a duration of at least so many seconds; its value is the text as given."""

    def checked(text: str) -> str:
        if duration(text) < seconds:
            raise argparse.ArgumentTypeError(f"{text} is too short for a verdict; use at least {seconds:g}s")
        return text

    return checked


def positive_duration(text: str) -> float:
    """Seconds of a duration above 0."""
    if (seconds := duration(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time ahead; give one like 30d or 12h")
    return seconds


def size(text: str) -> int:
    """Bytes of a size above 0, such as ``64GiB``."""
    try:
        count = parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if count <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no limit; give a size above 0, like 64GiB")
    return count


def limit(text: str) -> Limit:
    """A size such as ``64GiB``, or a plain number in the unit of the series."""
    try:
        value = float(text)
    except ValueError:
        try:
            return Limit(size(text), in_bytes=True)
        except argparse.ArgumentTypeError:
            what = "give a size above 0 like 64GiB, or a plain number in the unit of the series, like 90"
            raise argparse.ArgumentTypeError(f"{text!r} is no limit; {what}") from None
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is no limit; give a number or a size above 0, like 64GiB")
    return Limit(value)


def output_file(text: str) -> Path:
    """A path where a file can be written."""
    problem = path_problem(Path(text)) if text else "an empty name; name a file"
    if problem is None and not Path(text).absolute().parent.is_dir():
        problem = f"the folder {Path(text).absolute().parent} does not exist; create it, or name another file"
    if problem is not None:
        raise argparse.ArgumentTypeError(problem)
    return Path(text)


def output_folder(text: str) -> Path:
    """A path where a folder is, or can be made."""
    path = Path(text)
    problem = folder_problem(path) if text else "an empty name; name a folder"
    if problem is not None:
        raise argparse.ArgumentTypeError(problem)
    return path


def warmup(text: str) -> float | str:
    """Seconds, or ``auto``."""
    return text if text == "auto" else duration(text)


def load_start(text: str) -> str:
    """``process``, ``now`` or a duration; its value is the text as given."""
    if text not in ("process", "now"):
        try:
            parse_duration(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no start of load; give process, now, or how long ago it was, like 3h"
            ) from None
    return text


def pid(text: str) -> int:
    """A process id."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a process id; give a positive whole number")
    return int(text)


def pattern(text: str) -> str:
    """A regular expression that does not match everything."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
    if not text:
        raise argparse.ArgumentTypeError("an empty pattern matches every process; give a part of the command line")
    return text


def label(text: str) -> str:
    """One line of text with a letter or a digit, which a folder can be named by."""
    if not re.search(r"[a-z0-9]", text, re.IGNORECASE) or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} names no folder; give a line of text with letters or digits")
    return text


def url(text: str) -> str:
    """An HTTP address."""
    if not re.match(r"https?://[^/]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL; write it as in http://127.0.0.1:8000/metrics")
    return text


def listen(text: str) -> Address:
    """An address to listen on."""
    try:
        return Address.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def host_count(text: str) -> int:
    """A number of hosts."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hosts; give 1 or more")
    return int(text)


def discovery_rate(text: str) -> float:
    """A level of false-discovery control, between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no level; give a number between 0 and 1, like 0.05 or 0.1")
    return value


def looks(text: str) -> int:
    """A number of looks at a running campaign."""
    if not text.isdigit() or not 1 <= int(text) <= _MOST_LOOKS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of looks; give 1 to {_MOST_LOOKS}")
    return int(text)


def outlook_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of verbs that judge processes: until when, and within which memory."""
    parser.add_argument(
        "--limit", type=size, metavar="SIZE", help="memory each server may use; default: that of the host"
    )
    parser.add_argument(
        "--horizon", type=positive_duration, metavar="TIME", help="how long they are to run on; default: 30d"
    )
