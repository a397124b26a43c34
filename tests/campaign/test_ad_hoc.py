"""The campaign of a command line and requests: what it says, and everything that is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from aging.campaign.ad_hoc import AdHoc, AdHocRequest, ad_hoc_campaign, parse_request
from aging.campaign.load import parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import MistakesError
from tests.builders import KINDS

COMMAND = "python -m myserver --port {port}"


def made(*commands: Any, requests: Any = ("GET:/",), **more: Any) -> Campaign:
    text = ad_hoc_campaign(AdHoc(commands or (COMMAND,), requests, **more))
    return parse_campaign(text.text, KINDS, text.source)


def wrong(*commands: Any, requests: Any = ("GET:/",), **more: Any) -> list[str]:
    with pytest.raises(MistakesError) as caught:
        ad_hoc_campaign(AdHoc(commands, requests, **more))
    assert caught.value.exit_code == 2
    return [one.where for one in caught.value.mistakes]


class TestRequest:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("GET:/", AdHocRequest("/")),
            ("head:/a/b", AdHocRequest("/a/b", "HEAD")),
            ("GET:/items/{number}=404", AdHocRequest("/items/{number}", expect=[404])),
            ("GET:/x=200,404", AdHocRequest("/x", expect=[200, 404])),
            ("POST:/v1/x@body.json", AdHocRequest("/v1/x", "POST", body_file="body.json")),
            ("POST:/v1/x@a/b.json=201", AdHocRequest("/v1/x", "POST", body_file="a/b.json", expect=[201])),
            ("GET:/q?limit=100", AdHocRequest("/q?limit=100")),
            ("GET:/q?limit=100 =404", AdHocRequest("/q?limit=100", expect=[404])),
            ("POST:/q?limit=100@b=404", AdHocRequest("/q?limit=100", "POST", body_file="b", expect=[404])),
            ("POST:/x@a b.json =404", AdHocRequest("/x", "POST", body_file="a b.json", expect=[404])),
            ("GET:/x=40", AdHocRequest("/x=40")),
            ("GET:/a:b", AdHocRequest("/a:b")),
        ],
    )
    def test_read(self, text: str, expected: AdHocRequest) -> None:
        assert parse_request(text) == expected

    @pytest.mark.parametrize("text", ["", "/x", "GET", "GET:/x@", "GET:/x@=404", "GET:/x =abc", "GET:/x =404,"])
    def test_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"METHOD:PATH|body file|statuses"):
            parse_request(text)


class TestCampaign:
    def test_settings(self) -> None:
        campaign = made(requests=["GET:/items/{number}=404", AdHocRequest("/x", "POST", body='{"a": "é"}', weight=2)])
        (server,) = campaign.deployment
        assert (server.name, server.kind, server.port, server.ready_timeout) == ("myserver", "command", None, 60.0)
        assert server.command == ("python", "-m", "myserver", "--port", "{port}")
        assert (campaign.name, campaign.duration, campaign.warmup, campaign.analysis.grid) == ("myserver", 600, None, 1)
        assert campaign.sampling["process"] <= 1.0
        assert campaign.load is not None
        assert (campaign.load.arrivals.kind, campaign.load.arrivals.rate) == ("closed", 100.0)
        first, second = campaign.load.requests
        assert (first.path, first.expect, second.body, second.weight) == ("/items/{number}", (404,), '{"a": "é"}', 2.0)

    def test_options(self) -> None:
        campaign = made(
            ["./serve", "a b"],
            requests=["GET:/", AdHocRequest("/x", headers={"Accept": "own"})],
            rate=2.5,
            headers={"Accept": "text/html", "X-Key": "1"},
            env={"LEAK": "1"},
            port=9000,
            ready_timeout="5s",
            duration="90s",
        )
        (server,) = campaign.deployment
        assert (server.port, server.env, server.ready_timeout) == (9000, {"LEAK": "1"}, 5.0)
        assert server.command == ("./serve", "a b")
        assert campaign.duration == 90
        assert campaign.load is not None
        assert campaign.load.arrivals.rate == 2.5
        assert [one.headers["Accept"] for one in campaign.load.requests] == ["text/html", "own"]
        assert {one.headers["X-Key"] for one in campaign.load.requests} == {"1"}

    @pytest.mark.parametrize(
        ("commands", "names"),
        [
            (["node srv.js {port}"], ["srv"]),
            (["/usr/sbin/nginx -p {port}"], ["nginx"]),
            (["env A=1 python3.11 app.py {port}"], ["app"]),
            (["uvicorn app:app --port {port}"], ["uvicorn"]),
            (["python s.py {port}", "pypy3 s.py {port}"], ["s-1", "s-2"]),
            (["sh -c 'exec ./x --port {port}'"], ["sh"]),
        ],
    )
    def test_names(self, commands: list[str], names: list[str]) -> None:
        assert [one.name for one in made(*commands).deployment] == names

    def test_text_is_the_same_each_time(self) -> None:
        asked = AdHoc((COMMAND,), ("GET:/",))
        assert ad_hoc_campaign(asked) == ad_hoc_campaign(asked)


class TestMistakes:
    @pytest.mark.parametrize(
        ("more", "where"),
        [
            ({"requests": ()}, "--request"),
            ({"requests": ["GTE:/"]}, "--request 'GTE:/'"),
            ({"requests": ["GET:x"]}, "--request 'GET:x'"),
            ({"requests": ["GET:/=100"]}, "--request 'GET:/=100'"),
            ({"requests": [AdHocRequest("/", weight=0)]}, "--request 'GET:/'"),
            ({"requests": [AdHocRequest("/{nr}")]}, "--request 'GET:/{nr}'"),
            ({"rate": 0.0}, "--rate"),
            ({"rate": float("nan")}, "--rate"),
            ({"port": 80}, "--port"),
            ({"ready_timeout": "5"}, "--ready-timeout"),
            ({"duration": "0s"}, "--budget"),
            ({"headers": {"a b": "x"}}, "--header"),
            ({"env": {"A-B": "x"}}, "--env"),
        ],
    )
    def test_option(self, more: dict[str, Any], where: str) -> None:
        assert wrong(COMMAND, **more) == [where]

    @pytest.mark.parametrize(
        "command",
        ["./serve", "./serve {port} && x", "A=1 ./serve {port}", "./serve {port} | cat", "'{port}", "", "  ", []],
    )
    def test_command(self, command: Any) -> None:
        (where,) = wrong(command)
        assert where.startswith("--command")

    def test_none(self) -> None:
        assert wrong() == ["--command"]

    def test_one_port_for_two(self) -> None:
        assert wrong("a", "b", port=9000) == ["--port"]

    def test_all_at_once(self) -> None:
        found = wrong("./serve", requests=["x", "GTE:/"], rate=-1.0, ready_timeout="x")
        assert found == ["--request 'x'", "--request 'GTE:/'", "--command './serve'", "--rate", "--ready-timeout"]
