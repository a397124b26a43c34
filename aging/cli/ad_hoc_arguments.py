"""The options of ``aging check`` without a file: the command of a server and the requests that it gets."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aging.campaign.ad_hoc import AdHoc
    from aging.campaign.load import CampaignText
    from aging.core.errors import Mistake


def arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("any HTTP server, without a file")
    group.add_argument(
        "--command",
        action="append",
        default=[],
        metavar="COMMAND",
        help="command line of a server; {port} is replaced by a free port; repeatable: side by side",
    )
    group.add_argument(
        "--request",
        action="append",
        default=[],
        metavar="REQUEST",
        help="METHOD:PATH[@BODYFILE][=STATUS], like GET:/items/{number}=404; repeatable: in equal shares",
    )
    group.add_argument("--rate", metavar="N", help="most requests per second; default: 100")
    group.add_argument("--header", action="append", default=[], metavar="'K: V'", help="of every request; repeatable")
    group.add_argument("--env", action="append", default=[], metavar="K=V", help="variable of the servers; repeatable")
    group.add_argument("--port", metavar="N", help="where a server listens whose command has no {port}")
    group.add_argument("--ready-timeout", metavar="TIME", help="longest start of a server; default: 60s")
    group.add_argument("--print-campaign", action="store_true", help="print the campaign file that this makes, and end")


def campaign_text(options: argparse.Namespace) -> CampaignText | None:
    """The campaign that the options make; None for a file or directory (``options.what``).

    Raises MistakesError with all mistakes.
    """
    from aging.campaign.ad_hoc import ad_hoc_campaign
    from aging.core.errors import Mistake, MistakeCode, MistakesError

    if not options.command:
        asked_for = ("request", "rate", "header", "env", "port", "ready_timeout", "print_campaign")
        alone = [f"--{name.replace('_', '-')}" for name in asked_for if getattr(options, name)]
        what = "is for a server that --command starts; give --command, or write it in the campaign file"
        mistakes = [Mistake(name, what, MistakeCode.CONFLICT) for name in alone]
        if options.what is None:
            what = "is missing; give a campaign file or a result directory, or --command with --request"
            mistakes.append(Mistake("FILE", what, MistakeCode.MISSING_KEY))
        if mistakes:
            raise MistakesError("aging check", mistakes)
        return None
    mistakes = []
    if options.what is not None:
        what = f"{options.what} is given beside --command; leave one of them out"
        mistakes.append(Mistake("FILE", what, MistakeCode.CONFLICT))
    asked = _asked(options, mistakes)
    mistakes.extend(_unreadable(options.request))
    try:
        made = ad_hoc_campaign(asked)
    except MistakesError as error:
        mistakes = [*error.mistakes, *mistakes]
    if mistakes:
        raise MistakesError("aging check --command", mistakes)
    return made


def _asked(options: argparse.Namespace, mistakes: list[Mistake]) -> AdHoc:
    from aging.campaign.ad_hoc import AdHoc

    asked = AdHoc(options.command, options.request)
    asked = replace(asked, headers=dict(_pairs(options.header, "--header", ":", "'Accept: text/html'", mistakes)))
    asked = replace(asked, env=dict(_pairs(options.env, "--env", "=", "NAME=VALUE", mistakes)))
    if (rate := _number(options.rate, "--rate", float, mistakes)) is not None:
        asked = replace(asked, rate=rate)
    if (port := _number(options.port, "--port", int, mistakes)) is not None:
        asked = replace(asked, port=int(port))
    elif options.port is not None:  # reported; a missing {port} is not a second mistake
        asked = replace(asked, port=65535)
    if options.ready_timeout is not None:
        asked = replace(asked, ready_timeout=options.ready_timeout)
    if (budget := getattr(options, "budget", None)) is not None:
        asked = replace(asked, duration=budget)
    return asked


def _pairs(
    given: list[str], option: str, separator: str, example: str, mistakes: list[Mistake]
) -> Iterator[tuple[str, str]]:
    from aging.core.errors import Mistake

    for text in given:
        key, found, value = text.partition(separator)
        if not found or not key.strip():
            mistakes.append(Mistake(option, f"{text!r} has no {separator!r}; write it like {example}"))
        else:
            yield (key.strip(), value.strip()) if separator == ":" else (key, value)


def _number(text: str | None, option: str, kind: type[float], mistakes: list[Mistake]) -> float | None:
    from aging.core.errors import Mistake, MistakeCode

    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        mistakes.append(Mistake(option, f"must be a number, got {text!r}", MistakeCode.WRONG_TYPE))
        return None


def _unreadable(requests: list[str]) -> Iterator[Mistake]:
    """Body files that cannot be read."""
    from aging.campaign.ad_hoc import parse_request
    from aging.core.errors import Mistake, MistakeCode

    for text in requests:
        try:
            file = parse_request(text).body_file
        except ValueError:  # reported with the campaign
            continue
        if file is not None and not (Path(file).is_file() and os.access(file, os.R_OK)):
            what = f"the body file {file} cannot be read; give an existing file, or write %40 for an @ of the path"
            yield Mistake(f"--request {text!r}", what, MistakeCode.UNREADABLE_FILE)
