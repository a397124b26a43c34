"""Serve a GGUF model with ``tritonserver`` from the ``nvidia-pytriton`` wheel.

Run by the Python of the environment that both it and xllamacpp are installed
in, so it imports nothing of `aging`. It becomes ``tritonserver``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parent / "triton"


def main() -> None:
    """Copy the stub of the Python backend to where Triton expects it, and replace this process by Triton."""
    options = _options()
    if not options.model.is_file():
        sys.exit(f"there is no model file {options.model}")
    found = importlib.util.find_spec("pytriton")
    if found is None or found.origin is None:
        sys.exit("there is no nvidia-pytriton in this environment")
    packed = Path(found.origin).parent / "tritonserver"
    _place_stub(packed)
    libraries = packed.parents[1] / "nvidia_pytriton.libs"
    settings = {name: getattr(options, name) for name in ("context", "parallel", "threads", "cache_ram_mib")}
    environment = os.environ | {
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, (os.environ.get("LD_LIBRARY_PATH"), str(libraries)))),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "AGING_TRITON_MODEL": json.dumps({"model": str(options.model), **settings}),
    }
    program = packed / "bin" / "tritonserver"
    arguments = (
        f"--model-repository={_REPOSITORY}",
        f"--backend-directory={packed / 'backends'}",
        f"--backend-config=python,shm-region-prefix-name=aging-{options.port}-",
        "--http-address=127.0.0.1",
        f"--http-port={options.port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={options.metrics_port}",
        "--allow-grpc=false",
        "--allow-gpu-metrics=false",
        "--log-info=false",
        f"--exit-timeout-secs={options.exit_timeout}",
    )
    os.execve(program, [str(program), *arguments], environment)


def _place_stub(packed: Path) -> None:
    """The wheel holds a stub for each Python; Triton takes the one beside the backend."""
    stub = packed / "backends" / "python" / "triton_python_backend_stub"
    mine = packed / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / stub.name
    if not mine.is_file():
        sys.exit(f"nvidia-pytriton has no stub for Python {sys.version_info.major}.{sys.version_info.minor}")
    if not stub.exists():
        fresh = stub.with_suffix(f".{os.getpid()}")
        fresh.symlink_to(mine)
        fresh.replace(stub)  # atomically, since another server may be starting


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="path of a GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    parser.add_argument("--context", type=int, default=1024, help="tokens of context, shared by the slots")
    parser.add_argument("--parallel", type=int, default=4, help="slots: requests answered at the same time")
    parser.add_argument("--threads", type=int, default=1, help="computing threads")
    parser.add_argument("--exit-timeout", type=int, default=10, help="seconds for open connections to close at SIGTERM")
    parser.add_argument("--cache-ram-mib", type=int, help="host prompt cache in MiB; 0 = off; llama.cpp's own default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
