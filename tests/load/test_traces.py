"""Traces are replayed as they were recorded; losses are reported, and mistakes with their place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from aging.campaign.load import parse_campaign
from aging.core.errors import CampaignError
from aging.load.requests.prompts import messages
from aging.load.schedule.input_files import Inputs, read_inputs
from aging.load.schedule.planned_request import PlannedRequest
from aging.runner.catalogue import Catalogue
from aging.store.results import open_results
from aging.store.sealing import seal
from aging.store.segments import SegmentWriter
from tests.conftest import ROOT
from tests.load.workloads import gaps, planned, variation

KINDS = Catalogue.discovered().kinds()

BURSTGPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
BURSTGPT_2 = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


@pytest.fixture
def trace(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Write a trace; gives the arrivals that replay it."""

    def write(text: str) -> dict[str, Any]:
        (tmp_path / "trace").write_text(text)
        return {"kind": "trace", "file": str(tmp_path / "trace")}

    return write


def replayed(arrivals: dict[str, Any], duration: float = 1e6, seed: int = 1, **tables: Any) -> list[PlannedRequest]:
    none = {"prompt_tokens": None, "output_tokens": None}
    return planned(seed, duration, arrivals=arrivals, **(none | tables))


def lengths(requests: list[PlannedRequest]) -> list[tuple[int, int]]:
    return [(request.prompt_tokens, request.output_tokens) for request in requests]


def checked(arrivals: dict[str, Any], duration: str = "1h", extra: str = "") -> Inputs:
    """What ``aging validate`` makes of a campaign with these arrivals."""
    keys = ", ".join(f"{key} = {json.dumps(value)}" for key, value in arrivals.items())
    text = f"""
name = "replay"
seed = 1
duration = "{duration}"
[load]
arrivals = {{ {keys} }}
{extra}
[[deployment]]
name = "a"
kind = "llama-cpp"
port = 18083
context = 16384
"""
    return read_inputs(parse_campaign(text, KINDS), "replay.toml")


def mistakes(arrivals: dict[str, Any], extra: str = "") -> list[str]:
    with pytest.raises(CampaignError) as caught:
        checked(arrivals, extra=extra)
    return [str(mistake) for mistake in caught.value.mistakes]


def summary(arrivals: dict[str, Any], duration: str = "1h") -> str:
    (file,) = checked(arrivals, duration).files
    return file.summary


ROWS = "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,87,30,117,API log\n45,GPT-4,7,1,8,Conversation log\n"


def test_burstgpts_rows_come_within_their_second_in_their_order(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = replayed(trace(BURSTGPT + ROWS))
    assert lengths(requests) == [(472, 18), (87, 30), (7, 1)]
    assert 0.0 <= requests[0].at < 1.0
    assert 40.0 <= requests[1].at < requests[2].at < 41.0
    assert replayed(trace(BURSTGPT + ROWS)) == requests
    assert [request.at for request in replayed(trace(BURSTGPT + ROWS), seed=2)] != [request.at for request in requests]


def test_burstgpts_columns_are_found_by_their_names(trace: Callable[[str], dict[str, Any]]) -> None:
    rows = "7.0,abc,43,GPT-4,906,446,1352,Conversation log\n8.0,,2,ChatGPT,36,29,65,API log\n"
    rows += "60.0,abc,26,GPT-4,1631,282,1913,Conversation log\n"
    first, alone, second = replayed(trace(BURSTGPT_2 + rows))
    assert lengths([first, alone, second]) == [(906, 446), (36, 29), (1631, 282)]
    assert first.session == second.session >= 0
    assert alone.session == -1
    # A later prompt of a conversation goes on where the earlier one ended.
    assert messages(second, 1)[0].startswith(messages(first, 1)[0])
    assert not messages(second, 1)[0].startswith(messages(alone, 1)[0])


def test_failures_are_left_out_or_a_class_of_their_own(trace: Callable[[str], dict[str, Any]]) -> None:
    arrivals = trace(BURSTGPT + ROWS + "50,ChatGPT,0,0,0,Conversation log\n")
    assert len(replayed(arrivals)) == 3
    assert "4 rows, 1 failures left out, 3 replayed" in summary(arrivals)
    *answered, failed = replayed(arrivals | {"failures": "class"})
    assert {request.load_class for request in answered} == {""}
    assert (failed.load_class, failed.prompt_tokens, failed.output_tokens) == ("failed", 1, 1)
    assert "1 failures in a separate class" in summary(arrivals | {"failures": "class"})


def test_rows_of_one_model_or_log_type_alone(trace: Callable[[str], dict[str, Any]]) -> None:
    arrivals = trace(BURSTGPT + ROWS)
    assert lengths(replayed(arrivals | {"model": "GPT-4"})) == [(7, 1)]
    assert lengths(replayed(arrivals | {"log_type": "API log"})) == [(87, 30)]
    assert "2 of another model or log type" in summary(arrivals | {"model": "GPT-4"})
    assert mistakes(arrivals | {"model": "GPT-5"}) == [
        f"load.arrivals.file: {arrivals['file']}: no row is left to replay: "
        "of 3 rows 3 of another `model` or `log_type`"
    ]


def test_azures_seven_decimals_are_exact(trace: Callable[[str], dict[str, Any]]) -> None:
    rows = "2023-11-16 23:59:59.9999999,374,44\n2023-11-17 00:00:00.1234567,396,109\n"
    first, second = replayed(trace(AZURE + rows))
    assert second.at - first.at == pytest.approx(0.1234568, abs=1e-10)
    later = "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01+00:00,1,5\n"
    assert gaps(replayed(trace(AZURE + later))) == pytest.approx([0.99007], abs=1e-10)


MOONCAKE = [
    {"timestamp": 0, "input_length": 1100, "output_length": 52, "hash_ids": [0, 1, 2]},
    {"timestamp": 3000, "input_length": 700, "output_length": 5, "hash_ids": [0, 3]},
    {"timestamp": 5999, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]},
    {"timestamp": 9000, "input_length": 5, "output_length": 5, "hash_ids": [4]},
]


