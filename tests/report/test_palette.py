"""The colors of the report: tones stay apart for colour-blind readers, text has the contrast of WCAG AA."""

from __future__ import annotations

import re
from importlib import resources
from itertools import combinations

import numpy as np
import pytest

_MACHADO = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "normal": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}
"""Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB."""

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)
Color = np.ndarray[tuple[int], np.dtype[np.float64]]

LEAST = 12.0
"""ΔE*ab that is seen at a glance; about 2.3 is just noticeable."""

CSS = resources.files("aging.report.html").joinpath("report.css").read_text("utf-8")


def palette(scheme: str) -> dict[str, str]:
    """The color variables of a scheme; the dark one changes the light one."""
    light, dark = (
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    )
    return dict(light) | (dict(dark) if scheme == "dark" else {})


def linear(color: str) -> Color:
    channels = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: Color) -> Color:
    scaled = (_TO_XYZ @ np.clip(rgb, 0, 1)) / _WHITE
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(first: str, second: str, vision: str) -> float:
    """ΔE*ab (CIE 1976) as a reader with this vision sees them."""
    matrix = np.array(_MACHADO[vision])
    one, two = (lab(matrix @ linear(color)) for color in (first, second))
    return float(np.linalg.norm(one - two))


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2.1."""
    high, low = sorted((float(_TO_XYZ[1] @ linear(color)) for color in (first, second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measures_are_those_of_the_standards() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert difference("#ffffff", "#000000", "normal") == pytest.approx(100.0, abs=0.1)
    assert difference("#ff0000", "#ff0000", "deuteranopia") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("vision", list(_MACHADO))
def test_tones_stay_apart(scheme: str, vision: str) -> None:
    colors = palette(scheme)
    for first, second in combinations(("good", "bad", "warn", "mute"), 2):
        assert difference(colors[first], colors[second], vision) > LEAST, (first, second)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("vision", list(_MACHADO))
def test_lines_stay_apart(scheme: str, vision: str) -> None:
    colors = palette(scheme)
    for first, second in combinations(("data", "fit", "bad"), 2):
        assert difference(colors[first], colors[second], vision) > LEAST, (first, second)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(scheme: str) -> None:
    colors = palette(scheme)
    for tone in ("good", "bad", "warn", "mute"):
        for back in (f"{tone}-back", "card", "page"):
            assert contrast(colors[tone], colors[back]) >= 4.5, (tone, back)
        assert contrast(colors["ink"], colors[f"{tone}-back"]) >= 4.5
    for back in ("page", "card", "shade"):
        assert contrast(colors["muted"], colors[back]) >= 4.5, back
