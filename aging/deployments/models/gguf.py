"""Random-weight models: memory aging is in the serving code, not in the weights.

A model has the llama architecture; here it becomes a GGUF file, in
:mod:`aging.deployments.models.huggingface` a Hugging Face folder. Its tokenizer knows every word of
``aging.core.words`` as one token, and its weights are random but for one
dimension that makes everything but such words impossible to sample: replies
are as long as they were asked to be, and stream as one readable word a token.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aging.core.words import WORDS
from aging.deployments.models.presets import Preset

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYOUT = 1
"""Version of the written bytes; raise it with every change, so that cached models are made again."""

BOS, EOS = "<|begin|>", "<|end|>"
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
RMS_EPSILON = 1e-5
_LOGIT_SPREAD = 1.5  # standard deviation of the logits of words: sampled text varies but is not uniform
_FORBIDDEN = -40.0  # approximate logit of tokens that are not words: probability e^-40 per token


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A byte-level BPE: tokens in the order of their ids, merges in the order of their rank."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    words: tuple[int, ...]
    """Ids of the tokens that are a whole word with its leading space."""


def vocabulary(words: Sequence[str] = WORDS) -> Vocabulary:
    """All bytes, and a chain of prefixes for each word.

    Every merge extends a prefix that begins with the space (``Ġ``) by one letter.
    Within ``Ġword`` only one merge is ever possible, so a word becomes one token
    whatever the ranks.
    """
    tokens = [BOS, EOS, *_byte_letters()]
    known = set(tokens)
    merges = []
    for word in words:
        prefix = "Ġ"
        for letter in word:
            longer = prefix + letter
            if longer not in known:
                merges.append((prefix, letter))
                tokens.append(longer)
                known.add(longer)
            prefix = longer
    ids = {token: index for index, token in enumerate(tokens)}
    return Vocabulary(tuple(tokens), tuple(merges), tuple(ids[f"Ġ{word}"] for word in words))


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level BPE: itself where printable, else one from 256 up."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    letters = []
    moved = 0
    for byte in range(256):
        if byte in printable:
            letters.append(chr(byte))
        else:
            letters.append(chr(256 + moved))
            moved += 1
    return letters


def make_gguf(path: Path, preset: Preset, seed: int = 0) -> None:
    """Write a model file; the same arguments give the same bytes.

    The file appears whole or not at all, under a temporary name until it is on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        _write(temporary, preset, seed)
        to_disk(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    to_disk(path.parent)


def cached_gguf(preset: Preset, cache_dir: Path, seed: int = 0) -> Path:
    """The model file of ``preset`` in ``cache_dir``, made if it does not exist.

    Its name carries a hash of all that determines its bytes, so a file of that name is never stale.
    """
    path = cache_dir / f"{preset.name}-{identity(preset, seed)}.gguf"
    if not path.is_file():
        make_gguf(path, preset, seed)
    return path


def identity(preset: Preset, seed: int) -> str:
    """A hash of everything that determines the bytes of a model."""
    determines = (_LAYOUT, version("gguf"), sorted(asdict(preset).items()), seed, WORDS)
    return hashlib.sha256(repr(determines).encode()).hexdigest()[:12]


def to_disk(path: Path) -> None:
    """Wait until a file or a folder's entries are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, preset: Preset, seed: int) -> None:
    import gguf  # noqa: PLC0415 - 60 ms and 15 MB not required if the model is in the cache

    words = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    try:
        _add_metadata(writer, preset)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        _add_tokenizer(writer, words)
        kinds = (gguf.TokenType.CONTROL if token in (BOS, EOS) else gguf.TokenType.NORMAL for token in words.tokens)
        writer.add_token_types([int(kind) for kind in kinds])
        for name, values in tensors(preset, words, seed):
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_metadata(writer: Any, preset: Preset) -> None:
    writer.add_name(f"aging-{preset.name}")
    writer.add_context_length(preset.context)
    writer.add_embedding_length(preset.width)
    writer.add_block_count(preset.layers)
    writer.add_feed_forward_length(2 * preset.width)
    writer.add_head_count(preset.heads)
    writer.add_head_count_kv(preset.heads)
    writer.add_rope_dimension_count(preset.width // preset.heads)
    writer.add_layer_norm_rms_eps(RMS_EPSILON)


def _add_tokenizer(writer: Any, words: Vocabulary) -> None:
    writer.add_vocab_size(len(words.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(words.tokens))
    writer.add_token_merges([" ".join(pair) for pair in words.merges])
    writer.add_bos_token_id(words.tokens.index(BOS))
    writer.add_eos_token_id(words.tokens.index(EOS))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def tensors(preset: Preset, words: Vocabulary, seed: int) -> list[tuple[str, NDArray[Any]]]:
    """Every tensor by its llama.cpp name, rows first.

    Dimension 0 of the hidden state is 1 for every token and no layer writes to
    it, so after the last norm it is a known positive number: the output layer
    can tell from it what must never be sampled.
    """
    random = np.random.RandomState(seed)  # the one generator whose stream NumPy promises never to change
    width, inner = preset.width, 2 * preset.width

    def weights(rows: int, columns: int, spread: float, *, spares_first: bool = False) -> NDArray[Any]:
        values = random.standard_normal((rows, columns)) * spread
        if spares_first:
            values[0] = 0.0
        return values.astype(np.float16)

    embedding = weights(len(words.tokens), width, 1.0)
    embedding[:, 0] = 1.0
    output = weights(len(words.tokens), width, _LOGIT_SPREAD / width**0.5)
    output[:, 0] = _FORBIDDEN
    output[list(words.words), 0] = 0.0
    norm = np.ones(width, dtype=np.float32)
    named = [("token_embd.weight", embedding), ("output_norm.weight", norm), ("output.weight", output)]
    spread = 0.5 / width**0.5
    for layer in range(preset.layers):
        named += [
            (f"blk.{layer}.attn_norm.weight", norm),
            (f"blk.{layer}.attn_q.weight", weights(width, width, spread)),
            (f"blk.{layer}.attn_k.weight", weights(width, width, spread)),
            (f"blk.{layer}.attn_v.weight", weights(width, width, spread)),
            (f"blk.{layer}.attn_output.weight", weights(width, width, spread, spares_first=True)),
            (f"blk.{layer}.ffn_norm.weight", norm),
            (f"blk.{layer}.ffn_gate.weight", weights(inner, width, spread)),
            (f"blk.{layer}.ffn_up.weight", weights(inner, width, spread)),
            (f"blk.{layer}.ffn_down.weight", weights(width, inner, spread, spares_first=True)),
        ]
    return named
