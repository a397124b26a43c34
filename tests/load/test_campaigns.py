"""The load of a campaign file: mistakes with their keys, and a campaign that replays a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from aging.campaign.load import parse_campaign
from aging.core.errors import CampaignError
from aging.runner.catalogue import Catalogue
from tests.conftest import unused_port
from tests.virtual_campaign import VirtualCampaign

KINDS = Catalogue.discovered().kinds()

LENGTHS = """
prompt_tokens = { median = 8, p95 = 16, min = 2, max = 32 }
output_tokens = { median = 4, p95 = 8, min = 1, max = 16 }
"""
POISSON = 'arrivals = { kind = "poisson", rate = 9.0 }\n'


def campaign(load: str, deployment: str = 'kind = "reference"', head: str = 'duration = "6s"') -> str:
    top = f'name = "c"\nseed = 1\n{head}\n[load]\n{load}\n'
    return f'{top}[[deployment]]\nname = "a"\nport = {unused_port()}\n{deployment}\n'


def mistakes(text: str) -> dict[str, str]:
    with pytest.raises(CampaignError) as caught:
        parse_campaign(text, KINDS)
    return {mistake.where: mistake.what for mistake in caught.value.mistakes}


@pytest.mark.parametrize(
    ("load", "where", "what"),
    [
        (LENGTHS, "load.arrivals", "is missing"),
        (POISSON, "load.output_tokens", "is missing"),
        (POISSON + LENGTHS + '[[load.class]]\nname = "A"', "load.class[0].name", "does not match"),
        (LENGTHS + '[[load.class]]\nname = "x"', "load.arrivals", "is missing, and so it is for the classes x"),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\n[[load.class]]\nname = "x"',
            "load.class.name",
            "'x' is used 2 times",
        ),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\narrivals = { kind = "gama", rate = 1 }',
            "load.class[x].arrivals.kind",
            "did you mean 'gamma'?",
        ),
        (
            POISSON + LENGTHS + '[[load.class]]\nname = "x"\noutput_tokens = { kind = "fixed", token = 1 }',
            "load.class[x].output_tokens.token",
            "unknown key; did you mean 'tokens'?",
        ),
        (POISSON + LENGTHS + "[load.faults]\nabort = 0.6\nprobe = 0.6", "load.faults", "the shares add up to 1.2"),
        (POISSON + LENGTHS + "[load.faults]\nabort = 1.5", "load.faults.abort", "less than or equal to 1, got 1.5"),
        (POISSON + LENGTHS + "[load.options]\nlogprob = 1", "load.options.logprob", "did you mean 'logprobs'?"),
        (
            POISSON + LENGTHS + "[load.prompts.sessions]\nshare = 0.5\nturns = 1",
            "load.prompts.sessions.turns",
            "greater than or equal to 2",
        ),
        (
            POISSON + 'prompt_tokens = { kind = "trace" }\noutput_tokens = { kind = "fixed", tokens = 2 }',
            "load.prompt_tokens",
            "takes lengths from a trace, but the arrivals are 'poisson'",
        ),
        (
            'arrivals = { kind = "trace", file = "x" }\n[load.prompts]\nsessions = { share = 0.5, turns = 2 }',
            "load.prompts",
            "a replayed trace brings its own",
        ),
        (
            'arrivals = { kind = "trace", file = "x" }\n[load.options]\nlong = 0.5',
            "load.options.long",
            "needs prompt lengths with a longest one",
        ),
        ('arrivals = { kind = "trace", file = "x", window = 5 }', "load.arrivals.window", "5 is not a duration"),
    ],
)
def test_each_mistake_of_a_load_is_told_with_its_key(load: str, where: str, what: str) -> None:
    found = mistakes(campaign(load))
    assert where in found, found
    assert what in found[where]


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ("", "prompt and answer of up to 1,016 tokens do not fit the context of 1,000 tokens of a; shorten `max`"),
        ("sessions = { share = 1, turns = 9 }", "of up to 9,144 tokens do not fit"),
        ("sessions = { share = 1, turns = 9, max_tokens = 2000 }", "of up to 2,000 tokens do not fit"),
    ],
)
def test_lengths_beyond_the_context_are_a_mistake_before_the_run(prompts: str, told: str) -> None:
    lengths = LENGTHS.replace("max = 32", "max = 1000")
    text = campaign(f"{POISSON}{lengths}\n[load.prompts]\n{prompts}", 'kind = "llama-cpp"\ncontext = 4000')
    assert told in mistakes(text)["load.prompt_tokens"]


def test_lengths_within_the_context_are_none() -> None:
    prompts = "[load.prompts]\nsessions = { share = 1, turns = 9, max_tokens = 1000 }"
    text = campaign(f"{POISSON}{LENGTHS}\n{prompts}", 'kind = "llama-cpp"\ncontext = 4000')
    assert parse_campaign(text, KINDS).load is not None


def test_a_closed_loop_has_no_rate_that_a_deployment_could_scale() -> None:
    closed = 'arrivals = { kind = "closed", concurrency = 2 }\n' + LENGTHS
    assert (
        "a closed loop has no rate to scale"
        in mistakes(campaign(closed, 'kind = "reference"\nrate = 2'))["deployment[a].rate"]
    )


def test_a_campaign_replays_a_trace_beside_a_class_of_its_own(tmp_path: Path) -> None:
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
    told = "burst.csv: 400 rows, 380 (95.00%) beyond 6 tokens clipped, 0 failures left out, "
    told += "400 replayed at 20 per second"
    assert f"load.class[replayed].arrivals: {told}" in replayed.output
    results = replayed.results
    (file,) = results.manifest.load_files
    assert (file["file"], file["told"], len(file["sha256"])) == ("burst.csv", told, 64)
    requests = results.requests("a")
    assert ((requests["index"] >= 10**12).sum(), len(requests)) == (19, 99)
    (finished,) = [event for event in results.events if event.kind == "load_finished"]
    assert finished.details["schedule_hash"] == results.manifest.schedule_hashes["a/r01"]
    assert not {"schedule", "lost"} & replayed.problems()
