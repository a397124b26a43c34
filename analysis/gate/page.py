"""The part of ``docs/evidence.md`` that is written by the study: its figures as Markdown, between two marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.gate.rules import RULES
from analysis.gate.tables import GATE, NAMES, detection, false_red, targets, times

_BEGIN, _END = "<!-- figures of the gate -->", "<!-- end of the figures of the gate -->"

SOURCES = ("simulated", "reference server", "recorded servers")


def markdown(runs: pd.DataFrame) -> str:
    """All tables of the page."""
    return "\n\n".join([_targets(runs), _rules(runs), _sizes(runs), _times(runs)])


def write(page: Path, text: str) -> None:
    """Put ``text`` between the marks of a page. Raises ValueError where it has none."""
    whole = page.read_text()
    if _BEGIN not in whole or _END not in whole:
        raise ValueError(f"{page}: no line {_BEGIN!r} and {_END!r} to write between")
    before, _, rest = whole.partition(_BEGIN)
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{rest.partition(_END)[2]}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _percent(share: object) -> str:
    value = 100 * float(str(share))
    if math.isnan(value):
        return "–"
    return f"{value:.1f} %" if 0 < value < 10 or 90 < value < 100 else f"{value:.0f} %"


def _targets(runs: pd.DataFrame) -> str:
    rows = []
    for found in targets(runs).to_dict("records"):
        ratio = "median time" in str(found["target"])
        reached = f"{found['reached']:.2f}" if ratio else _percent(found["reached"])
        interval = "" if ratio else f" [{_percent(found['low'])}, {_percent(found['high'])}]"
        asked = str(found["asked"]).split()
        met = "yes" if found["met"] else "**no**"
        wanted = " ".join([*asked[:-1], *(last if ratio else _percent(last) for last in asked[-1:])])
        rows.append([str(found["target"]), wanted, reached + interval, str(found["runs"]), met if asked else ""])
    return _table(["target", "asked", "reached, 95 % interval", "runs", "met"], rows)


def _rules(runs: pd.DataFrame) -> str:
    alarms, found = false_red(runs), detection(runs)
    alarms = alarms[(alarms["family"] == "all") & (alarms["half"] == "held-out")].set_index(["source", "rule"])
    leaks = found[(found["part"] == "ratio") & (found["size"] >= 2 * found["limit"])]
    real = found[(found["part"] == "recorded servers") & (found["half"] == "held-out")]
    rows = []
    for name in NAMES:
        mine = leaks[leaks["rule"] == name]
        theirs = real[real["rule"] == name]
        source = next((rule.source for rule in RULES if rule.name == name), "this package")
        rows.append(
            [
                f"**{name}**" if name == GATE else name,
                source,
                *(_percent(alarms.loc[(part, name), "usual"]) for part in SOURCES),
                _percent((mine["usual"] * mine["runs"]).sum() / mine["runs"].sum()),
                _percent((theirs["usual"] * theirs["runs"]).sum() / theirs["runs"].sum()),
                _percent((mine["calibrated"] * mine["runs"]).sum() / mine["runs"].sum()),
                _percent(alarms.loc[("recorded servers", name), "calibrated"]),
            ]
        )
    head = ["rule", "source", "red without a leak: simulated", "reference server", "recorded servers"]
    calibrated = ["with thresholds for 1 %: leaks red, simulated", "red without a leak, recorded"]
    return _table([*head, "leaks red: simulated", "recorded", *calibrated], rows)


def _sizes(runs: pd.DataFrame) -> str:
    table = detection(runs)
    table = table[table["part"] == "size"]
    chunks = {"leak": "pages", "leak, glibc": "132 KiB", "leak, arena": "1 MiB"}
    sizes = sorted(table["size"].unique())
    rows = []
    for (budget, limit, family), group in table[table["rule"] == GATE].groupby(
        ["budget", "limit", "family"], sort=False
    ):
        by_size = group.set_index("size")
        cells = [f"{_percent(by_size.loc[size, 'usual'])}" if size in by_size.index else "" for size in sizes]
        rows.append([f"{budget} s", f"{limit:g} B", chunks[str(family)], *cells])
    return _table(["budget", "limit", "grows by", *(f"{size:g} B" for size in sizes)], rows)


def _times(runs: pd.DataFrame) -> str:
    rows = []
    for found in times(runs).to_dict("records"):
        truth = f"leak, {found['ratio']:g} × limit" if found["truth"] == "leak" else str(found["truth"])
        rows.append(
            [
                f"{found['budget']} s",
                truth,
                _percent(found["right"]),
                _percent(found["once"]),
                f"{found['median_seconds']:.0f} s",
                f"{found['share_of_budget']:.2f}",
            ]
        )
    return _table(
        ["budget", "truth", "decided rightly", "by one look at the end", "median time", "share of the budget"], rows
    )
