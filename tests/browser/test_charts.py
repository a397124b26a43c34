"""The charts of a page under a reader's hands: zoom, values, series on and off, print, no scripts, hostile names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from markupsafe import Markup

from aging.report.charts import cells
from aging.report.charts.chart import Band, Chart, Floats, Level, Line, Mark, Span
from aging.report.charts.encoding import encoded
from aging.report.charts.svg import LARGE, figure_svg
from aging.report.html.figure import figure_element
from aging.report.html.scripts import chart_scripts
from tests.browser.conftest import Opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MIB = 2.0**20
HOURS = 216.0
SPIKE_AT, SPIKE = 321_987, 4096 * MIB
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u2028&"
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title>'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src {}; '
    "style-src 'unsafe-inline'\"><style>:root {{ --ink: #111; --muted: #555; --rule: #ddd; --data: #33658a; "
    "--fit: #c2571a; --mark: #7b5ea7; --shade: #eee; --bad: #b3261e; --sans: sans-serif; }} "
    "@media (prefers-color-scheme: dark) {{ :root {{ --data: #79b4dc; --muted: #97a1ab; }} }}"
    " .plot svg {{ display: block; width: 100%; }} {}</style></head><body><h1>page</h1><main>"
)


@cache
def nine_days() -> tuple[Floats, ...]:
    """Middle, least, greatest and median of every place, of nine days at 1 Hz with a spike of one sample."""
    t = np.arange(HOURS * 3600)
    y = 1024 * MIB + t / 3600 * MIB
    y[SPIKE_AT] = SPIKE
    at, low, high = cells.envelope(t, y, HOURS * 3600 / cells.CELLS)
    _, (median,) = cells.quantiles(t, y, HOURS * 3600 / cells.CELLS, [0.5])
    return at, low, high, median


def chart(key: str, clock: str = "load", label: str = "medians") -> Chart:
    at, low, high, median = nine_days()
    return Chart(
        key=key,
        title=key,
        label=f"Memory of {key}",
        quantity="process_anon_swap_bytes",
        origin="the load began",
        last=HOURS * 3600,
        bottom=0.0,
        top=SPIKE * 1.05,
        lines=[Line(label, "medians", at, median)],
        bands=[Band("samples, least to greatest", "samples", at, low, high)],
        spans=[Span("warm-up", 0, 36_000, "warm-up")],
        marks=[Mark("died", 500_000.0, "died")],
        levels=[Level("limit", SPIKE)],
        clock=clock,
    )


def page_of(charts: list[Chart]) -> str:
    scripts = chart_scripts()
    body = "".join(figure_element(one, figure_svg(one, LARGE)) for one in charts)
    return f"{HEAD.format(scripts.policy, scripts.css)}{body}</main>{scripts.elements}</body></html>"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    made = context.new_page()
    yield made
    context.close()


def shown(page: Page, charts: list[Chart], tmp_path: Path) -> Opened:
    file = tmp_path / "page.html"
    file.write_text(page_of(charts), encoding="utf-8")
    opened = Opened(page)
    page.goto(file.as_uri())
    page.wait_for_selector("figure.is-live canvas")
    return opened


def until(page: Page, condition: str) -> None:
    """Wait; playwright's own way evaluates text in the page, which its policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def ranges(page: Page) -> dict[str, list[float]]:
    """The visible stretch of time of every chart, by its key."""
    found: dict[str, list[float]] = page.evaluate(
        "Object.fromEntries(AgingCharts.charts().map((one) =>"
        " [one.element.dataset.key, [one.plot.scales.x.min, one.plot.scales.x.max]]))"
    )
    return found


