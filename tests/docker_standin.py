"""Stands in for ``docker`` where there is no daemon: a container is a process in a session of its own, nobody's child.

It knows what the harness asks for, keeps pids in ``$STANDIN_CONTAINERS``, and fails as docker does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CONTAINERS = Path(os.environ["STANDIN_CONTAINERS"])
WITH_VALUE = {"--name", "--pull", "--publish", "--env", "--volume", "--device", "--gpus", "--log-driver", "--log-opt"}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run(arguments: list[str]) -> int:
    name = ""
    env: dict[str, str] = {}
    while arguments[0].startswith("--"):
        option = arguments.pop(0)
        if option in WITH_VALUE:
            value = arguments.pop(0)
            name = value if option == "--name" else name
            if option == "--env":
                key, _, content = value.partition("=")
                env[key] = content
    image, *command = arguments
    assert image == "server:1"
    record = CONTAINERS / name
    # The shim between the daemon and the container: it outlives this client, as a container does.
    shim = (
        "import os, subprocess, sys; os.setsid();"
        "inside = subprocess.Popen(sys.argv[2:], start_new_session=True);"
        "open(sys.argv[1] + '.new', 'w').write(str(inside.pid)); os.rename(sys.argv[1] + '.new', sys.argv[1]);"
        "status = inside.wait(); open(sys.argv[1] + '.exit', 'w').write(str(status))"
    )
    argv = [sys.executable, "-c", f"import os; os.fork() and os._exit(0); {shim}", str(record), *command]
    subprocess.run(argv, check=True, env=os.environ | env)
    status_file = record.with_name(name + ".exit")
    while not status_file.exists() or not status_file.read_text():
        time.sleep(0.02)
    record.unlink()
    status = int(status_file.read_text())
    status_file.unlink()
    return 128 - status if status < 0 else status


def pid_of(name: str) -> int:
    record = CONTAINERS / name
    return int(record.read_text()) if record.exists() else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["version", *_]:
            print("27.0")
        case ["image", "inspect", "--format", template, "server:1" | "sha256:abc"]:
            print("sha256:abc registry/server@sha256:def" if "Digests" in template else "sha256:abc")
        case ["image", "inspect", *_, image]:
            print(f"Error: No such image: {image}", file=sys.stderr)
            return 1
        case ["inspect", "--format", "{{.Config.Image}} {{.Image}}", _]:
            print("server:1 sha256:abc")
        case ["inspect", "--format", "{{.State.Pid}}", name]:
            if not pid_of(name):
                print(f"Error: No such object: {name}", file=sys.stderr)
                return 1
            print(pid_of(name))
        case ["stop", "--time", patience, name]:
            pid = pid_of(name)
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + float(patience)
            while alive(pid) and time.monotonic() < deadline:
                time.sleep(0.02)
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        case ["run", *rest]:
            return run(rest)
        case _:
            raise SystemExit(f"unknown: {arguments}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
