"""Find each deployment's ceiling (the highest rate it sustains), and the request rate at a fraction of it.

Deployments run one after the other, each alone: the rate is doubled until the server saturates, then bisected.
The curve is written to FILE.calibration.json beside the campaign file and drawn in FILE.calibration.svg.

Exit 0 when every ceiling was found, 3 when one was not (the output names the limit that was reached), 2 for bad input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from aging.cli.console import console
from aging.core.errors import AgingError, ExitCode, Mistake, MistakesError, writing
from aging.core.parts import CAMPAIGN
from aging.core.quantities import parse_duration

if TYPE_CHECKING:
    from rich.console import Console

    from aging.app.calibrate import Windows
    from aging.findings.saturation import Ceiling, Limits, Step

_PERCENT = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="campaign file")
    parser.add_argument(
        "--fraction", type=float, default=0.85, metavar="SHARE", help="share of the ceiling to run at; default: 0.85"
    )
    parser.add_argument("--write", type=Path, metavar="OUT.toml", help="copy of the campaign file with the rates in it")
    parser.add_argument("--step", default="20s", metavar="TIME", help="time to measure each rate; default: 20s")
    parser.add_argument(
        "--settle", default="5s", metavar="TIME", help="minimum time before each measurement; default: 5s"
    )
    parser.add_argument("--most", default="10m", metavar="TIME", help="maximum time per deployment; default: 10m")
    parser.add_argument("--from-rate", type=float, default=1.0, metavar="R", help="first rate, in req/s; default: 1")
    parser.add_argument(
        "--max-rate", type=float, default=1000.0, metavar="R", help="highest rate, in req/s; default: 1000"
    )
    parser.add_argument(
        "--precision", type=float, default=0.1, metavar="SHARE", help="relative precision; default: 0.1"
    )
    parser.add_argument(
        "--deployment", action="append", default=[], metavar="NAME", help="only this deployment; repeatable"
    )


def run(options: argparse.Namespace) -> ExitCode:
    CAMPAIGN.require("aging calibrate")
    from aging.app.calibrate import calibrate
    from aging.app.calibration_file import calibration_content, calibration_path, rate_of
    from aging.campaign.load import parse_campaign, read_campaign
    from aging.campaign.rates import with_rates
    from aging.findings.saturation import why_not
    from aging.load.schedule.classes import classes_of
    from aging.load.schedule.input_files import read_inputs
    from aging.report.calibration_curve import curve_plot
    from aging.runner.catalogue import Catalogue
    from aging.runner.preflight import check, resolve_deployments

    windows, limits = _bounds(options)
    path = calibration_path(options.file)
    campaign_text, catalogue = read_campaign(options.file), Catalogue.discovered()
    parsed = parse_campaign(campaign_text.text, catalogue.kinds(), campaign_text.source)
    campaign = read_inputs(parsed, campaign_text.source).campaign
    if campaign.load is None:
        raise AgingError(
            f"{options.file}: load: the campaign sends no requests, so there is no rate to calibrate; add open arrivals"
        )
    if not any(each.arrivals.mean_rate() for each in classes_of(campaign.load)):
        raise AgingError(f"{options.file}: load.arrivals: a closed loop has no rate to calibrate; use open arrivals")
    if campaign.factors:
        raise AgingError(
            f"{options.file}: [factors]: a designed experiment has several loads; calibrate the file without it"
        )
    names = [one.name for one in campaign.deployment]
    if unknown := [name for name in options.deployment if name not in names]:
        raise AgingError(f"--deployment: unknown deployment {', '.join(unknown)}; known: {', '.join(names)}")
    if options.write is not None and not options.write.absolute().parent.is_dir():
        raise AgingError(
            f"--write: the folder {options.write.absolute().parent} does not exist; create it, or name another file"
        )
    check(campaign, catalogue, path.parent, source=campaign_text.source)
    deployments = [
        one
        for one in resolve_deployments(campaign, catalogue)
        if not options.deployment or one.options.name in options.deployment
    ]
    out = console()
    ceilings = asyncio.run(
        calibrate(campaign, deployments, windows, limits, lambda name, step: _show_step(out, name, step))
    )
    found = {one.deployment: rate for one in ceilings if (rate := rate_of(one, options.fraction)) is not None}
    content = json.dumps(calibration_content(campaign, ceilings, options.fraction), indent=1) + "\n"
    curve = curve_plot(ceilings)
    with writing(path):
        path.write_text(content, encoding="utf-8")
        path.with_suffix(".svg").write_text(curve, encoding="utf-8")
    for one in ceilings:
        _show_ceiling(out, one, found.get(one.deployment), options.fraction, why_not(one, limits))
    out.print(f"curve: {path}, {path.with_suffix('.svg').name}", soft_wrap=True)
    if len(found) < len(ceilings):
        return ExitCode.INCONCLUSIVE
    if options.write is not None:
        remark = f"{options.fraction * _PERCENT:g} % of its ceiling here (aging calibrate)"
        rated = with_rates(campaign_text.text, found, remark)
        with writing(options.write):
            options.write.write_text(rated, encoding="utf-8")
            calibration_path(options.write).write_text(content, encoding="utf-8")
        out.print(f"rates: {options.write}", soft_wrap=True)
    return ExitCode.DONE


def _bounds(options: argparse.Namespace) -> tuple[Windows, Limits]:
    """The time windows and the search limits of the options. Raises MistakesError with every invalid option."""
    from aging.app.calibrate import Windows
    from aging.findings.saturation import Limits

    mistakes: list[Mistake] = []
    seconds = {}
    for name in ("step", "settle", "most"):
        try:
            seconds[name] = parse_duration(getattr(options, name))
        except ValueError as error:
            mistakes.append(Mistake(f"--{name}", str(error)))
    for name in ("step", "most"):
        if seconds.get(name) == 0:
            mistakes.append(Mistake(f"--{name}", "must be above 0"))
    if not 0 < options.fraction <= 1:
        mistakes.append(Mistake("--fraction", f"must be above 0 and at most 1, got {options.fraction:g}"))
    least = Limits().least
    if not least <= options.from_rate <= options.max_rate < float("inf"):
        message = f"needs {least:g} ≤ --from-rate ≤ --max-rate, got {options.from_rate:g} and {options.max_rate:g}"
        mistakes.append(Mistake("--from-rate", message))
    if not 0 < options.precision <= 1:
        mistakes.append(Mistake("--precision", f"must be above 0 and at most 1, got {options.precision:g}"))
    if mistakes:
        raise MistakesError("calibrate", mistakes)
    limits = Limits(
        start=options.from_rate, most=options.max_rate, precision=options.precision, seconds=seconds["most"]
    )
    return Windows(seconds["step"], seconds["settle"]), limits


def _show_step(out: Console, name: str, step: Step) -> None:
    from aging.findings.latencies import SINCE
    from aging.findings.saturation import BASE

    p50, p99 = step.ttft_p50, step.ttft_p99
    waits = "" if p50 is None else f", first token {p50:.3g} s (p99 {p99:.3g} s) {SINCE[BASE]}"
    state = f"saturated: {step.saturated}" if step.saturated else "held"
    out.print(
        f"{name}: {step.rate:.4g} req/s: {step.achieved:.4g} of {step.offered:.4g} answered{waits}: {state}",
        soft_wrap=True,
    )


def _show_ceiling(out: Console, ceiling: Ceiling, rate: float | None, fraction: float, why_not: str) -> None:
    if ceiling.rate is None:
        out.print(f"{ceiling.deployment}: no ceiling found: {why_not}", soft_wrap=True)
        return
    out.print(
        f"{ceiling.deployment}: ceiling {ceiling.rate:.4g} req/s (held at {ceiling.held:.4g}, saturated at "
        f"{ceiling.saturated:.4g}); {fraction * _PERCENT:g} %: rate = {rate:g}",
        soft_wrap=True,
    )
