"""Run ``llama_cpp.server`` with the arguments given, so that it lets the answers under way end at SIGTERM.

sse-starlette cuts every stream as soon as uvicorn is asked to end (3.7, ``sse.py``); without that, uvicorn waits for
them. Run by the Python of the environment that llama-cpp-python is installed in, so it
imports nothing of `aging`.
"""

from __future__ import annotations

import importlib
import runpy


def main() -> None:
    """Become the server."""
    importlib.import_module("sse_starlette.sse").AppStatus.disable_automatic_graceful_drain()
    runpy.run_module("llama_cpp.server", run_name="__main__")


if __name__ == "__main__":
    main()
