"""Make a random-weight model and print its path; it is made once and cached.

Memory aging is a property of the serving code, not of the weights: a tiny random
model is enough, and no model hub is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aging.core.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "preset", nargs="?", default="tiny", metavar="PRESET", help="tiny (default), tiny-long or small"
    )
    parser.add_argument(
        "--format",
        choices=("gguf", "huggingface"),
        default="gguf",
        help="gguf: one file, for llama.cpp, mistral.rs and OpenVINO; huggingface: a folder, for vLLM and transformers",
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help="write the model here instead of to the cache")


def run(options: argparse.Namespace) -> ExitCode:
    from aging.core.errors import AgingError
    from aging.deployments.models.cache import model_cache
    from aging.deployments.models.gguf import cached_gguf, make_gguf
    from aging.deployments.models.huggingface import cached_folder, make_folder
    from aging.deployments.models.presets import PRESETS

    preset = PRESETS.get(options.preset)
    if preset is None:
        raise AgingError(f"unknown preset {options.preset!r}; known: {', '.join(PRESETS)}")
    cached, make = (cached_gguf, make_gguf) if options.format == "gguf" else (cached_folder, make_folder)
    try:
        if options.out is None:
            print(cached(preset, model_cache()))
        else:
            make(options.out, preset)
            print(options.out)
    except OSError as error:
        raise AgingError(f"{options.out or model_cache()}: cannot be written: {error.strerror}") from None
    return ExitCode.DONE
