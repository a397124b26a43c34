"""The options that say which Prometheus server is asked, and how it is reached."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aging.tables.prometheus import Prometheus


def prometheus_arguments(parser: argparse.ArgumentParser, what: str, required: bool = False) -> None:
    """Add the options; ``what`` is the help of the URL."""
    parser.add_argument("--prometheus", type=_url, metavar="URL", required=required, help=what)
    parser.add_argument(
        "--http-config",
        type=Path,
        metavar="FILE",
        help="user, token, TLS and headers for it, in the format of promtool's --http.config.file",
    )
    parser.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="NAME: VALUE",
        help="a header of every query, like 'X-Scope-OrgID: team-a'; repeatable",
    )


def server(options: argparse.Namespace) -> Prometheus:
    """The server of these options. Raises :class:`~aging.core.errors.AgingError` with every mistake of its file."""
    from aging.tables.prometheus import Prometheus
    from aging.tables.prometheus_access import read_access

    return Prometheus(options.prometheus, read_access(options.http_config, dict(options.header)))


def _url(text: str) -> str:
    if not re.match(r"https?://[^/]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL; write it as in http://127.0.0.1:9090")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(character in text for character in "\r\n"):
        raise argparse.ArgumentTypeError(f"{text!r} is no header; write it as in 'X-Scope-OrgID: team-a'")
    return name.strip(), value.strip()
