"""Who may read: this host without a token, who knows the token elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.core.web import Address, Request, Response
from aging.serve.access import Access, AccessError, check_address, checked_token, token_of

TOKEN = "a-token-of-enough-characters"


def asked(path: str = "/", query: dict[str, str] | None = None, **headers: str) -> Request:
    return Request("GET", path, query or {}, {name.lower().replace("_", "-"): value for name, value in headers.items()})


def status(answer: Response | None) -> int:
    return 200 if answer is None else answer.status


class TestWithoutToken:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765", "127.1.2.3", "a.localhost"]
    )
    def test_this_host(self, host: str) -> None:
        assert status(Access(None, 8765).refusal(asked(host=host))) == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example:1", "10.0.0.1", "", "[::1", "localhost.evil"]
    )
    def test_a_name_that_was_made_to_resolve_here(self, host: str) -> None:
        assert status(Access(None, 8765).refusal(asked(host=host))) == 403

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
    def test_an_address_that_others_reach(self, host: str) -> None:
        with pytest.raises(AccessError, match="--token-file"):
            check_address(Address(host, 1), None)
        check_address(Address(host, 1), TOKEN)

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_loopback(self, host: str) -> None:
        check_address(Address(host, 1), None)


class TestWithToken:
    access = Access(TOKEN, 8765)

    def test_bearer(self) -> None:
        assert status(self.access.refusal(asked(authorization=f"Bearer {TOKEN}", host="any.example"))) == 200
        assert status(self.access.refusal(asked(authorization=f"bearer  {TOKEN} "))) == 200

    @pytest.mark.parametrize("given", ["", f"Basic {TOKEN}", "Bearer", "Bearer x", f"Bearer {TOKEN}x", "Bearer é"])
    def test_wrong(self, given: str) -> None:
        answer = self.access.refusal(asked(authorization=given))
        assert answer is not None
        assert answer.status == 401
        assert TOKEN not in answer.body.decode()

    def test_address_once_then_cookie(self) -> None:
        answer = self.access.refusal(asked("//evil.example\r\nX: y", {"token": TOKEN}))
        assert answer is not None
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie, *rules = answer.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Lax"} <= set(rules)
        assert TOKEN not in cookie
        assert status(self.access.refusal(asked(cookie=f"other=1; {cookie}"))) == 200
        assert status(Access(TOKEN, 8765).refusal(asked(cookie=cookie))) == 200  # after a restart, too
        assert status(Access(TOKEN[::-1], 8765).refusal(asked(cookie=cookie))) == 401
        assert status(self.access.refusal(asked(cookie=cookie.replace("8765", "8766")))) == 401

    @pytest.mark.parametrize("cookie", ["", "=;=", "aging-8765", "aging-8765=", 'aging-8765="\\', "\x00"])
    def test_damaged_cookies(self, cookie: str) -> None:
        assert status(self.access.refusal(asked(cookie=cookie))) == 401


@pytest.mark.parametrize("token", ["", "short", "with a space in it", "tab\tin-the-middle", "ümlaut-in-the-middle"])
def test_bad_tokens(token: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="16"):
        checked_token(token, "--token")
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(AccessError, match=str(file)):
        token_of(None, file)


def test_token_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert token_of(None, file) == TOKEN
    file.write_bytes(b"\xff\xfe" * 20)
    for bad in (file, tmp_path, tmp_path / "absent"):
        with pytest.raises(AccessError, match=str(bad)):
            token_of(None, bad)