def drag(page: Page, place: int, begin: float, end: float, *, shift: bool = False) -> None:
    box = page.locator(".u-over").nth(place).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(box["x"] + begin * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def test_a_drag_zooms_every_chart_of_the_same_clock(page: Page, tmp_path: Path) -> None:
    opened = shown(page, [chart("a"), chart("b"), chart("other", clock="wall")], tmp_path)
    page.locator("figure").nth(2).scroll_into_view_if_needed()
    until(page, "AgingCharts.charts().length === 3")
    page.locator("figure").nth(0).scroll_into_view_if_needed()

    drag(page, 0, 0.25, 0.5)

    seconds = HOURS * 3600
    found = ranges(page)
    assert found["a"] == pytest.approx([seconds / 4, seconds / 2], rel=0.01)
    assert found["b"] == found["a"]
    assert found["other"] == [0, seconds]

    drag(page, 0, 0.6, 0.2, shift=True)
    moved = ranges(page)
    assert moved["a"][0] == pytest.approx(found["a"][0] + 0.4 * seconds / 4, rel=0.02)
    assert moved["a"][1] - moved["a"][0] == pytest.approx(seconds / 4, rel=0.01)
    assert moved["b"] == moved["a"]

    page.locator(".entry.all").first.click()
    assert ranges(page)["a"] == ranges(page)["b"] == [0, seconds]

    drag(page, 1, 0.1, 0.2)
    page.locator(".u-over").first.dblclick()
    assert ranges(page)["b"] == [0, seconds]
    assert opened.complaints == []


def test_a_zoomed_chart_fits_its_values(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    drag(page, 0, 0.6, 0.7)
    low, high = page.evaluate("(() => { const y = AgingCharts.charts()[0].plot.scales.y; return [y.min, y.max]; })()")
    assert low > 1000 * MIB
    assert high < 1300 * MIB


def test_the_pointer_shows_values_with_their_units(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    values = page.locator(".entry output").all_text_contents()
    assert values[1].endswith(" GiB")
    assert float(values[1].split()[0]) == pytest.approx(1 + HOURS / 2 / 1024, abs=0.01)
    assert re.fullmatch(r"[\d.]+ GiB to [\d.]+ GiB", values[0])
    assert re.search(r"at 10[78]:\d\d:\d\d", page.locator(".when").inner_text())


def test_the_pointer_reads_a_fitted_line_between_its_ends(page: Page, tmp_path: Path) -> None:
    """Its two points are the ends: the nearer one would be a quarter of the growth off."""
    ends = np.array([0.0, HOURS * 3600])
    fit = np.array([1024.0, 2048.0]) * MIB
    shown(
        page,
        [
            replace(
                chart("a"),
                lines=[Line("slope", "fit", ends, fit)],
                bands=[Band("slope, 95 % interval", "fit", ends, fit - 100 * MIB, fit + 100 * MIB)],
            )
        ],
        tmp_path,
    )
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    for share in (0.25, 0.75):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 20)
        band, line = page.locator(".entry output").all_text_contents()
        assert float(line.split()[0]) == pytest.approx(1 + share, abs=0.01)
        numbers = [float(one) for one in re.findall(r"[\d.]+", band)]
        units = [1024.0 if unit == "GiB" else 1.0 for unit in re.findall(r"[GM]iB", band)]
        low, high = (number * unit for number, unit in zip(numbers, units, strict=True))
        assert (low, high) == pytest.approx((1024 * (1 + share) - 100, 1024 * (1 + share) + 100), abs=10)


def test_a_click_on_the_legend_switches_a_series(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    button = page.get_by_role("button", name="samples, least to greatest")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert page.evaluate("AgingCharts.charts()[0].plot.series.map((one) => one.show)") == [True, False, False, True]
    button.click()
    assert page.evaluate("AgingCharts.charts()[0].plot.series.every((one) => one.show)")


def test_the_keyboard_moves_zooms_and_resets(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    said = page.locator(".said").inner_text()
    assert "medians 1.1" in said
    assert "GiB" in said
    page.keyboard.press("+")
    begin, end = ranges(page)["a"]
    assert end - begin == pytest.approx(HOURS * 1800, rel=0.01)
    page.keyboard.press("0")
    assert ranges(page)["a"] == [0, HOURS * 3600]


def test_the_wheel_belongs_to_the_page_until_the_chart_has_the_focus(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.wheel(0, -100)
    assert ranges(page)["a"] == [0, HOURS * 3600]
    page.locator(".stage").focus()
    page.mouse.wheel(0, -100)
    until(page, f"AgingCharts.charts()[0].plot.scales.x.max < {HOURS * 3600 - 1}")


def test_without_scripts_the_svg_is_there(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page_of([chart("a")]), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("figure > svg").is_visible()
    assert page.locator("canvas").count() == 0
    context.close()


def test_paper_shows_the_svg(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    assert not page.locator("figure > svg").is_visible()
    page.emulate_media(media="print")
    assert page.locator("figure > svg").is_visible()
    assert not page.locator("canvas").first.is_visible()


def test_no_spike_of_one_sample_in_nine_days_is_hidden(page: Page, tmp_path: Path) -> None:
    one = chart("a")
    shown(page, [one], tmp_path)
    greatest = page.evaluate(
        "Math.max(...AgingCharts.charts()[0].plot.data.slice(1).flat().filter((value) => Number.isFinite(value)))"
    )
    assert greatest == pytest.approx(SPIKE, rel=1e-4)
    drawn = str(figure_svg(one, LARGE))
    band = re.search(r'class="band samples" d="M(-?\d+) (-?\d+)l([^z]*)z', drawn)
    assert band is not None
    steps = [int(number) for number in re.findall(r"-?\d+", band[3])]
    heights = int(band[2]) + np.cumsum(steps[1::2])
    assert heights.min() == pytest.approx((1 - 1 / 1.05) * (LARGE.height - 68) * 10, abs=2)


def test_a_hostile_name_is_text(page: Page, tmp_path: Path) -> None:
    one = replace(chart("a", label=HOSTILE), title=HOSTILE, label=HOSTILE, marks=[Mark("died", 5e5, HOSTILE)])
    opened = shown(page, [one, chart("b")], tmp_path)
    assert page.title() == "page"
    assert opened.complaints == []
    assert opened.requested == [page.url]
    assert page.locator("figure").count() == 2
    assert HOSTILE.rstrip("&")[:30] in page.locator(".entry").nth(1).inner_text()


def test_new_data_keep_the_zoom_and_what_is_hidden(page: Page, tmp_path: Path) -> None:
    opened = shown(page, [chart("a")], tmp_path)
    page.get_by_role("button", name="medians").click()
    drag(page, 0, 0.25, 0.5)
    before = ranges(page)["a"]
    longer = replace(chart("a"), last=HOURS * 7200)
    assert page.evaluate(f"AgingCharts.update('a', {encoded(longer)})") is True
    assert ranges(page)["a"] == before
    more = replace(longer, lines=[*longer.lines, replace(longer.lines[0], label="more", role="series")])
    assert page.evaluate(f"AgingCharts.update('a', {encoded(more)})") is True
    assert page.locator(".entry", has_text="medians").get_attribute("aria-pressed") == "false"
    page.locator(".entry.all").click()
    assert ranges(page)["a"] == [0, HOURS * 7200]
    assert page.evaluate("AgingCharts.update('none', {})") is False
    assert opened.complaints == []


def test_charts_are_made_when_they_are_seen(page: Page, tmp_path: Path) -> None:
    opened = shown(page, [chart(f"c{place}") for place in range(30)], tmp_path)
    assert page.evaluate("AgingCharts.charts().length") < 10
    page.locator("figure").nth(29).scroll_into_view_if_needed()
    page.wait_for_selector('figure[data-key="c29"].is-live')
    assert opened.complaints == []


def test_colors_follow_the_scheme(page: Page, tmp_path: Path) -> None:
    shown(page, [chart("a")], tmp_path)
    light = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.emulate_media(color_scheme="dark")
    until(page, f"document.querySelector('canvas').toDataURL() !== {light!r}")


def test_the_page_is_accessible(opened: Opened, tmp_path: Path) -> None:
    shown(opened.page, [chart("a")], tmp_path)
    assert opened.serious_findings() == []
    assert opened.overflow() == 0
    assert Markup("<svg") in page_of([chart("a")])
