"""The load of a campaign file: its mistakes, and a campaign that replays a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from tests.builders import KINDS, mistakes
from tests.conftest import unused_port
from tests.virtual_campaign import VirtualCampaign

LENGTHS = """
prompt_tokens = { median = 8, p95 = 16, min = 2, max = 32 }
output_tokens = { median = 4, p95 = 8, min = 1, max = 16 }
"""
POISSON = 'arrivals = { kind = "poisson", rate = 9.0 }\n'


def campaign(load: str, deployment: str = 'kind = "reference"', head: str = 'duration = "6s"') -> str:
    top = f'name = "c"\nseed = 1\n{head}\n[load]\n{load}\n'
    return f'{top}[[deployment]]\nname = "a"\nport = {unused_port()}\n{deployment}\n'


@pytest.mark.parametrize(
    ("load", "key", "code"),
    [
        (LENGTHS, "load.arrivals", "missing-key"),
        (POISSON, "load.output_tokens", "missing-key"),
        (POISSON + LENGTHS + '[[load.class]]\nname = "A"', "load.class[0].name", "invalid-value"),
        (LENGTHS + '[[load.class]]\nname = "x"', "load.arrivals", "missing-key"),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\n[[load.class]]\nname = "x"',
            "load.class.name",
            "duplicate-name",
        ),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\narrivals = { kind = "gama", rate = 1 }',
            "load.class[x].arrivals.kind",
            "unknown-name",
        ),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\noutput_tokens = { kind = "fixed", token = 1 }',
            "load.class[x].output_tokens.token",
            "unknown-key",
        ),
        (POISSON + LENGTHS + "[load.faults]\nabort = 0.6\nprobe = 0.6", "load.faults", "invalid-value"),
        (POISSON + LENGTHS + "[load.faults]\nabort = 1.5", "load.faults.abort", "out-of-range"),
        (POISSON + LENGTHS + "[load.options]\nlogprob = 1", "load.options.logprob", "unknown-key"),
        (
            POISSON + LENGTHS + "[load.prompts.sessions]\nshare = 0.5\nturns = 1",
            "load.prompts.sessions.turns",
            "out-of-range",
        ),
        (
            POISSON + 'prompt_tokens = { kind = "trace" }\noutput_tokens = { kind = "fixed", tokens = 2 }',
            "load.prompt_tokens",
            "conflict",
        ),
        (
            'arrivals = { kind = "trace", file = "x" }\n[load.prompts]\nsessions = { share = 0.5, turns = 2 }',
            "load.prompts",
            "conflict",
        ),
        (
            'arrivals = { kind = "trace", file = "x" }\n[load.options]\nlong = 0.5',
            "load.options.long",
            "conflict",
        ),
        ('arrivals = { kind = "trace", file = "x", window = 5 }', "load.arrivals.window", "invalid-value"),
    ],
)
def test_mistake_has_key_and_code(load: str, key: str, code: str) -> None:
    found = mistakes(campaign(load))
    assert key in found, found
    assert found[key].code == code


@pytest.mark.parametrize(
    ("prompts", "tokens"),
    [
        ("", "1,016"),
        ("sessions = { share = 1, turns = 9 }", "9,144"),
        ("sessions = { share = 1, turns = 9, max_tokens = 2000 }", "2,000"),
    ],
)
def test_lengths_beyond_context(prompts: str, tokens: str) -> None:
    lengths = LENGTHS.replace("max = 32", "max = 1000")
    text = campaign(f"{POISSON}{lengths}\n[load.prompts]\n{prompts}", 'kind = "llama-cpp"\ncontext = 4000')
    mistake = mistakes(text)["load.prompt_tokens"]
    assert mistake.code == "conflict"
    assert f"up to {tokens} tokens" in mistake.what
    assert "1,000 tokens of a" in mistake.what


def test_lengths_within_context() -> None:
    prompts = "[load.prompts]\nsessions = { share = 1, turns = 9, max_tokens = 1000 }"
    text = campaign(f"{POISSON}{LENGTHS}\n{prompts}", 'kind = "llama-cpp"\ncontext = 4000')
    assert parse_campaign(text, KINDS).load is not None


def test_rate_of_closed_loop() -> None:
    closed = 'arrivals = { kind = "closed", concurrency = 2 }\n' + LENGTHS
    assert mistakes(campaign(closed, 'kind = "reference"\nrate = 2'))["deployment[a].rate"].code == "conflict"


def test_trace_beside_another_class(tmp_path: Path) -> None:
    rows = "".join(f"{second},ChatGPT,{second + 5},3,0,Conversation log\n" * 10 for second in range(40))
    head = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    (tmp_path / "burst.csv").write_text(head + rows)
    load = f"""
{LENGTHS}
[[load.class]]
name = "replayed"
arrivals = {{ kind = "trace", file = "burst.csv", time_scale = 2, max_prompt = 6 }}
[[load.class]]
name = "steady"
arrivals = {{ kind = "constant", rate = 5 }}
"""
    text = campaign(load, head='duration = "4s"\nwarmup = "1s"\nanalysis.grid = "200ms"')
    replayed = VirtualCampaign(tmp_path, text)
    assert replayed.run() == 0, replayed.output
    summary = "burst.csv: 400 rows, 380 (95.00%) beyond 6 tokens clipped, 0 failures left out, "
    summary += "400 replayed at 20 per second"
    assert f"load.class[replayed].arrivals: {summary}" in replayed.output
    results = replayed.results
    (file,) = results.manifest.load_files
    assert (file["file"], file["told"], len(file["sha256"])) == ("burst.csv", summary, 64)
    requests = results.requests("a")
    assert ((requests["index"] >= 10**12).sum(), len(requests)) == (19, 99)
    (finished,) = [event for event in results.events if event.kind == "load_finished"]
    assert finished.details["schedule_hash"] == results.manifest.schedule_hashes["a/r01"]
    assert not {"schedule", "lost"} & replayed.problems()
