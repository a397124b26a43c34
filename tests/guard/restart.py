"""``python -m tests.guard.restart PIDFILE PORT OPTION…``: an operator's restart of a reference server.

Ends the server of the pid file by SIGTERM, starts the next one in a session of its own, and writes its pid.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    file, port, *options = sys.argv[1:]
    stop(Path(file))
    argv = [sys.executable, "-m", "aging.deployments.reference_server", "--port", port, *options]
    started = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Path(file).write_text(str(started.pid))


def stop(file: Path) -> None:
    """End the server of a pid file, and return when it has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int(file.read_text())
        os.kill(pid, signal.SIGTERM)
        for _ in range(600):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
            time.sleep(0.02)


if __name__ == "__main__":
    main()
