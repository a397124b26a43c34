"""Show a campaign in the browser while it runs, and export its metrics; the directory is only read.

The page has the progress, the series, the verdict so far with its uncertainty, the events and the servers' logs. It may
be opened for a campaign that runs, has ended or was killed. It answers this host alone; any other address needs a
token, which the browser is given once: http://HOST:PORT/?token=TOKEN. A scraper sends `Authorization: Bearer TOKEN`.
/metrics is OpenMetrics, /healthz answers 200 or 503. Ctrl-C ends it; the campaign does not notice.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from aging.cli.arguments import listen
from aging.core.errors import AgingError, ExitCode
from aging.core.parts import REPORT

_DEFAULT = "127.0.0.1:8765"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="result directory")
    parser.add_argument("--listen", type=listen, metavar="HOST:PORT", default=_DEFAULT, help=f"default: {_DEFAULT}")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", type=Path, metavar="FILE", help="file with the token that readers must know")
    token.add_argument("--token", metavar="TEXT", help="the same; other users of this host can see it")
    parser.add_argument("--until-end", action="store_true", help="end half a minute after the campaign's last process")


def run(options: argparse.Namespace) -> ExitCode:
    from importlib.metadata import version

    REPORT.require("aging serve")
    from aging.serve.access import check_address, token_of
    from aging.serve.directory import campaign_directory
    from aging.serve.server import LiveServer, Serving

    token = token_of(options.token, options.token_file)
    check_address(options.listen, token)
    layout = campaign_directory(options.directory)
    serving = Serving(layout, options.listen, token, options.until_end, version("llm-aging"))

    async def serve() -> None:
        await LiveServer(serving, lambda line: print(line, flush=True)).run()

    try:
        asyncio.run(serve())
    except OSError as error:
        if isinstance(error, AgingError):
            raise
        raise AgingError(f"{error.filename or options.directory} cannot be read: {error.strerror}") from None
    return ExitCode.DONE
