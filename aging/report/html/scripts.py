"""The scripts and styles of the charts, to be written into a page, and what its security policy must allow."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class ChartScripts:
    """``elements`` end the body, ``css`` is for a style element, ``policy`` is the value of ``script-src``."""

    elements: Markup
    css: Markup
    policy: str


@cache
def chart_scripts() -> ChartScripts:
    """uPlot, once, with its license, and the script that uses it."""
    license_text = _file("static/uPlot.LICENSE").strip().replace("*/", "* /")
    texts = [f"/*! uPlot\n{license_text}\n*/\n{_file('static/uPlot.iife.min.js').strip()}", _file("charts.js").strip()]
    return ChartScripts(
        Markup("\n").join(Markup(f"<script>{text}</script>") for text in texts),
        Markup(f"{_file('static/uPlot.min.css').strip()}\n{_file('charts.css').strip()}"),
        " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts),
    )


def _file(name: str) -> str:
    return resources.files("aging.report.html").joinpath(name).read_text("utf-8")
