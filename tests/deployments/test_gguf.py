"""Random-weight models: their bytes, header and tokenizer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aging.core.words import WORDS
from aging.deployments.models.gguf import cached_gguf, make_gguf, vocabulary
from aging.deployments.models.presets import PRESETS, SMALL, TINY, Preset

RANKS = {pair: rank for rank, pair in enumerate(vocabulary().merges)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    make_gguf(path, TINY)
    return path


def field(path: Path, name: str) -> Any:
    return gguf.GGUFReader(path).fields[name].contents()


def tensors(path: Path) -> dict[str, Any]:
    return {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(path).tensors}


def tokenize(word: str) -> list[str]:
    """Byte-pair encoding as every runtime does it: the pair of lowest rank first, until none is left."""
    symbols = list(word.replace(" ", "Ġ"))
    while pairs := [(RANKS[pair], at) for at, pair in enumerate(pairwise(symbols)) if pair in RANKS]:
        _, at = min(pairs)
        symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
    return symbols


def test_bytes_are_reproducible(tiny: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.gguf", tmp_path / "other.gguf"
    make_gguf(again, TINY)
    make_gguf(other, TINY, seed=1)
    assert again.read_bytes() == tiny.read_bytes()
    assert other.read_bytes() != tiny.read_bytes()


def test_header(tiny: Path) -> None:
    assert field(tiny, "general.architecture") == "llama"
    assert field(tiny, "llama.block_count") == TINY.layers
    assert field(tiny, "llama.embedding_length") == TINY.width
    assert field(tiny, "llama.attention.head_count") == TINY.heads
    assert field(tiny, "llama.context_length") == TINY.context
    assert field(tiny, "llama.vocab_size") == len(vocabulary().tokens)
    assert len(gguf.GGUFReader(tiny).tensors) == 3 + 9 * TINY.layers


def test_tokenizer(tiny: Path) -> None:
    words = vocabulary()
    assert tuple(field(tiny, "tokenizer.ggml.tokens")) == words.tokens
    assert tuple(tuple(merge.split(" ")) for merge in field(tiny, "tokenizer.ggml.merges")) == words.merges
    assert field(tiny, "tokenizer.ggml.add_bos_token") is False


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_model_size(preset: Preset, tmp_path: Path) -> None:
    make_gguf(tmp_path / "model.gguf", preset)
    assert (tmp_path / "model.gguf").stat().st_size < 10_000_000


def test_tokens_are_unique() -> None:
    tokens = vocabulary().tokens
    assert len(set(tokens)) == len(tokens)
    assert all(len(letter) == 1 for letter in tokens[2:258])
    assert all(len(token) > 1 for token in tokens[:2] + tokens[258:])


def test_token_per_word() -> None:
    words = vocabulary()
    known = set(words.tokens)
    for word, token in zip(WORDS, words.words, strict=True):
        assert tokenize(f" {word}") == [f"Ġ{word}"] == [words.tokens[token]]
        assert known.issuperset(tokenize(word)), "a word without its space is still made of known tokens"


def test_only_words_are_sampled(tiny: Path) -> None:
    """Dimension 0 is the same for every token, no layer writes to it, and the output layer votes by it."""
    weights = tensors(tiny)
    assert np.all(weights["token_embd.weight"][:, 0] == 1)
    for name, values in weights.items():
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            assert not values[0].any(), name
    votes = weights["output.weight"][:, 0]
    allowed = set(vocabulary().words)
    assert all((votes[token] == 0) == (token in allowed) for token in range(len(votes)))
    assert votes[1] < -30


def test_cached_model(tmp_path: Path) -> None:
    path = cached_gguf(TINY, tmp_path / "cache")
    made = path.stat().st_mtime_ns
    assert path.name.startswith("tiny-")
    assert cached_gguf(TINY, tmp_path / "cache") == path
    assert path.stat().st_mtime_ns == made
    others = [cached_gguf(TINY, tmp_path / "cache", seed=1), cached_gguf(SMALL, tmp_path / "cache")]
    wider = Preset("tiny", TINY.layers, 2 * TINY.width, TINY.heads, TINY.context)
    names = {path.name, *(other.name for other in others), cached_gguf(wider, tmp_path / "cache").name}
    assert len(names) == 4
    assert {entry.name for entry in (tmp_path / "cache").iterdir()} == names, "and nothing temporary is left"


def test_failed_write_leaves_no_file(tmp_path: Path) -> None:
    odd = Preset("odd", layers=1, width=-1, heads=1, context=16)
    with pytest.raises(ValueError, match="negative"):
        make_gguf(tmp_path / "odd.gguf", odd)
    assert list(tmp_path.iterdir()) == []