def mooncake(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_mooncakes_equal_hash_ids_are_equal_words(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = replayed(trace(mooncake(MOONCAKE)))
    assert [request.prefix for request in requests] == [(0, 1, 2), (0, 3), (0, 1), (4,)]
    first, second, third, _ = (messages(request, 1)[0].split() for request in requests)
    assert [len(first), len(second), len(third)] == [1100, 700, 600]
    assert first[:512] == second[:512] == third[:512]
    assert first[512:600] == third[512:600] != second[512:600]
    assert all(3 * k <= request.at < 3 * (k + 1) for k, request in enumerate(requests))


def test_a_bin_may_be_given_and_may_be_zero(trace: Callable[[str], dict[str, Any]]) -> None:
    arrivals = trace(mooncake(MOONCAKE)) | {"bin": "0s"}
    assert [request.at for request in replayed(arrivals)] == [0.0, 3.0, 5.999, 9.0]


def record(folder: Path, hours: list[list[tuple[float, int, int]]]) -> dict[str, Any]:
    """Request records as a campaign leaves them, an hour a file, the last one open."""
    for hour, rows in enumerate(hours):
        writer = SegmentWriter(folder)
        fields = ("scheduled", "prompt_tokens", "output_tokens_asked")
        writer.append(3600.0 * (hour + 1), [dict(zip(fields, row, strict=True)) | {"status": "ok"} for row in rows])
        writer.close()
        if hour + 1 < len(hours):
            (live,) = folder.glob("*.live.jsonl")
            seal(live)
    return {"kind": "trace", "file": str(folder)}


def test_request_records_are_replayed_in_the_order_they_were_due(tmp_path: Path) -> None:
    arrivals = record(tmp_path / "requests", [[(7.0, 1, 1), (5.0, 2, 2)], [(6.0, 3, 3), (9.0, 5, 5), (8.5, 4, 4)]])
    requests = replayed(arrivals)
    assert lengths(requests) == [(2, 2), (3, 3), (1, 1), (4, 4), (5, 5)]
    assert [request.at for request in requests] == [0.0, 1.0, 2.0, 3.5, 4.0]
    assert checked(arrivals).files[0].file == "requests"


def even(rows: int, gap: float = 2.0) -> str:
    """A trace with a row every ``gap`` seconds, its number in the lengths."""
    stamps = (f"2023-11-16 {k // 3600:02.0f}:{k % 3600 // 60:02.0f}:{k % 60:010.7f}" for k in np.arange(rows) * gap)
    return AZURE + "".join(f"{stamp},{k + 1},{k + 1}\n" for k, stamp in enumerate(stamps))


def test_a_window_is_replayed_from_its_start(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = replayed(trace(even(100)) | {"start": "10s", "window": "6s"})
    assert lengths(requests) == [(6, 6), (7, 7), (8, 8)]
    assert [request.at for request in requests] == [0.0, 2.0, 4.0]
    assert "97 outside the window" in summary(trace(even(100)) | {"start": "10s", "window": "6s"})


def test_a_lap_reads_no_further_than_its_window(trace: Callable[[str], dict[str, Any]]) -> None:
    arrivals = trace(even(100) + "spoilt\n") | {"window": "6s", "loop": True}
    assert lengths(replayed(arrivals, 12.0)) == [(1, 1), (2, 2), (3, 3)] * 2
    assert "line 102: has 1 columns" in mistakes(arrivals)[0]


def test_time_is_compressed_and_nothing_is_lost(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = replayed(trace(even(50)) | {"time_scale": 4.0})
    assert [request.at for request in requests] == pytest.approx([0.5 * k for k in range(50)])


def test_a_loop_starts_again_after_the_gap_that_the_trace_has(trace: Callable[[str], dict[str, Any]]) -> None:
    arrivals = trace(even(5))
    assert [request.at for request in replayed(arrivals | {"loop": True}, 25.0)] == [2.0 * k for k in range(13)]
    assert len(replayed(arrivals, 25.0)) == 5
    assert "it ends after 10s of 1h" in summary(arrivals).replace(" 00s", "")
    assert "it ends" not in summary(arrivals | {"loop": True})


def test_a_lap_repeats_no_block_of_the_lap_before(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = replayed(trace(mooncake(MOONCAKE)) | {"loop": True}, 24.0)
    laps = [{block for request in part for block in request.prefix} for part in (requests[:4], requests[4:8])]
    assert len(laps[0]) == len(laps[1]) == 5
    assert not laps[0] & laps[1]


@pytest.mark.parametrize("rate", [0.1, 1.7, *(pytest.param(rate, marks=pytest.mark.thorough) for rate in (0.5, 0.8))])
def test_a_rate_thins_or_repeats_to_the_mean_it_names(trace: Callable[[str], dict[str, Any]], rate: float) -> None:
    requests = replayed(trace(even(5000)) | {"rate": rate})
    assert len(requests) / 10_000 == pytest.approx(rate, rel=0.05)
    assert all(gap >= 0 for gap in gaps(requests))
    if rate < 0.5:
        assert variation(gaps(requests)) == pytest.approx(np.sqrt(1 - rate / 0.5), abs=0.1)


def test_a_deployments_rate_scales_a_trace(trace: Callable[[str], dict[str, Any]]) -> None:
    requests = planned(1, 1e6, 0.25, arrivals=trace(even(2000)), prompt_tokens=None, output_tokens=None)
    assert len(requests) / 4000 == pytest.approx(0.25, rel=0.06)


def test_a_rate_far_beyond_the_traces_is_refused(trace: Callable[[str], dict[str, Any]]) -> None:
    (mistake,) = mistakes(trace(even(100)) | {"rate": 600.0})
    assert mistake.startswith("load.arrivals.rate: is over 1,000 times the trace's 0.5 per second")


def test_conversations_are_kept_whole_and_in_order(trace: Callable[[str], dict[str, Any]]) -> None:
    rng = Random(1)
    rows = [f"{k}.0,s{rng.randrange(60)},1,m,{k + 1},5,6,Conversation log\n" for k in range(600)]
    arrivals, native = trace(BURSTGPT_2 + "".join(rows)), 1.0

    def conversations(requests: list[PlannedRequest]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for request in requests:
            found.setdefault(request.session, []).append(request.prompt_tokens)
        return found

    whole = conversations(replayed(arrivals))
    assert len(whole) == 60
    half = conversations(replayed(arrivals | {"rate": native / 2}))
    assert 15 <= len(half) <= 45
    assert all(whole[session] == turns for session, turns in half.items())
    twice = conversations(replayed(arrivals | {"rate": native * 2}))
    assert len(twice) == 120
    assert sorted(map(tuple, twice.values())) == sorted(map(tuple, [*whole.values(), *whole.values()]))


def test_lengths_beyond_the_bounds_are_clipped_or_dropped_and_reported(trace: Callable[[str], dict[str, Any]]) -> None:
    rows = "1,m,5000,10,0,a\n2,m,100,900,0,a\n3,m,10,10,0,a\n4,m,600,600,0,a\n"
    arrivals = trace(BURSTGPT + rows) | {"max_prompt": 1000, "max_output": 500, "max_total": 1100}
    assert lengths(replayed(arrivals)) == [(1000, 10), (100, 500), (10, 10), (600, 500)]
    assert "3 (75.00%) beyond 1,000 / 500 / 1,100 tokens clipped" in summary(arrivals)
    assert lengths(replayed(arrivals | {"beyond": "drop"})) == [(10, 10)]
    assert "3 (75.00%) beyond 1,000 / 500 / 1,100 tokens left out" in summary(arrivals | {"beyond": "drop"})


def test_a_request_longer_than_the_context_is_refused(trace: Callable[[str], dict[str, Any]]) -> None:
    (mistake,) = mistakes(trace(BURSTGPT + "1,m,5000,10,0,a\n"))
    assert mistake == (
        "load.arrivals.max_total: is missing: the trace has 5,010 tokens in one request, "
        "and the smallest context is 4,096"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BURSTGPT + "5,m,-4,18,0,a\n", "line 2: column 'Request tokens': '-4' is negative"),
        (BURSTGPT + "5,m,nan,18,0,a\n", "line 2: column 'Request tokens': 'nan' is not a finite number"),
        (BURSTGPT + "5,m,4,1e99,0,a\n", "line 2: column 'Response tokens': '1e99' is more than 10,000,000 tokens"),
        (BURSTGPT + "5,m,4,4.5,0,a\n", "line 2: column 'Response tokens': '4.5' is not a whole number of tokens"),
        (BURSTGPT + "5,m,four,4,0,a\n", "line 2: column 'Request tokens': 'four' is not a number"),
        (BURSTGPT + "1e12,m,4,4,0,a\n", "line 2: column 'Timestamp': '1e12' is more than 30 years of seconds"),
        (BURSTGPT + "5,m,4,4\n", "line 2: has 4 columns, the first line has 6"),
        (BURSTGPT + '5,"m,4,4,0,a\n', "line 2: is not a row of CSV: unexpected end of data"),
        (BURSTGPT + "5,m,4,4,0,a\n3,m,4,4,0,a\n", "line 3: column 'Timestamp': is before the row above it"),
        (BURSTGPT, ": no row is left to replay: it has no rows"),
        (BURSTGPT + "1,m,5,0,0,a\n", ": no row is left to replay: of 1 rows 1 failed"),
        ("TIMESTAMP,ContextTokens\n", "line 1: has no column 'GeneratedTokens'; its columns are 'TIMESTAMP'"),
        ("Time,Request tokens,Response tokens\n1,2,3\n", "line 1: has no column 'Timestamp'; its columns are 'Time'"),
        (AZURE + "yesterday,4,4\n", "line 2: column 'TIMESTAMP': 'yesterday' is not a time like 2023-11-16 18:15:46"),
        (AZURE + "2023-11-16 18:15:46.x,4,4\n", "line 2: column 'TIMESTAMP': '2023-11-16 18:15:46.x' is not a time"),
        ('{"input_length": 3}\n', "line 1: has no 'timestamp', 'output_length'; it has 'input_length'"),
        (mooncake(MOONCAKE[:1]) + "{\n", "line 2: is not JSON: '{'"),
        (mooncake(MOONCAKE[:1]) + "[1]\n", "line 2: is not a JSON object: '[1]'"),
        (mooncake([MOONCAKE[0] | {"hash_ids": ["a"]}]), "line 1: column 'hash_ids': is not a list of whole numbers"),
        (mooncake([MOONCAKE[0] | {"timestamp": True}]), "line 1: column 'timestamp': 'True' is not a number"),
        ("a,b\n1,2\n", "is of no format that is known: azure, burstgpt, mooncake, recorded"),
        ("", " is empty"),
    ],
)
def test_mistakes_are_reported_with_their_place(
    trace: Callable[[str], dict[str, Any]], text: str, expected: str
) -> None:
    arrivals = trace(text)
    found = mistakes(arrivals)
    assert found[0].startswith(f"load.arrivals.file: {arrivals['file']}")
    assert expected in found[0]


def test_several_mistakes_come_at_once_but_not_a_million(trace: Callable[[str], dict[str, Any]]) -> None:
    assert len(mistakes(trace(BURSTGPT + "5,m,x,4,0,a\n6,m,4,y,0,a\n" + ROWS.replace("5,", "9,", 1)))) == 2
    many = mistakes(trace(BURSTGPT + "5,m,x,4,0,a\n" * 10_000))
    assert len(many) == 11
    assert "reading stopped here" in many[-1]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert mistakes({"kind": "trace", "file": gone}) == [f"load.arrivals.file: there is no {gone!r}"]
    assert "has no request records" in mistakes({"kind": "trace", "file": str(tmp_path)})[0]
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a folder" in mistakes({"kind": "trace", "file": str(tmp_path / "pipe")})[0]
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00" * 100)
    assert "is of no format that is known" in mistakes({"kind": "trace", "file": str(tmp_path / "binary")})[0]
    (tmp_path / "line").write_bytes(b"x" * (5 << 20))
    told_as = mistakes({"kind": "trace", "file": str(tmp_path / "line"), "format": "azure"})[0]
    assert "the line is longer than 4 MiB" in told_as
    assert "unknown format 'azur'" in mistakes({"kind": "trace", "file": str(tmp_path / "line"), "format": "azur"})[0]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "process")
    writer.append(0.0, [{"mono": 1.0, "value": 5}])
    writer.close()
    (mistake,) = mistakes({"kind": "trace", "file": str(tmp_path / "process")})
    assert "record 1 is not that of a request: scheduled nan s" in mistake
    (live,) = (tmp_path / "process").glob("*.live.jsonl")
    seal(live)
    (mistake,) = mistakes({"kind": "trace", "file": str(tmp_path / "process")})
    assert "cannot be read: it has no column 'scheduled', 'prompt_tokens', 'output_tokens_asked'" in mistake
    (sealed,) = (tmp_path / "process").glob("*.parquet")
    sealed.write_bytes(b"PAR1 no more")
    (mistake,) = mistakes({"kind": "trace", "file": str(tmp_path / "process")})
    assert f"{sealed.name} cannot be read" in mistake


def test_a_real_campaigns_requests_come_again_as_they_were() -> None:
    results = open_results(ROOT / "results" / "first-look")
    recorded = results.requests("reference-leak").sort_values("scheduled")
    requests = replayed({"kind": "trace", "file": str(results.layout.source("reference-leak", "requests"))})
    assert [request.prompt_tokens for request in requests] == recorded["prompt_tokens"].tolist()
    assert [request.output_tokens for request in requests] == recorded["output_tokens_asked"].tolist()
    np.testing.assert_allclose(gaps(requests), np.diff(recorded["scheduled"]), atol=1e-6)


def test_input_files_are_summarized_hashed_and_not_read_again(trace: Callable[[str], dict[str, Any]]) -> None:
    inputs = checked(trace(even(100)) | {"rate": 0.25})
    (file,) = inputs.files
    assert (file.where, file.file, len(file.sha256)) == ("load.arrivals", "trace", 64)
    expected = "trace: 100 rows, 0 failures left out, 100 replayed at 0.25 per second; it ends after"
    assert file.summary.startswith(expected)
    assert inputs.campaign.load is not None
    assert inputs.campaign.load.arrivals.native_rate == pytest.approx(0.5)


SPOILING = (
    b"\x00",
    b"\xff",
    b",",
    b'"',
    b"\n",
    b"-",
    b"e9",
    b"nan",
    b"9" * 400,
    b"{",
    b"[",
    b"null",
    b"\r",
    b"1.5",
    b"_",
)


AZURE_ROWS = "2023-11-16 23:59:59.9999999,374,44\n" * 3


@pytest.mark.parametrize(
    "text",
    [BURSTGPT + ROWS, BURSTGPT_2 + "7.0,abc,4,m,9,4,1,x\n" * 3, AZURE + AZURE_ROWS, mooncake(MOONCAKE)],
    ids=["burstgpt", "burstgpt-2", "azure", "mooncake"],
)
def test_any_trace_is_replayed_or_refused(trace: Callable[[str], dict[str, Any]], text: str) -> None:
    arrivals, replays, rng = trace(text) | {"loop": True}, 0, Random(7)
    for _ in range(40):
        spoilt = bytearray(text.encode())
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(spoilt))
            spoilt[at : at + rng.choice((0, 1, 5))] = rng.choice(SPOILING)
        Path(arrivals["file"]).write_bytes(spoilt)
        try:
            checked(arrivals)
        except CampaignError:
            continue
        replays += 1
        requests = replayed(arrivals, 100.0)
        assert requests
        assert all(request.prompt_tokens > 0 and request.output_tokens > 0 for request in requests)
        assert all(gap >= 0 for gap in gaps(requests))
    assert 4 <= replays <= 36
