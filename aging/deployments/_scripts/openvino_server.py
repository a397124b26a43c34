"""Serve a GGUF model, or an OpenVINO folder, with OpenVINO GenAI's continuous batching until SIGTERM.

Run by the Python of the environment that openvino-genai is installed in, so it
imports nothing of `aging`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from openai_front import Usage, serve

_IDLE_SECONDS = 0.5


class OpenVino:
    """A continuous-batching pipeline, stepped by one thread while requests are pending."""

    def __init__(self, model: Path, parallel: int, kv_blocks: int, prefix_caching: bool, threads: int) -> None:
        import openvino_genai  # noqa: PLC0415 - after the flags: --help works without it

        self._library: Any = openvino_genai
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 0  # sized in blocks: a pool sized in GiB is filled lazily, which looks like aging
        scheduler.num_kv_blocks = kv_blocks
        scheduler.max_num_seqs = parallel
        scheduler.enable_prefix_caching = prefix_caching
        properties = {"INFERENCE_NUM_THREADS": threads}
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(str(model), scheduler, "CPU", properties)
        self._tokenizer = self._pipeline.get_tokenizer()
        self._numbers = itertools.count()
        self._stepped = threading.Condition()
        threading.Thread(target=self._step, daemon=True).start()

    def complete(self, prompt: str, max_tokens: int) -> Generator[str, None, Usage]:
        """The pieces of one answer."""
        library = self._library
        config = library.GenerationConfig()
        config.max_new_tokens = max_tokens
        config.ignore_eos = True
        config.do_sample = True
        prompt_ids = self._tokenizer.encode(prompt).input_ids
        number = next(self._numbers)
        config.rng_seed = number  # otherwise every answer to a prompt is equal
        with self._stepped:
            handle = self._pipeline.add_request(number, prompt_ids, config)
            self._stepped.notify_all()
        produced = 0
        try:
            while True:
                ended = handle.get_status() != library.GenerationStatus.RUNNING
                while handle.can_read():
                    for output in handle.read().values():
                        produced += len(output.generated_ids)
                        yield self._tokenizer.decode(output.generated_ids)
                if ended:
                    return Usage(int(prompt_ids.shape[1]), produced)
                with self._stepped:
                    if not handle.can_read() and handle.get_status() == library.GenerationStatus.RUNNING:
                        self._stepped.wait(_IDLE_SECONDS)
        finally:
            if handle.get_status() == library.GenerationStatus.RUNNING:
                handle.cancel()

    def metrics(self) -> Mapping[str, float]:
        """Metrics of the pipeline; the usage of the cache as a ratio."""
        found = self._pipeline.get_metrics()
        return {
            "openvino_requests": float(found.requests),
            "openvino_scheduled_requests": float(found.scheduled_requests),
            "openvino_cache_usage_ratio": found.cache_usage / 100,
            "openvino_cache_size_bytes": float(found.cache_size_in_bytes),
        }

    def _step(self) -> None:
        while True:
            with self._stepped:
                while not self._pipeline.has_non_finished_requests():
                    self._stepped.wait(_IDLE_SECONDS)
            self._pipeline.step()
            with self._stepped:
                self._stepped.notify_all()


def main() -> None:
    """Serve until SIGTERM or SIGINT, then exit 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="path of a GGUF file or of an OpenVINO folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parallel", type=int, default=4, help="sequences at the same time")
    parser.add_argument("--kv-blocks", type=int, default=256, help="blocks of the KV cache")
    parser.add_argument("--prefix-caching", action="store_true", help="reuse the cache of prompts that begin alike")
    parser.add_argument("--threads", type=int, default=1, help="computing threads")
    o = parser.parse_args()
    if not o.model.exists():
        sys.exit(f"there is no model {o.model}")
    serve(OpenVino(o.model, o.parallel, o.kv_blocks, o.prefix_caching, o.threads), o.port)


if __name__ == "__main__":
    main()
