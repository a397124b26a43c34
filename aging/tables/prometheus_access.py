"""How a Prometheus server is reached: user, token, TLS and headers, as ``promtool --http.config.file`` has them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aging.core.errors import AgingError, Mistake, MistakeCode, MistakesError

_IGNORED = frozenset({"follow_redirects", "enable_http2", "proxy_from_environment", "no_proxy"})
_BASIC = frozenset({"username", "username_file", "password", "password_file"})
_AUTHORIZATION = frozenset({"type", "credentials", "credentials_file"})
_TLS = frozenset({"ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"})
_KEYS = frozenset(
    {"basic_auth", "authorization", "bearer_token", "bearer_token_file", "tls_config", "http_headers", "proxy_url"}
)


@dataclass(frozen=True, slots=True)
class Access:
    """Headers of every request, a user with a password, and TLS: whom to trust (None: the system's authorities) and who
    the client is.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str | None = None
    password: str = field(default="", repr=False)
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    verified: bool = True
    proxy: str | None = None

    def context(self) -> ssl.SSLContext | bool:
        """What verifies the server. Raises :class:`AgingError` naming the file that cannot be used."""
        if self.verified and self.authorities is None and self.certificate is None:
            return True
        context = ssl.create_default_context(cafile=None if self.authorities is None else str(_there(self.authorities)))
        if not self.verified:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate is not None:
            key = None if self.key is None else _there(self.key)
            try:
                context.load_cert_chain(_there(self.certificate), key)
            except ssl.SSLError:
                raise AgingError(f"{self.certificate}: is no certificate with its key in PEM format") from None
        return context


def _there(path: Path) -> Path:
    if not path.is_file():
        raise AgingError(f"{path}: no such file; --http-config names it")
    return path


def read_access(path: Path | None, headers: Mapping[str, str]) -> Access:
    """The access of a file in Prometheus' http_config format, with these headers added.

    Raises :class:`MistakesError` with every mistake of the file.
    """
    if path is None:
        return Access(headers=headers)
    content = _yaml(path)
    file = _File(path, content)
    mistakes = list(file.mistakes())
    if mistakes:
        raise MistakesError(str(path), mistakes)
    return file.access(headers)


def _yaml(path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - only this option needs it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AgingError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise AgingError(f"{path}{where}: is not YAML; write it as promtool's --http.config.file") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise AgingError(f"{path}: holds no keys; write, for example: bearer_token_file: token")
    return content


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    content: Mapping[str, Any]

    def mistakes(self) -> Iterator[Mistake]:
        for key, value in self.content.items():
            if key == "oauth2":
                yield Mistake("oauth2", "is not supported; fetch a token and give bearer_token_file")
            elif key not in _KEYS | _IGNORED:
                yield Mistake(str(key), f"no such key; known: {', '.join(sorted(_KEYS))}", MistakeCode.UNKNOWN_KEY)
            elif key in ("basic_auth", "authorization", "tls_config", "http_headers") and not isinstance(value, dict):
                yield Mistake(key, "must hold keys of its own", MistakeCode.WRONG_TYPE)
        for table, known in (("basic_auth", _BASIC), ("authorization", _AUTHORIZATION), ("tls_config", _TLS)):
            for key in self._table(table):
                if key not in known:
                    what = f"no such key; known: {', '.join(sorted(known))}"
                    yield Mistake(f"{table}.{key}", what, MistakeCode.UNKNOWN_KEY)
        for table, key in (
            *(("basic_auth", name) for name in ("username_file", "password_file")),
            *(("tls_config", name) for name in ("ca_file", "cert_file", "key_file")),
            ("authorization", "credentials_file"),
        ):
            value = self._table(table).get(key)
            if value is not None and not self._file(value).is_file():
                yield Mistake(f"{table}.{key}", f"no such file: {self._file(value)}", MistakeCode.UNREADABLE_FILE)
        token = self.content.get("bearer_token_file")
        if token is not None and not self._file(token).is_file():
            yield Mistake("bearer_token_file", f"no such file: {self._file(token)}", MistakeCode.UNREADABLE_FILE)
        known_ways = ("basic_auth", "authorization", "bearer_token", "bearer_token_file")
        ways = [key for key in known_ways if key in self.content]
        if len(ways) > 1:
            yield Mistake(", ".join(ways), "exclude each other; keep one", MistakeCode.CONFLICT)

    def access(self, headers: Mapping[str, str]) -> Access:
        basic, tls = self._table("basic_auth"), self._table("tls_config")
        return Access(
            headers={**self._headers(), **headers},
            user=self._secret(basic, "username") if basic else None,
            password=(self._secret(basic, "password") or "") if basic else "",
            authorities=self._optional_file(tls, "ca_file"),
            certificate=self._optional_file(tls, "cert_file"),
            key=self._optional_file(tls, "key_file"),
            server_name=None if tls.get("server_name") is None else str(tls["server_name"]),
            verified=tls.get("insecure_skip_verify") is not True,
            proxy=None if self.content.get("proxy_url") is None else str(self.content["proxy_url"]),
        )

    def _headers(self) -> dict[str, str]:
        found = {}
        for name, given in self._table("http_headers").items():
            values = given.get("values") or given.get("secrets") if isinstance(given, dict) else [given]
            if values:
                found[str(name)] = str(values[0])
        authorization = self._table("authorization")
        kind, credentials = str(authorization.get("type", "Bearer")), self._secret(authorization, "credentials")
        if credentials is None:
            credentials = self._secret(self.content, "bearer_token")
        if credentials is not None:
            found["Authorization"] = f"{kind} {credentials}"
        return found

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self.content.get(name)
        return table if isinstance(table, dict) else {}

    def _secret(self, table: Mapping[str, Any], key: str) -> str | None:
        """The value of a key, or the first line of the file that ``KEY_file`` names."""
        if table.get(f"{key}_file") is not None:
            return self._file(table[f"{key}_file"]).read_text(encoding="utf-8").strip()
        return None if table.get(key) is None else str(table[key])

    def _optional_file(self, table: Mapping[str, Any], key: str) -> Path | None:
        return None if table.get(key) is None else self._file(table[key])

    def _file(self, name: Any) -> Path:
        """A name relative to the file that holds it."""
        return self.path.parent / str(name)
