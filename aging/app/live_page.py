"""The live page beside a campaign, in a process of its own: whatever becomes of it, the campaign does not notice."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from aging.core.errors import require
from aging.core.web import Address, ListenError
from aging.serve.access import check_address, token_of
from aging.store.layout import Layout

_START_SECONDS = 30.0
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PageAt:
    """Where the page is to be served, and the file with the token that its readers must know."""

    address: Address
    token_file: Path | None = None

    def check(self) -> None:
        """Raises AccessError or ListenError where it could not be served there."""
        check_address(self.address, token_of(None, self.token_file))
        family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((self.address.host, self.address.port))
            except OSError as error:
                raise ListenError(f"--listen {self.address}: {error.strerror or error}; choose another port") from None


@contextlib.contextmanager
def live_page(layout: Layout, where: PageAt | None, console: Console) -> Iterator[None]:
    """Serve the page while the body runs; nothing where ``where`` is None."""
    process = None if where is None else start_page(layout, where, console)
    try:
        yield
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_page(layout: Layout, where: PageAt, console: Console) -> subprocess.Popen[bytes] | None:
    """Start the page, print its address, and return its process; it ends with the campaign. None if it does not start.

    In a session of its own: Ctrl-C is for the runner, and the page shows how the campaign drains.
    """
    token = [] if where.token_file is None else ["--token-file", str(where.token_file.resolve())]
    command = ["serve", str(layout.root), "--listen", str(where.address), "--until-end", *token]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "aging", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with require(process.stdout, "the output of the page") as said:
        there, _, _ = select.select([said], [], [], _START_SECONDS)
        line = said.readline().decode(errors="replace").strip() if there else ""
    if line.startswith("live page:"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
        return process
    process.kill()
    process.wait()
    why = line or f"it did not start within {_START_SECONDS:g} s"
    console.print(f"no live page: {why}", highlight=False, markup=False, soft_wrap=True)
    return None
