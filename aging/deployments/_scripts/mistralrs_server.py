"""Serve a GGUF model with mistral.rs (the ``mistralrs`` wheel) until SIGTERM.

Run by the Python of the environment that mistralrs is installed in, so it
imports nothing of `aging`.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from openai_front import Usage, serve


class MistralRs:
    """One ``Runner``, used by one request at a time: with concurrent requests it ends streams early."""

    def __init__(self, model: Path, parallel: int, prefix_cache: int | None) -> None:
        import mistralrs  # noqa: PLC0415 - after the flags: --help works without it

        self._library: Any = mistralrs
        which = mistralrs.Which.GGUF(quantized_model_id=str(model.parent), quantized_filename=model.name)
        cache = {} if prefix_cache is None else {"prefix_cache_n": prefix_cache}
        self._runner = mistralrs.Runner(which, max_seqs=parallel, **cache)
        self._turn = threading.Lock()
        self._requests = 0

    def complete(self, prompt: str, max_tokens: int) -> Generator[str, None, Usage]:
        """The pieces of one answer."""
        asked = self._library.ChatCompletionRequest(
            [{"role": "user", "content": prompt}],
            "local",
            max_tokens=max_tokens,
            temperature=1.0,
            ignore_eos=True,
            stream=True,
        )
        usage = None
        with self._turn:
            self._requests += 1
            stream = self._runner.send_chat_completion_request(asked)
            try:
                for chunk in stream:
                    usage = chunk.usage or usage
                    if text := chunk.choices[0].delta.content:
                        yield text
            finally:
                for _ in stream:  # read an abandoned answer to its end, otherwise it is prepended to the next one
                    pass
        if usage is None:
            raise RuntimeError("mistral.rs ended a stream without its usage")
        return Usage(usage.prompt_tokens, usage.completion_tokens)

    def metrics(self) -> Mapping[str, float]:
        """The library has no metrics; those of the front end."""
        return {"front_requests_total": float(self._requests), "front_requests_running": float(self._turn.locked())}


def main() -> None:
    """Serve until SIGTERM or SIGINT, then exit 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="path of a GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parallel", type=int, default=4, help="sequences at the same time")
    parser.add_argument("--prefix-cache", type=int, help="sequences kept in the prefix cache; the library's default")
    options = parser.parse_args()
    if not options.model.is_file():
        sys.exit(f"there is no model file {options.model}")
    serve(MistralRs(options.model, options.parallel, options.prefix_cache), options.port)


if __name__ == "__main__":
    main()
