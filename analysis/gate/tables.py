"""The tables of the study, from one row a run, and its figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from analysis.gate.rules import RULES
from analysis.gate.verdict import ALPHA, BETA

GATE = "gate"
NAMES = (GATE, *(rule.name for rule in RULES))

FINE = ("leak", "leak, rough", "leak, glibc")
"""Leaks that show in more than a few steps."""

Row = dict[str, object]


def with_colors(runs: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return ``runs`` with a column ``rule: usual`` and ``rule: calibrated`` of booleans for every rule: red or not.

    A calibrated threshold is that of the budget of the table that is nearest by ratio.
    """
    table = thresholds.pivot_table(index="budget", columns="rule", values="calibrated")
    known = table.index.to_numpy(dtype=np.float64)
    nearest = np.abs(np.log(runs["budget"].to_numpy(dtype=np.float64)[:, None] / known)).argmin(axis=1)
    red = (runs["gate"] == "red").to_numpy()
    found = {f"{GATE}: usual": red, f"{GATE}: calibrated": red}
    for rule in RULES:
        score = runs[rule.name].to_numpy(dtype=np.float64)
        found[f"{rule.name}: usual"] = score > rule.usual
        found[f"{rule.name}: calibrated"] = score > table[rule.name].to_numpy()[nearest]
    return pd.concat([runs, pd.DataFrame(found, index=runs.index)], axis=1)


