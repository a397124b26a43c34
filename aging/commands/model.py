"""Make a random-weight model and print its path; it is made once and cached.

Memory aging lives in the serving code, not in the weights, so a tiny random model
is a fair subject and no hub is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", nargs="?", default="tiny", metavar="PRESET", help="tiny (default) or small")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it here instead of the cache")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.errors import AgingError  # noqa: PLC0415
    from aging.preflight import model_cache  # noqa: PLC0415
    from aging.weights import PRESETS, cached_gguf, make_gguf  # noqa: PLC0415

    preset = PRESETS.get(options.preset)
    if preset is None:
        raise AgingError(f"unknown preset {options.preset!r}; known: {', '.join(PRESETS)}")
    try:
        if options.out is None:
            print(cached_gguf(preset, model_cache()))
        else:
            make_gguf(options.out, preset)
            print(options.out)
    except OSError as error:
        raise AgingError(f"{options.out or model_cache()}: cannot be written: {error.strerror}") from None
    return ExitCode.DONE
