"""Prompts are exactly as long as planned, and have in common what they are to have in common, and no more."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from aging.core.words import WORDS
from aging.load.requests.prompts import messages, words
from aging.load.schedule.planned_request import BLOCK_TOKENS, CLASS_STRIDE, PlannedRequest
from tests.load.workloads import planned


def said(request: PlannedRequest, seed: int = 1) -> list[str]:
    """Every word of a request's conversation."""
    return [word for message in messages(request, seed) for word in message.split()]


def test_prompts_have_their_length_and_are_each_their_own() -> None:
    first, second = planned()[:2]
    assert len(said(first)) == first.prompt_tokens
    assert messages(first, 1) == messages(first, 1)
    assert messages(first, 1) != messages(first, 2)
    assert set(said(second)) <= set(WORDS)
    assert said(first)[:8] != said(second)[:8]


def test_the_words_are_the_same_on_every_machine() -> None:
    # Recorded once; a change here means that published campaigns would no longer be repeated.
    assert words("7//words/0", 5).split() == ["dun", "suvo", "repurur", "bifapi", "zidavep"]
    assert words("7//words/0", 500).split()[:5] == words("7//words/0", 5).split()
    assert len(set(words("7//words/0", 50_000).split())) == len(WORDS)


def test_a_classes_words_do_not_depend_on_its_position() -> None:
    alone = PlannedRequest(5, 0.0, 40, 4, True, "chat")
    assert messages(alone, 1) == messages(alone._replace(number=5 + 3 * CLASS_STRIDE), 1)
    assert messages(alone, 1) != messages(alone._replace(load_class="batch"), 1)


def test_a_share_of_the_prompts_begins_with_one_of_so_many_prefixes() -> None:
    requests = planned(prompts={"shared_prefix": {"share": 0.6, "tokens": 60, "count": 3}})
    beginnings: dict[tuple[str, ...], int] = defaultdict(int)
    for request in requests[:2000]:
        assert request.shared == (min(60, request.prompt_tokens - 1) if request.prefix else 0)
        assert len(said(request)) == request.prompt_tokens
        beginnings[tuple(said(request)[:9])] += 1
    often = sorted(beginnings.values())[-3:]
    assert sum(often) / 2000 == pytest.approx(0.6, abs=0.05)
    assert min(often) / 2000 == pytest.approx(0.2, abs=0.04)
    assert sorted(beginnings.values())[-4] == 1


def test_a_prefix_longer_than_a_block_is_shared_to_its_end_and_no_further() -> None:
    length = {"kind": "fixed", "tokens": 1500}
    requests = planned(duration=1.0, prompt_tokens=length, prompts={"shared_prefix": {"share": 1.0, "tokens": 1200}})
    first, second = said(requests[0]), said(requests[1])
    assert first[:1200] == second[:1200]
    assert first[1200:1210] != second[1200:1210]
    assert first[:BLOCK_TOKENS] != first[BLOCK_TOKENS : 2 * BLOCK_TOKENS]


SESSIONS = {"sessions": {"share": 0.5, "turns": 4, "think": "5s"}}


def test_a_turn_begins_with_the_whole_conversation_before_it() -> None:
    requests = planned(duration=60.0, prompts=SESSIONS)
    conversations: dict[int, list[PlannedRequest]] = defaultdict(list)
    for request in requests:
        if request.session >= 0:
            conversations[request.session].append(request)
    whole = [turns for turns in conversations.values() if len(turns) == 4]
    assert len(whole) > 20
    for turns in whole:
        assert [turn.turn for turn in turns] == [0, 1, 2, 3]
        for before, after in itertools.pairwise(turns):
            assert after.at - before.at >= 5.0
            now, then = messages(before, 1), messages(after, 1)
            assert then[: len(now)] == now
            assert len(then) == len(now) + 2
            assert len(then[len(now)].split()) == before.output_tokens
            assert len(said(after)) == after.prompt_tokens


def test_conversations_change_neither_arrivals_nor_other_requests() -> None:
    before, after = planned(), planned(prompts=SESSIONS)
    assert [request.at for request in before] == [request.at for request in after]
    alone = [request for request in after if request.session < 0]
    assert len(alone) / len(after) == pytest.approx(0.5, abs=0.02)
    assert all(request == before[request.number] for request in alone)


def test_a_conversation_ends_before_it_is_too_long() -> None:
    sessions = {"share": 1.0, "turns": 50, "think": "1s", "max_tokens": 1000}
    requests = planned(prompts={"sessions": sessions}, options={}, duration=100.0)
    assert max(request.turn for request in requests) >= 3
    assert all(request.prompt_tokens + request.output_tokens <= 1000 for request in requests if request.turn)


def test_a_conversation_keeps_the_prefix_that_it_began_with() -> None:
    prompts = SESSIONS | {"shared_prefix": {"share": 1.0, "tokens": 30, "count": 50}}
    begun: dict[int, tuple[int, ...]] = {}
    for request in planned(duration=30.0, prompts=prompts):
        if request.session >= 0:
            assert begun.setdefault(request.session, request.prefix) == request.prefix
            assert len(said(request)) == request.prompt_tokens
