"""Plain requests in a campaign file: their mistakes, each with its key, and their body files."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.app.bodies import keep_bodies, kept_bodies
from aging.campaign.load import parse_campaign
from aging.core.errors import CampaignError
from aging.load.schedule.input_files import found_from, read_inputs
from aging.store.layout import Layout
from tests.builders import KINDS, mistakes

ARRIVALS = 'arrivals = { kind = "constant", rate = 9.0 }\n'
GOOD = ARRIVALS + '[[load.request]]\npath = "/"\n'
LENGTHS = 'prompt_tokens = { kind = "fixed", tokens = 2 }\noutput_tokens = { kind = "fixed", tokens = 2 }\n'


def campaign(load: str) -> str:
    top = f'name = "c"\nseed = 1\nduration = "6s"\n[load]\n{load}\n'
    return f'{top}[[deployment]]\nname = "a"\nkind = "command"\ncommand = ["x", "{{port}}"]\n'


def test_no_lengths_are_needed() -> None:
    load = parse_campaign(campaign(GOOD), KINDS).load
    assert load is not None
    assert load.plain
    assert [(one.method, one.path, one.weight, one.expect) for one in load.requests] == [("GET", "/", 1.0, ())]


@pytest.mark.parametrize(
    ("load", "key", "code"),
    [
        (GOOD + 'method = "GTE"', "load.request[0].method", "invalid-value"),
        (GOOD + 'method = "CONNECT"', "load.request[0].method", "invalid-value"),
        (ARRIVALS + '[[load.request]]\npath = "x"', "load.request[0].path", "invalid-value"),
        (ARRIVALS + '[[load.request]]\npath = "/a b"', "load.request[0].path", "invalid-value"),
        (ARRIVALS + '[[load.request]]\npath = "/{nmber}"', "load.request[0].path", "invalid-value"),
        (ARRIVALS + '[[load.request]]\nmethod = "GET"', "load.request[0].path", "missing-key"),
        (GOOD + "weight = 0", "load.request[0].weight", "out-of-range"),
        (GOOD + "expect = [99]", "load.request[0].expect[0]", "out-of-range"),
        (GOOD + "expect = 404", "load.request[0].expect", "wrong-type"),
        (GOOD + "wieght = 1", "load.request[0].wieght", "unknown-key"),
        (GOOD + 'body = "a"\nbody_file = "b"', "load.request[0]", "invalid-value"),
        (GOOD + 'headers = { "a b" = "x" }', "load.request[0].headers.a b", "invalid-value"),
        (GOOD + 'headers = { a = "x\\r\\nb: c" }', "load.request[0].headers.a", "invalid-value"),
        (GOOD + 'headers = { content-length = "3" }', "load.request[0].headers", "invalid-value"),
        (ARRIVALS + LENGTHS + '[[load.request]]\npath = "/"', "load.prompt_tokens", "conflict"),
        (GOOD + "[load.options]\nchat = 0.5", "load.options", "conflict"),
        (GOOD + "[load.faults]\noversized = 0.5", "load.faults.oversized", "conflict"),
        (GOOD + "[load.faults]\nnot-found = 0.5", "load.faults.not-found", "conflict"),
        (
            ARRIVALS + '[[load.class]]\nname = "x"\n[[load.class.request]]\npath = "/"\n[[load.class]]\nname = "y"',
            "load.prompt_tokens",
            "missing-key",
        ),
        (
            ARRIVALS + '[[load.class]]\nname = "x"\npriority = 3\n[[load.class.request]]\npath = "/"',
            "load.class[x].priority",
            "conflict",
        ),
        ('[[load.request]]\npath = "/"', "load.arrivals", "missing-key"),
    ],
)
def test_mistake_has_key_and_code(load: str, key: str, code: str) -> None:
    found = mistakes(campaign(load))
    assert key in found, found
    assert found[key].code == code


def test_unknown_key_gets_the_nearest_one() -> None:
    found = mistakes(campaign(GOOD + "wieght = 1"))
    assert "'weight'" in found["load.request[0].wieght"].what


def test_all_at_once() -> None:
    text = GOOD + 'method = "X"\nweight = -1\n[[load.request]]\npath = "y"\n'
    found = mistakes(campaign(text))
    assert set(found) == {"load.request[0].method", "load.request[0].weight", "load.request[1].path"}


@pytest.mark.parametrize("fault", ["abort", "timeout", "disconnect", "probe"])
def test_faults_of_connections_remain(fault: str) -> None:
    load = parse_campaign(campaign(GOOD + f"[load.faults]\n{fault} = 0.5"), KINDS).load
    assert load is not None
    assert getattr(load.faults, fault) == 0.5


class TestBodyFiles:
    TEXT = campaign(GOOD + 'body_file = "sub/b"\n[[load.request]]\npath = "/"\nbody_file = "c"')

    def test_unreadable_ones_are_reported_together(self, tmp_path: Path) -> None:
        with pytest.raises(CampaignError) as caught:
            read_inputs(found_from(parse_campaign(self.TEXT, KINDS), tmp_path), "c.toml")
        assert [one.where for one in caught.value.mistakes] == [
            "load.request[0].body_file",
            "load.request[1].body_file",
        ]
        assert {one.code for one in caught.value.mistakes} == {"unreadable-file"}

    def test_kept_with_the_results(self, tmp_path: Path) -> None:
        here, layout = tmp_path / "here", Layout(tmp_path / "results")
        (here / "sub").mkdir(parents=True)
        layout.root.mkdir()
        (here / "sub" / "b").write_bytes(b"\x00first")
        (here / "c").write_bytes(b"second")
        found = found_from(parse_campaign(self.TEXT, KINDS), here)
        files = read_inputs(found, "c.toml").files
        assert [(one.where, one.file) for one in files] == [("load.request[0]", "b"), ("load.request[1]", "c")]
        keep_bodies(found, layout)
        (here / "sub" / "b").write_bytes(b"changed")
        (here / "c").unlink()
        load = kept_bodies(found, layout).load
        assert load is not None
        bodies = [Path(one.body_file or "") for one in load.requests]
        assert [body.read_bytes() for body in bodies] == [b"\x00first", b"second"]
        assert all(body.is_absolute() for body in bodies)
