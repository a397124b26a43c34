"""The body of each option and each fault, and the answer of a real server to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from aging.core.endpoint import Endpoint
from aging.core.records import CHOICES
from aging.load.requests.bodies import OVERSIZED_BYTES, body, content, left_out, path
from aging.load.requests.options import unique_schema
from aging.load.schedule.planned_request import PlannedRequest
from tests.conftest import reference_servers

PLAIN = PlannedRequest(number=7, at=0.0, prompt_tokens=3, output_tokens=64, streaming=False)
COMPLETIONS = Endpoint("http://127.0.0.1:1", "m", body={"ignore_eos": True, "min_tokens": 4})
CHAT = replace(COMPLETIONS, path="/v1/chat/completions")
GENERATE = replace(COMPLETIONS, path="/v2/models/m/generate_stream")
SAID = (" ka ko", " be bi", " du da")


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with reference_servers() as start, httpx.Client(base_url=start(), trust_env=False) as client:
        yield client


def test_a_plain_request_has_no_options() -> None:
    assert body(COMPLETIONS, PLAIN, SAID[:1]) == {
        "model": "m",
        "max_tokens": 64,
        "stream": False,
        "prompt": " ka ko",
        "ignore_eos": True,
        "min_tokens": 4,
    }


def test_chat_stands_in_for_completions_with_the_conversation_in_turns() -> None:
    request = PLAIN._replace(options=("chat",))
    assert path(COMPLETIONS, request) == "/v1/chat/completions"
    roles = [(said["role"], said["content"]) for said in body(COMPLETIONS, request, SAID)["messages"]]
    assert roles == [("user", " ka ko"), ("assistant", " be bi"), ("user", " du da")]


@pytest.mark.parametrize(
    ("endpoint", "options", "key", "value"),
    [
        (COMPLETIONS, ("n",), "n", CHOICES),
        (COMPLETIONS, ("logprobs",), "logprobs", 5),
        (CHAT, ("logprobs",), "logprobs", True),
        (CHAT, ("logprobs",), "top_logprobs", 5),
    ],
)
def test_options_in_the_protocols_own_keys(endpoint: Endpoint, options: Any, key: str, value: object) -> None:
    assert body(endpoint, PLAIN._replace(options=options), SAID)[key] == value


def test_priority_is_sent_where_it_is_supported() -> None:
    request = PLAIN._replace(priority=3)
    assert body(COMPLETIONS, request, SAID)["priority"] == 3
    assert "priority" not in body(replace(COMPLETIONS, unsupported=("priority",)), request, SAID)
    assert "priority" not in body(COMPLETIONS, PLAIN, SAID)


def test_every_request_has_a_schema_and_stop_words_of_its_own() -> None:
    def asked(number: int) -> tuple[str, str]:
        sent = body(COMPLETIONS, PLAIN._replace(number=number, options=("stop", "structured")), SAID)
        return json.dumps(sent["response_format"]), json.dumps(sent["stop"])

    schemas, stops = zip(*(asked(number) for number in range(500)), strict=True)
    assert len(set(schemas)) == len(set(stops)) == 500
    assert asked(3) == asked(3)


def test_a_structured_answer_may_end() -> None:
    sent = body(COMPLETIONS, PLAIN._replace(options=("structured",)), SAID)
    assert "ignore_eos" not in sent
    assert "min_tokens" not in sent
    assert path(COMPLETIONS, PLAIN._replace(options=("structured",))) == "/v1/chat/completions"


def test_unsupported_options_are_left_out_and_reported() -> None:
    everything = ("chat", "n", "logprobs", "stop", "structured", "long", "priority")
    assert left_out(COMPLETIONS, everything) == ()
    assert left_out(CHAT, everything) == ()
    assert left_out(GENERATE, everything) == ("chat", "logprobs", "n", "priority", "stop", "structured")
    refusing = replace(COMPLETIONS, unsupported=("n", "chat"))
    assert left_out(refusing, everything) == ("chat", "n")
    request = PLAIN._replace(options=("chat", "n", "stop"))
    assert path(refusing, request) == "/v1/completions"
    sent = body(refusing, request, SAID)
    assert "n" not in sent
    assert "stop" in sent
    assert set(body(GENERATE, PLAIN._replace(options=("chat", "n", "logprobs", "stop", "structured")), SAID)) == set(
        body(GENERATE, PLAIN, SAID)
    )


def test_faults_are_what_they_are_called() -> None:
    malformed = content(COMPLETIONS, PLAIN._replace(fault="malformed"), SAID)
    with pytest.raises(ValueError, match=r".+"):
        json.loads(malformed)
    assert content(COMPLETIONS, PLAIN, SAID).startswith(malformed)
    assert len(content(COMPLETIONS, PLAIN._replace(fault="oversized"), SAID)) > 8 * 2**20
    lost = {path(COMPLETIONS, PLAIN._replace(fault="not-found", number=number)) for number in range(3)}
    assert lost == {f"/v1/not-found-{number}" for number in range(3)}


@pytest.mark.parametrize("endpoint", [COMPLETIONS, CHAT, GENERATE])
def test_an_oversized_body_is_well_formed(endpoint: Endpoint) -> None:
    sent = json.loads(content(endpoint, PLAIN._replace(fault="oversized"), SAID))
    said = sent.get("prompt") or sent.get("text_input") or sent["messages"][0]["content"]
    assert len(said) > OVERSIZED_BYTES - 10


@pytest.mark.parametrize(("fault", "status"), [("malformed", 400), ("not-found", 404), ("oversized", 413)])
def test_the_reference_server_refuses_faults_as_a_server_would(server: httpx.Client, fault: Any, status: int) -> None:
    request = PLAIN._replace(fault=fault)
    answer = server.post(path(COMPLETIONS, request), content=content(COMPLETIONS, request, SAID))
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("chat", [(), ("chat",)])
@pytest.mark.parametrize("streaming", [False, True])
def test_the_reference_server_answers_every_option(server: httpx.Client, chat: Any, streaming: bool) -> None:
    request = PLAIN._replace(options=(*chat, "n", "logprobs", "stop", "structured"), streaming=streaming)
    answer = server.post(path(COMPLETIONS, request), content=content(COMPLETIONS, request, SAID))
    assert answer.status_code == 200
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    events = [json.loads(line) for line in lines] if streaming else [answer.json()]
    texts = dict.fromkeys(range(CHOICES), "")
    for event in events:
        for choice in event["choices"]:
            sent = choice.get("delta") or choice.get("message")
            texts[choice["index"]] += sent["content"]
            assert all(len(token["top_logprobs"]) == 5 for token in choice["logprobs"]["content"])
    document = json.loads(texts[0])
    schema = unique_schema(request.number)
    assert list(document) == schema["required"]
    assert all(texts[0] == text for text in texts.values())
    usage = events[-1]["usage"]
    assert usage["completion_tokens"] % CHOICES == 0
    assert usage["completion_tokens"] > 10


def test_a_stop_word_ends_the_reference_servers_answer_before_it(server: httpx.Client) -> None:
    url = "/v1/completions"
    asked: dict[str, Any] = {"prompt": "a", "max_tokens": 32}
    whole = server.post(url, json=asked).json()["choices"][0]
    words = whole["text"].split(" ")[1:]
    cut = server.post(url, json=asked | {"stop": [words[5]]}).json()["choices"][0]
    assert (whole["finish_reason"], cut["finish_reason"]) == ("length", "stop")
    assert cut["text"].split(" ")[1:] == words[:5]
    stream = server.post(url, json=asked | {"stop": words[0], "stream": True}).text
    assert stream.count('"finish_reason":"stop"') == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": "2"},
        {"logprobs": 99},
        {"stop": [1]},
        {"response_format": {"type": "poem"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "colour"}}}},
    ],
)
def test_the_reference_server_refuses_unknown_options(server: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = server.post("/v1/completions", json={"prompt": "a"} | wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["error"]["message"]
