"""The sizes of random-weight models, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """The size of a model. One token of its KV cache takes ``layers * width * 4`` bytes in f16."""

    name: str
    layers: int
    width: int
    heads: int
    context: int


TINY = Preset("tiny", layers=2, width=64, heads=4, context=4096)
SMALL = Preset("small", layers=4, width=256, heads=8, context=8192)
TINY_LONG = Preset("tiny-long", layers=2, width=64, heads=4, context=32768)
PRESETS = {preset.name: preset for preset in (TINY, TINY_LONG, SMALL)}
