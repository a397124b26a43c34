"""A stream is whole only with its end marker."""

from __future__ import annotations

import json

from aging.load.sse import StreamedAnswer


def fed(*events: object, done: bool = True) -> StreamedAnswer:
    answer = StreamedAnswer()
    lines = [f"data: {json.dumps(event)}" for event in events] + (["data: [DONE]"] if done else [])
    for second, line in enumerate(lines, 1):
        answer.feed(line, float(second))
        answer.feed("", float(second))
    return answer


def text(word: str, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"text": word, "finish_reason": finish}]}


def delta(word: str | None) -> dict[str, object]:
    return {"choices": [{"delta": {"content": word}}]}


def test_first_and_last_token_are_those_that_carry_text() -> None:
    answer = fed(delta(None), delta("a"), delta("b"), delta(""))
    assert (answer.first_token, answer.last_token, answer.tokens, answer.ended) == (2.0, 3.0, 2, True)


def test_the_servers_own_count_wins_over_chunks() -> None:
    usage = {"choices": [], "usage": {"completion_tokens": 7}}
    assert fed(text("a b c"), usage).tokens == 7


def test_a_stream_without_its_end_marker_has_not_ended() -> None:
    assert not fed(text("a"), text("b"), done=False).ended
    assert fed(text("a"), text("b", "length"), done=False).ended


def test_errors_inside_a_stream_are_errors() -> None:
    assert "boom" in (fed({"error": {"message": "boom"}}).error or "")
    broken = StreamedAnswer()
    broken.feed("data: {not json", 1.0)
    assert "not JSON" in (broken.error or "")


def test_what_is_no_completion_is_an_error_and_no_crash() -> None:
    odd_events: tuple[object, ...] = ([], 5, "text", None, {"error": 1})
    for odd in odd_events:
        assert fed(odd).error
    harmless = fed({"choices": [5, {"delta": 3}], "usage": 7}, text("a"))
    assert (harmless.error, harmless.tokens) == (None, 1)


def test_comments_and_other_fields_are_passed_over() -> None:
    answer = StreamedAnswer()
    for line in (": ping", "event: x", "id: 3", ""):
        answer.feed(line, 1.0)
    assert answer == StreamedAnswer()
