"""Who may read the pages: with a token those who know it, without one only a browser or a scraper on this host.

The Host header is checked where there is no token: a page from elsewhere whose name was made to resolve to 127.0.0.1
(DNS rebinding) sends its own name there. A name with a token needs no such check: that page does not have the token.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from aging.core.errors import AgingError
from aging.core.web import Address, Request, Response

FEWEST_CHARACTERS = 16

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

_YEAR = 365 * 86400


class AccessError(AgingError):
    """An address that may not be served so."""


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this host's own, which others cannot reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(address: Address, token: str | None) -> None:
    """Raises AccessError where others could read the pages without a token."""
    if token is None and not is_loopback(address.host):
        raise AccessError(
            f"--listen {address}: others can reach this address, so it needs a token: give --token-file FILE, "
            "or listen on 127.0.0.1 and use an SSH tunnel"
        )


def checked_token(token: str, where: str) -> str:
    """A token that cannot be guessed and fits into a header. Raises AccessError."""
    if len(token) < FEWEST_CHARACTERS or not (token.isascii() and token.isprintable()) or " " in token:
        raise AccessError(
            f"{where}: a token has at least {FEWEST_CHARACTERS} printable ASCII characters and no space; make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def token_of(given: str | None, file: Path | None) -> str | None:
    """The token of the command line or of a file. Raises AccessError."""
    if file is None:
        return None if given is None else checked_token(given, "--token")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise AccessError(f"--token-file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AccessError(f"--token-file {file}: is not text") from None
    return checked_token(text, f"--token-file {file}")


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one server on ``port``; ``token`` None: loopback only."""

    token: str | None
    port: int

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not read; None of one that may.

        ``?token=`` in the address is answered with a cookie and the way to the page, so that it stays in no history.
        """
        if self.token is None:
            host = _host(request.headers.get("host", ""))
            if host is not None and is_loopback(host):
                return None
            return _refused(403, "this page answers requests to 127.0.0.1 and localhost only\n")
        if _equal(request.query.get("token", ""), self.token):
            cookie = f"{self._cookie}={self._mark}; HttpOnly; SameSite=Lax; Path=/; Max-Age={_YEAR}"
            return _refused(303, "", {"Location": "/", "Set-Cookie": cookie})
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(given.strip(), self.token):
            return None
        if _equal(_cookies(request).get(self._cookie, ""), self._mark):
            return None
        text = "a token is needed: add ?token=… to the address once, or send Authorization: Bearer …\n"
        return _refused(401, text, {"WWW-Authenticate": "Bearer"})

    @property
    def _cookie(self) -> str:
        """With the port: cookies are shared by all ports of a host."""
        return f"aging-{self.port}"

    @property
    def _mark(self) -> str:
        """What the cookie holds: other servers of this host see it, and cannot get the token from it."""
        return hmac.digest((self.token or "").encode(), b"aging serve cookie", "sha256").hex()


def _refused(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response.of(status, text, headers={**SECURITY_HEADERS, **(headers or {})})


def _equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())


def _host(header: str) -> str | None:
    """The host of a Host header, without its port."""
    if header.startswith("["):
        inside, closed, _ = header[1:].partition("]")
        return inside if closed else None
    return header.partition(":")[0].lower() or None


def _cookies(request: Request) -> Mapping[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(request.headers.get("cookie", "")).items()}
    except CookieError:
        return {}
