"""OpenVINO GenAI: a token of a prompt of new words a request, which its tokenizer has not cached."""

import random
import string
import sys

import openvino_genai
from loopback import serve

WORDS, LETTERS = 8, 12


def main(model: str, port: int) -> None:
    pipeline = openvino_genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=1)
    numbers = random.Random(0)

    def word() -> str:
        return "".join(numbers.choices(string.ascii_lowercase, k=LETTERS))

    serve(lambda: pipeline.generate(" ".join(word() for _ in range(WORDS)), max_new_tokens=1), port)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[1]))
