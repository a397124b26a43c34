"""Become ``trtllm-serve``, with settings that it reads only from a file.

``trtllm_server.py SETTINGS PROGRAM [ARGUMENT ...]``: the settings, JSON (and so
YAML), are put into a file in memory, which is gone with the process. Run by the
Python of the environment that TensorRT-LLM is installed in, so it imports
nothing of `aging`.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Replace this process by the program, with the path of its settings."""
    if len(sys.argv) < 3:
        sys.exit("usage: trtllm_server.py SETTINGS PROGRAM [ARGUMENT ...]")
    settings, *command = sys.argv[1:]
    file = os.memfd_create("settings", 0)  # inherited
    os.write(file, settings.encode())
    os.execvp(command[0], [*command, "--extra_llm_api_options", f"/proc/self/fd/{file}"])


if __name__ == "__main__":
    main()
