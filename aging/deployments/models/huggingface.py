"""Random-weight models as Hugging Face folders, made without torch and without a hub.

The same tensors and the same tokenizer as the GGUF of :mod:`aging.deployments.models.gguf`, in
the layout that ``transformers``, vLLM and SGLang load.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.deployments.models.gguf import (
    BOS,
    CHAT_TEMPLATE,
    EOS,
    RMS_EPSILON,
    Vocabulary,
    identity,
    tensors,
    to_disk,
    vocabulary,
)
from aging.deployments.models.presets import Preset

_DTYPES = {"float16": "F16", "float32": "F32"}

_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def cached_folder(preset: Preset, cache_dir: Path, seed: int = 0) -> Path:
    """The model folder of ``preset`` in ``cache_dir``, made if it does not exist."""
    folder = cache_dir / f"{preset.name}-{identity(preset, seed)}"
    if not folder.is_dir():
        make_folder(folder, preset, seed)
    return folder


def make_folder(folder: Path, preset: Preset, seed: int = 0) -> None:
    """Write a model folder, which must not exist yet, atomically. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        words = vocabulary()
        for name, content in _texts(preset, words).items():
            (temporary / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        named = [(_hugging_face_name(name), values) for name, values in tensors(preset, words, seed)]
        _write_safetensors(temporary / "model.safetensors", named)
        for path in (*temporary.iterdir(), temporary):
            to_disk(path)
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    to_disk(folder.parent)


def _hugging_face_name(name: str) -> str:
    if name in _TENSORS:
        return _TENSORS[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_LAYER_TENSORS[part]}.{kind}"


def _write_safetensors(path: Path, named: Sequence[tuple[str, NDArray[Any]]]) -> None:
    """The safetensors format: length of the header (8 bytes, little endian), the header as JSON, the values."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, values in named:
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": _DTYPES[values.dtype.name], "shape": values.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, values in named:
            file.write(np.ascontiguousarray(values).data)


def _texts(preset: Preset, words: Vocabulary) -> dict[str, dict[str, Any]]:
    bos, eos = words.tokens.index(BOS), words.tokens.index(EOS)
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "dtype": "float16",
            "vocab_size": len(words.tokens),
            "hidden_size": preset.width,
            "intermediate_size": 2 * preset.width,
            "num_hidden_layers": preset.layers,
            "num_attention_heads": preset.heads,
            "num_key_value_heads": preset.heads,
            "max_position_embeddings": preset.context,
            "rms_norm_eps": RMS_EPSILON,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "bos_token_id": bos,
            "eos_token_id": eos,
        },
        "generation_config.json": {"bos_token_id": bos, "eos_token_id": eos, "do_sample": True},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "chat_template": CHAT_TEMPLATE,
            "model_max_length": preset.context,
            "clean_up_tokenization_spaces": False,
        },
        "tokenizer.json": _tokenizer(words),
    }


def _tokenizer(words: Vocabulary) -> dict[str, Any]:
    """A byte-level BPE as the ``tokenizers`` library reads it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": words.tokens.index(token), "content": token, "special": True} | flags for token in (BOS, EOS)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(words.tokens)},
            "merges": [list(pair) for pair in words.merges],
        },
    }
