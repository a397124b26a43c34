"""A stream is whole only with its end marker."""

from __future__ import annotations

import json

import pytest

from aging.load.http.sse import LINE_LIMIT_BYTES, StreamedAnswer


def fed(*events: object, done: bool = True) -> StreamedAnswer:
    answer = StreamedAnswer()
    lines = [f"data: {json.dumps(event)}" for event in events] + (["data: [DONE]"] if done else [])
    for second, line in enumerate(lines, 1):
        answer.feed(f"{line}\n\n".encode(), float(second))
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
    reading = fed({"error": {"message": "boom"}})
    assert reading.failure == "reported"
    assert "boom" in (reading.error or "")
    broken = StreamedAnswer()
    broken.feed(b"data: {not json\n", 1.0)
    assert (broken.failure, broken.error) == ("garbage", "a stream event is not a JSON object: '{not json'")


def test_other_json_is_an_error() -> None:
    odd_events: tuple[object, ...] = ([], 5, "text", None, {"error": 1})
    for odd in odd_events:
        assert fed(odd).error
    harmless = fed({"choices": [5, {"delta": 3}], "usage": 7}, text("a"))
    assert (harmless.error, harmless.tokens) == (None, 1)


def test_comments_and_other_fields_are_passed_over() -> None:
    answer = StreamedAnswer()
    answer.feed(b": ping\nevent: x\nid: 3\n\n", 1.0)
    assert (answer.chunks, answer.ended, answer.failure, answer.halfway) == (0, False, None, False)


def test_events_are_found_however_the_bytes_are_cut() -> None:
    stream = b'data: {"choices":[{"text":"\xc3\xa9"}]}\r\n\r\ndata: {"choices":[{"text":"b"}]}\n\ndata:[DONE]\n\n'
    for cut in range(1, len(stream)):
        answer = StreamedAnswer()
        answer.feed(stream[:cut], 1.0)
        answer.feed(stream[cut:], 2.0)
        assert (answer.chunks, answer.ended, answer.failure) == (2, True, None)


def test_times_between_tokens_are_summarised() -> None:
    answer = StreamedAnswer()
    for now in (1.0, 1.1, 1.2, 1.3, 2.3):
        answer.feed(b'data: {"choices":[{"text":"a"}]}\n\n', now)
    assert answer.gaps.quantile(0.5) == pytest.approx(0.1, rel=0.01)
    assert answer.gaps.quantile(0.99) == pytest.approx(1.0, rel=0.01)
    assert answer.gaps.longest == pytest.approx(1.0)


def test_text_that_a_model_thinks_is_text() -> None:
    assert fed({"choices": [{"delta": {"reasoning_content": "a"}}]}).chunks == 1


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * (LINE_LIMIT_BYTES + 1) + b"\n", b"data: " + b"x" * LINE_LIMIT_BYTES]
)
def test_a_line_has_its_limit(line: bytes) -> None:
    answer = StreamedAnswer()
    answer.feed(line, 1.0)
    assert answer.failure == "too-long"


def test_brackets_without_end_are_no_event_and_no_crash() -> None:
    answer = StreamedAnswer()
    answer.feed(b"data: " + b"[" * 100_000 + b"\n", 1.0)
    assert answer.failure == "garbage"
