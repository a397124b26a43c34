"""The OpenAI client with a structured answer, from a transport in the same process."""

import httpx
import openai
import pydantic
from loopback import serve

ANSWER = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"sum": 3}'}}],
}


class Sum(pydantic.BaseModel):
    sum: int


client = openai.OpenAI(
    api_key="none",
    base_url="http://127.0.0.1:9/v1",
    http_client=httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=ANSWER))),
)


def work() -> None:
    answer = client.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": "1 + 2"}], response_format=Sum
    )
    assert answer.choices[0].message.parsed == Sum(sum=3)


if __name__ == "__main__":
    serve(work)
