"""Whether a loopback port is in use, and by which process."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Collection

import psutil


def port_taken(port: int, own_pids: Collection[int] = ()) -> str | None:
    """Why a server cannot listen on a loopback port; None if it can, or if a process in ``own_pids`` holds the port."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"port {port} cannot be used: {error.strerror}"
            pid = _listener(port)
            if pid is not None and pid in own_pids:
                return None
            return f"port {port} is in use on 127.0.0.1{_by(pid)}; choose another port or stop that process"
    return None


def _listener(port: int) -> int | None:
    """The pid that listens on a port; None if this user may not see it."""
    with contextlib.suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return one.pid
    return None


def _by(pid: int | None) -> str:
    with contextlib.suppress(psutil.Error):
        if pid is not None:
            return f" by {psutil.Process(pid).name()} (pid {pid})"
    return ""
