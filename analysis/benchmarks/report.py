"""What the report of nine days costs: six servers at 1 Hz, a request a second each."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from analysis.benchmarks.figures import Line
from analysis.benchmarks.nine_days import HOURS, SERVERS, Spike, write_nine_days

_PEAK = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
    "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024); sys.exit(code)"
)
"""CPU seconds of a command and of its children, and the most MiB that one of them held."""


def report() -> Iterator[Line]:
    """``aging analyze``, then ``aging report`` with its findings; the page, and how soon a browser shows it."""
    with TemporaryDirectory() as name:
        root = Path(name) / "nine-days"
        spikes = write_nine_days(root)
        what = f"{HOURS} h × {SERVERS} servers at 1 Hz"
        cpu, peak = _spent("analyze", str(root))
        yield Line(f"aging analyze, {what}", cpu, "s of CPU")
        yield Line("its largest process", peak, "MiB")
        cpu, peak = _spent("report", str(root))
        page = root / "report.html"
        yield Line(f"aging report, {what}, findings as written", cpu, "s of CPU", cpu / 60, "the target of 60 s")
        yield Line("its memory", peak, "MiB", peak / 1536, "the target of 1.5 GiB")
        size = page.stat().st_size / 1e6
        yield Line("the page", size, "MB", size / 5, "the target of 5 MB")
        found = sum(map(_shown, spikes, [page.read_text("utf-8")] * len(spikes)))
        yield Line("spikes of one sample that the page holds", found, f"of {len(spikes)}")
        if (opened := _seconds_to_open(page)) is not None:
            yield Line("opened in headless Chromium, to the first chart", opened, "s", opened / 2, "the target of 2 s")


def _spent(*command: str) -> Sequence[float]:
    called = [sys.executable, "-c", _PEAK, sys.executable, "-m", "aging", *command]
    return [float(one) for one in subprocess.run(called, check=True, capture_output=True, text=True).stdout.split()]


def _shown(spike: Spike, page: str) -> bool:
    """Whether the memory chart's envelope reaches the spike's value."""
    key = f'data-key="memory-{spike.deployment}-r01"'
    if key not in page:
        return False
    data = re.search(r'<script type="application/json">(.*?)</script>', page[page.index(key) :], re.DOTALL)
    bands = json.loads(data[1])["bands"] if data else []
    return any(abs(_greatest(high) / spike.value - 1) < 1e-3 for _, role, _, _, high in bands if role == "samples")


def _greatest(packed: dict[str, object]) -> float:
    whole = base64.b64decode(str(packed["d"]))
    if packed["k"] == "f":
        return float(np.nanmax(np.frombuffer(whole, "<f4")))
    steps = np.frombuffer(whole, "<u2").astype(float)
    return float(packed["from"]) + float(packed["step"]) * float(steps[steps < 65535].max())  # type: ignore[arg-type]


def _seconds_to_open(page: Path) -> float | None:
    """None where the extra `browser` or a Chromium is not installed."""
    from shutil import which  # noqa: PLC0415

    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        return None
    program = which("chromium") or which("google-chrome")
    if program is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        window.goto(page.as_uri())
        window.locator("figure svg, figure canvas").first.wait_for()
        seconds = time.perf_counter() - began
        browser.close()
    return seconds
