"""``aging check`` without a file: the options, the file that they make, and everything that is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from tests.builders import KINDS
from tests.conftest import Aging

GOOD = ("check", "--command", "./serve {port}", "--request", "GET:/items/{number}=404")
FAIL = ("--fail", "process_anon_swap_bytes:per_request > 256B")


def test_printed_campaign_is_a_whole_file(cli: Aging, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    more = (
        "--request",
        "POST:/x@b.json",
        "--header",
        "Accept: a/b",
        "--env",
        "A=b=c",
        "--rate",
        "20",
        "--budget",
        "90s",
    )
    ran = cli(*GOOD, *more, "--ready-timeout", "5s", "--print-campaign")
    assert ran.returncode == 0
    campaign = parse_campaign(ran.stdout, KINDS)
    assert campaign.load is not None
    assert campaign.load.arrivals.rate == 20.0
    assert [one.headers for one in campaign.load.requests] == [{"Accept": "a/b"}] * 2
    assert [one.body_file for one in campaign.load.requests] == [None, "b.json"]
    (server,) = campaign.deployment
    assert (server.env, server.ready_timeout, campaign.duration) == ({"A": "b=c"}, 5.0, 90.0)
    assert tomllib.loads(ran.stdout)["deployment"][0]["command"] == ["./serve", "{port}"]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("check", *FAIL), ["FILE", "--command"]),
        ((*GOOD, *FAIL, "x.toml"), ["FILE", "x.toml"]),
        (("check", "x.toml", *FAIL, "--rate", "5"), ["--rate", "--command"]),
        (("check", "x.toml", *FAIL, "--print-campaign"), ["--print-campaign"]),
        ((*GOOD, *FAIL, "--request", "POST:/x@none"), ["@none", "none cannot be read", "%40"]),
        ((*GOOD, *FAIL, "--header", "Accept"), ["--header", "'Accept'"]),
        ((*GOOD, *FAIL, "--env", "A"), ["--env", "NAME=VALUE"]),
        ((*GOOD, *FAIL, "--rate", "x"), ["--rate", "'x'"]),
        ((*GOOD, *FAIL, "--port", "x"), ["--port", "'x'"]),
        ((*GOOD, *FAIL, "--port", "80"), ["--port", "1024 to 65535"]),
        ((*GOOD, *FAIL), ["./serve", "not found"]),
    ],
)
def test_mistake(cli: Aging, tmp_path: Path, arguments: tuple[str, ...], parts: list[str]) -> None:
    ran = cli(*arguments)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    for part in parts:
        assert part in ran.stderr
    assert not list(tmp_path.iterdir())


def test_all_mistakes_at_once(cli: Aging) -> None:
    ran = cli("check", "--command", "./serve", "--request", "GTE:x", "--rate", "0", "--alpha", "x", "--fail", "a > -1")
    assert ran.returncode == 2
    for part in ("--command", "GTE", "--rate", "--alpha", "a > -1"):
        assert part in ran.stderr