def bounded(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs in which nothing leaks and memory did not, for now, grow as a leak at the limit does.

    A recorded server whose cache fills in the second half of a window at the limit or faster is left out.
    """
    real = runs["part"] == "recorded servers"
    kept = runs["kind"].isin(["clean", "look-alike"]) | (real & (runs["kind"] == "beyond"))
    return runs[kept & ~(real & (runs["grew"] >= runs["limit"]))]


def false_red(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a source, family and rule: how many of the runs without a leak are red; for the gate also green."""
    rows = []
    clean = bounded(runs[runs["part"].isin(["no leak", "reference server", "recorded servers"])])
    for (part, half, family), group in clean.groupby(["part", "half", "family"], sort=False):
        rows += _shares({"source": _source(part), "half": half, "family": family}, group)
    for (part, half), group in clean.groupby(["part", "half"], sort=False):
        rows += _shares({"source": _source(part), "half": half, "family": "all"}, group)
    return pd.DataFrame(rows)


def _source(part: object) -> str:
    return "simulated" if part == "no leak" else str(part)


def _shares(labels: Row, group: pd.DataFrame) -> list[Row]:
    rows: list[Row] = []
    for name in NAMES:
        row = labels | {"rule": name, "runs": len(group)}
        row |= {way: float(group[f"{name}: {way}"].mean()) for way in ("usual", "calibrated")}
        if name == GATE:
            row |= {"green": float((group["gate"] == "green").mean()), "open": float((group["gate"] == "open").mean())}
        rows.append(row)
    return rows


def detection(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a budget, limit, kind of leak, size and rule: how many are red, green, and after how many seconds."""
    leaks = runs[runs["kind"] == "leak"]
    keys = ["part", "half", "budget", "limit", "family", "size", "noise"]
    grouped = [*leaks[leaks["part"].isin(["size", "ratio", "target", "noise"])].groupby(keys, sort=False)]
    real = leaks[leaks["part"].isin(["reference server", "recorded servers"])]
    recorded = real["part"] == "recorded servers"
    real = real.assign(
        noise=0.0,
        family=real["family"].where(~recorded, "all"),
        limit=real["limit"].where(~recorded, 0.0),
        size=real["size"].where(~recorded, 0.0),
    )
    grouped += [*real.groupby(keys, sort=False)]
    return pd.DataFrame(
        [row for values, group in grouped for row in _found(dict(zip(keys, values, strict=True)), group)]
    )


def _found(labels: Row, group: pd.DataFrame) -> list[Row]:
    rows = []
    for row in _shares(labels, group):
        if row["rule"] == GATE:
            row |= {"once": float((group["once"] == "red").mean())}
            row |= {"seconds": float(group.loc[group["gate"] == "red", "seconds"].median())}
        elif row["rule"] == "slope above its margin":
            row |= {"seconds": float(group["alarm"].median())}
        else:
            row |= {"seconds": float(str(group["budget"].iloc[0]))}
        rows.append(row)
    return rows


def times(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a budget, truth and size over limit: when the gate decides, as a share of the budget.

    ``once`` is how many are decided rightly by one look at the end: where it is at least 95 %, the budget is what a
    test of fixed length needs for these errors, or more.
    """
    rows = []
    clean = runs[(runs["part"] == "no leak")]
    leaks = runs[(runs["part"] == "ratio") & (runs["size"] >= 2 * runs["limit"])]
    for budget, group in clean.groupby("budget"):
        rows.append(_time({"budget": budget, "truth": "clean", "ratio": 0.0}, group[group["kind"] == "clean"], "green"))
        alike = group[group["kind"] == "look-alike"]
        rows.append(_time({"budget": budget, "truth": "look-alike", "ratio": 0.0}, alike, "green"))
    for (seconds, limit, size), group in leaks.groupby(["budget", "limit", "size"]):
        ratio = float(str(size)) / float(str(limit))
        rows.append(_time({"budget": seconds, "truth": "leak", "ratio": ratio}, group, "red"))
    return pd.DataFrame(rows)


def _time(labels: Row, group: pd.DataFrame, right: str) -> Row:
    decided = group[group["gate"] == right]
    return labels | {
        "runs": len(group),
        "right": len(decided) / max(len(group), 1),
        "once": float((group["once"] == right).mean()),
        "median_seconds": float(decided["seconds"].median()),
        "share_of_budget": float((decided["seconds"] / decided["budget"]).median()),
    }


def targets(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a target: what was asked, and what was reached in how many runs."""
    return pd.DataFrame([*_errors(runs), *_sizes(runs), *_speeds(runs)])


def _errors(runs: pd.DataFrame) -> Iterator[Row]:
    clean = bounded(runs[runs["part"].isin(["no leak", "reference server", "recorded servers"])])
    reported = clean[clean["half"] == "held-out"]
    for part in ("no leak", "reference server", "recorded servers"):
        group = reported[reported["part"] == part]
        yield _row(f"false red, {_source(part)}", "at most", ALPHA, group["gate"] == "red")
    yield _row("false red, all", "at most", ALPHA, reported["gate"] == "red")
    slow = runs[(runs["kind"] == "beyond") & (runs["part"] != "recorded servers")]
    yield _row("red: a cache or a tooth grows steadily for over 30 % of the budget", "", 1.0, slow["gate"] == "red")
    recorded = runs[(runs["part"] == "recorded servers") & (runs["half"] == "held-out")]
    growing = recorded[(recorded["kind"] != "leak") & (recorded["grew"] >= recorded["limit"])]
    yield _row("red: a recorded server still grows at the limit or faster", "", 1.0, growing["gate"] == "red")
    made = runs[runs["part"].isin(["ratio", "target"])]
    at = made["size"] / made["limit"]
    yield _row("false red at the limit, simulated", "at most", ALPHA, made.loc[at == 1, "gate"] == "red")
    yield _row("false green at twice the limit, simulated", "at most", BETA, made.loc[at == 2, "gate"] == "green")
    leaks = recorded[recorded["kind"] == "leak"]
    yield _row("false green at twice the limit, recorded servers", "at most", BETA, leaks["gate"] == "green")


def _sizes(runs: pd.DataFrame) -> Iterator[Row]:
    wanted = {1024.0: ("1 KiB a request within 60 s", 60.0, 0.99), 64.0: ("64 B a request within 10 min", 600.0, 0.95)}
    found = runs[runs["part"] == "target"]
    for (size, _, limit), group in found.groupby(["size", "budget", "limit"], sort=False):
        what, within, least = wanted[float(str(size))]
        hits = (group["gate"] == "red") & (group["seconds"] <= within)
        fine = group["family"].isin(FINE)
        yield _row(f"{what}, limit {limit:g} B: by pages, uneven sizes, 132 KiB", "at least", least, hits[fine])
        for family, name in (("leak, arena", "by 1 MiB"), ("leak beside a cache", "beside a cache of up to 64 MB")):
            yield _row(f"{what}, limit {limit:g} B: {name}", "at least", least, hits[group["family"] == family])
    real = runs[(runs["part"] == "reference server") & runs["size"].isin(list(wanted))]
    for size, (what, within, least) in wanted.items():
        group = real[(real["size"] == size) & (real["budget"] == within) & (real["size"] >= 2 * real["limit"])]
        yield _row(f"{what}, reference server", "at least", least, group["gate"] == "red")


def _speeds(runs: pd.DataFrame) -> Iterator[Row]:
    table = times(runs)
    for truth in ("leak", "clean", "look-alike"):
        group = table[(table["truth"] == truth) & (table["once"] >= 1 - BETA)]
        if len(group):
            share = float(np.average(group["share_of_budget"], weights=group["runs"]))
            yield {
                "target": f"median time over that of one look with the same errors, {truth}",
                "asked": "at most 0.4",
                "reached": share,
                "runs": int(group["runs"].sum()),
                "met": share <= 0.4,
            }


def _row(target: str, sense: str, asked: float, hits: pd.Series) -> Row:
    runs, count = len(hits), int(hits.sum())
    reached = count / runs if runs else float("nan")
    low, high = stats.binomtest(count, runs).proportion_ci() if runs else (0.0, 1.0)
    return {
        "target": target,
        "asked": f"{sense} {asked:g}" if sense else "",
        "reached": reached,
        "low": float(low),
        "high": float(high),
        "runs": runs,
        "met": reached >= asked if sense == "at least" else reached <= asked,
    }


def figure(runs: pd.DataFrame) -> Figure:
    """False alarms by look-alike and rule, leaks found by size, and when the gate decides."""
    drawing = Figure(figsize=(11, 7.5), layout="constrained")
    (left, right), (lower_left, lower_right) = drawing.subplots(2, 2)
    _alarms(left, runs, "usual")
    _alarms(right, runs, "calibrated")
    _found_by_size(lower_left, runs)
    _decided(lower_right, runs)
    return drawing


def _alarms(axes: Axes, runs: pd.DataFrame, way: str) -> None:
    table = false_red(runs)
    table = table[(table["source"] == "simulated") & (table["family"] != "all")]
    grid = 100 * table.pivot_table(index="family", columns="rule", values=way, sort=False)[[*NAMES]]
    axes.imshow(grid, cmap="Reds", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(grid.to_numpy(dtype=np.float64)):
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", color="white" if value > 60 else "black", fontsize=8)
    axes.set_xticks(range(len(NAMES)), NAMES, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(len(grid)), grid.index, fontsize=8)
    axes.set_title(
        f"red without a leak, %: {'usual thresholds' if way == 'usual' else 'thresholds for 1 %'}", fontsize=9
    )


def _found_by_size(axes: Axes, runs: pd.DataFrame) -> None:
    table = detection(runs)
    table = table[(table["part"] == "size") & (table["budget"] == 65)]
    for name in NAMES:
        line = table[table["rule"] == name].groupby("size")["calibrated"].mean()
        axes.plot(line.index, 100 * line, marker="o", ms=3, lw=2.2 if name == GATE else 1, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("bytes a request keeps (65 s, limit 512 B)")
    axes.set_ylabel("red, %, thresholds for 1 % false red")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _decided(axes: Axes, runs: pd.DataFrame) -> None:
    table = times(runs)
    for truth, ratio, label in (
        ("clean", 0.0, "green: clean"),
        ("look-alike", 0.0, "green: look-alikes"),
        ("leak", 2.0, "red: leak, 2 × limit"),
        ("leak", 4.0, "red: 4 × limit"),
        ("leak", 16.0, "red: 16 × limit"),
    ):
        line = table[(table["truth"] == truth) & (table["ratio"] == ratio)]
        axes.plot(line["budget"], line["share_of_budget"], marker="o", ms=3, label=label)
    axes.axhline(1.0, color="gray", lw=1, ls=":")
    axes.axhline(0.4, color="gray", lw=1, ls="--")
    axes.set_xscale("log")
    axes.set_xticks(sorted(table["budget"].unique()), sorted(table["budget"].unique()))
    axes.minorticks_off()
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("budget, s")
    axes.set_ylabel("median time to the decision / budget")
    axes.legend(fontsize=7)
