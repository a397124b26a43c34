"""Figures as JSON, CSV, SVG and on matplotlib axes: the same numbers, gaps kept, hostile text harmless."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing

from aging.report.charts import table
from aging.report.charts.chart import Band, Cell, Chart, Estimate, Forest, HeatMap, Level, Line, Mark, Span
from aging.report.charts.draw import draw
from aging.report.charts.encoding import encoded
from aging.report.charts.key import figure_key, run_key
from aging.report.charts.quantity import log_scale, time_scale, value_scale
from aging.report.charts.svg import LARGE, SMALL, figure_svg
from aging.report.html.figure import figure_element

MIB = 2.0**20
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&\"'"
T = np.arange(0.0, 600.0, 10.0)
Y = np.where((T > 200) & (T < 260), np.nan, 100 * MIB + T * 1000)
CHART = Chart(
    key="memory-a-r01",
    title="a",
    label="Memory of a over time",
    quantity="process_anon_swap_bytes",
    origin="the load began",
    last=600.0,
    bottom=99 * MIB,
    top=101 * MIB,
    lines=[Line("medians", "medians", T, Y), Line("worker 1", "series", T[:3], Y[:3])],
    bands=[Band("samples", "samples", T, Y - 4096, Y + 4096)],
    spans=[Span("warm-up", 0.0, 60.0, "warm-up")],
    marks=[Mark("died", 300.0, "died"), Mark("fault", 100.0, "3 failed")],
    levels=[Level("limit", 100.9 * MIB)],
)
FOREST = Forest(
    "forest-a",
    "a",
    "Rate of a",
    "process_anon_swap_bytes",
    "h",
    [
        Estimate("replica 1", MIB, 0.5 * MIB, 1.5 * MIB, weight=0.4),
        Estimate("replica 2", None, None, None),
        Estimate("pooled", 1.1 * MIB, 0.9 * MIB, 1.3 * MIB, pooled=True, note="I² 12 %"),
    ],
)
HEAT_MAP = HeatMap(
    "heat-map",
    "all",
    "Verdicts",
    ["rss", "fds"],
    ["a", "b"],
    [[Cell("bad", "+1 MiB/h", 0.9, "aging"), Cell("good", "0")], [Cell("none", "–"), Cell("warn", "3/h")]],
)


def decoded(packed: dict[str, Any]) -> np.ndarray:
    """As the script of the page does it."""
    if packed["k"] == "e":
        return np.asarray(packed["from"] + packed["step"] * np.arange(packed["n"]))
    if packed["k"] == "n":
        return np.full(packed["n"], np.nan)
    if packed["k"] == "f":
        return np.frombuffer(b64decode(packed["d"]), "<f4").astype(float)
    whole = np.frombuffer(b64decode(packed["d"]), "<u2")
    return np.where(whole == 65535, np.nan, packed["from"] + packed["step"] * whole.astype(float))


def line(y: np.ndarray) -> np.ndarray:
    """The values of a line after encoding."""
    made = replace(CHART, lines=[Line("one", "samples", np.arange(float(y.size)), y)])
    return decoded(json.loads(encoded(made))["lines"][0][3])


def test_encoding_keeps_three_digits_gaps_and_spikes() -> None:
    rng = np.random.default_rng(0)
    for y in (
        Y,
        np.zeros(5),
        np.full(5, np.nan),
        np.array([]),
        np.array([1e-6, 1e9, np.nan, 0.0]),
        rng.lognormal(0, 4, 5000),
        np.array([-5.0, 5.0]),
        2.0**31 + rng.normal(size=1000),
    ):
        found = line(y)
        assert np.array_equal(np.isnan(found), np.isnan(y))
        known = np.isfinite(y)
        assert found[known] == pytest.approx(y[known], rel=5.1e-4, abs=1e-300)
        if known.any():
            assert found[known].argmax() == y[known].argmax()


def test_encoded_times_increase() -> None:
    told = json.loads(encoded(CHART))
    assert decoded(told["lines"][0][2]) == pytest.approx(T)
    uneven = np.cumsum(np.random.default_rng(1).exponential(size=500))
    made = replace(CHART, lines=[Line("one", "samples", uneven, uneven)])
    assert np.all(np.diff(decoded(json.loads(encoded(made))["lines"][0][2])) > 0)


def test_encoded_text_cannot_leave_its_element() -> None:
    for figure in (
        replace(CHART, title=HOSTILE, marks=[Mark("died", 1.0, HOSTILE)]),
        replace(FOREST, title=HOSTILE),
        replace(HEAT_MAP, rows=[HOSTILE, "b"]),
    ):
        text = encoded(figure)
        assert not set("<>&\u2028\u2029") & set(text)
        assert HOSTILE in json.dumps(json.loads(text), ensure_ascii=False).replace('\\"', '"')


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("figure", [CHART, FOREST, HEAT_MAP], ids=lambda one: one.key)
def test_svg(figure: Chart | Forest | HeatMap) -> None:
    hostile = replace(figure, title=HOSTILE, label=HOSTILE)
    if isinstance(hostile, Forest):
        hostile = replace(hostile, rows=[replace(row, label=HOSTILE, note=HOSTILE) for row in hostile.rows])
    elif isinstance(hostile, HeatMap):
        hostile = replace(hostile, columns=[HOSTILE, "b"], cells=[[Cell("bad", HOSTILE, 1.0, HOSTILE)] * 2] * 2)
    else:
        hostile = replace(hostile, origin=HOSTILE, marks=[Mark("died", 1.0, HOSTILE)])
    for one in (figure, hostile):
        parser = _Tags()
        parser.feed(str(figure_element(one, figure_svg(one, LARGE))))
        assert not {"img", "a", "foreignobject"} & set(parser.tags)
        assert parser.tags.count("script") == isinstance(one, Chart)
        assert "nan" not in str(figure_svg(one, LARGE)).lower()


def test_a_miniature_is_small() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(0.0, 777_600.0, 1620.0)
    y = 100 * MIB + MIB * rng.normal(size=t.size)
    busy = replace(
        CHART,
        last=777_600.0,
        lines=[Line("medians", "medians", t, y)],
        bands=[Band("samples", "samples", t, y - MIB, y + MIB)],
        bottom=90 * MIB,
        top=110 * MIB,
    )
    assert len(figure_svg(busy, SMALL)) <= 5000
    assert len(encoded(busy)) <= 6000


def test_the_svg_keeps_a_gap() -> None:
    drawn = str(figure_svg(CHART, LARGE))
    found = re.search(r'class="line medians" d="([^"]*)"', drawn)
    assert found is not None
    assert found[1].count("M") == 2


def test_table() -> None:
    head, *rows = table.rows(CHART)
    assert head[5] == "process_anon_swap_bytes"
    assert all(len(row) == len(head) for row in rows)
    medians = [row for row in rows if row[1] == "medians"]
    assert [row[3] for row in medians] == T.tolist()
    assert sum(row[5] is None for row in medians) == int(np.isnan(Y).sum())
    assert ("mark", "died", "died", 300.0, None, None, None, None) in rows
    assert len(list(table.rows(FOREST))) == 4
    assert len(list(table.rows(HEAT_MAP))) == 5


@pytest.mark.parametrize("figure", [CHART, FOREST, HEAT_MAP], ids=lambda one: one.key)
def test_draw(figure: Chart | Forest | HeatMap) -> None:
    drawing = Drawing()
    axes = drawing.add_subplot()
    draw(figure, axes)
    drawing.draw_without_rendering()
    if isinstance(figure, Chart):
        assert axes.get_ylim() == (figure.bottom, figure.top)
        assert axes.get_xlim() == (0, figure.last)
        assert axes.get_xlabel() == "minutes since the load began"
        assert np.array_equal(axes.get_lines()[0].get_ydata(), Y, equal_nan=True)


def test_a_logarithmic_chart_of_nothing_and_of_one_value() -> None:
    for y in (np.empty(0), np.array([0.5])):
        t = np.arange(float(y.size))
        made = replace(CHART, lines=[Line("one", "median", t, y)], bands=[], bottom=0.1, top=1.0, logarithmic=True)
        assert "<svg" in figure_svg(made, SMALL)
        assert json.loads(encoded(made))["log"] is True
        draw(made, Drawing().add_subplot())


def test_keys_are_unique_file_names() -> None:
    names = ["llama", "Llama", "a/b", "a-b", "../x", "x" * 300, "", "<script>", "ö", "..", "a\x00b"]
    keys = [run_key("memory", name, 1) for name in names]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9._-]{1,120}", key) for key in keys)
    assert figure_key("memory", "llama") == "memory-llama"


@pytest.mark.parametrize(
    ("quantity", "least", "greatest", "name", "first"),
    [
        ("process_anon_swap_bytes", 0.0, 3 * 2.0**30, "GiB", "0.0"),
        ("client_ttft_seconds", 0.0, 0.05, "ms", "0"),
        ("client_slo_attainment_ratio", 0.0, 1.02, "%", "0"),
        ("process_threads", 0.0, 40.0, "", "0"),
    ],
)
def test_axes_have_human_numbers(quantity: str, least: float, greatest: float, name: str, first: str) -> None:
    scale = value_scale(quantity, least, greatest)
    assert scale.name == name
    assert float(scale.ticks[0][1]) == float(first)
    assert 2 <= len(scale.ticks) <= 7


def test_time_and_logarithmic_axes() -> None:
    assert [text for _, text in time_scale(777_600.0).ticks] == ["0", "2", "4", "6", "8"]
    assert time_scale(180.0).name == "minutes"
    assert [text for _, text in log_scale("client_ttft_seconds", 0.009, 11.0).ticks] == [
        "10 ms",
        "100 ms",
        "1 s",
        "10 s",
    ]
