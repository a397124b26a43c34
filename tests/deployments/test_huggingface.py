"""Random-weight models as Hugging Face folders: read back by the format's description alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aging.deployments.models.gguf import make_gguf, vocabulary
from aging.deployments.models.huggingface import cached_folder, make_folder
from aging.deployments.models.presets import SMALL, TINY

DTYPES = {"F16": np.float16, "F32": np.float32}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    make_folder(folder, TINY)
    return folder


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    values = {}
    for name, about in header.items():
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        values[name] = np.frombuffer(data[begin:end], DTYPES[about["dtype"]]).reshape(about["shape"])
    assert 8 + length + max(about["data_offsets"][1] for about in header.values()) == len(data)
    return values


def test_tensors_equal_gguf(tiny: Path, tmp_path: Path) -> None:
    make_gguf(tmp_path / "tiny.gguf", TINY)
    theirs = {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(tmp_path / "tiny.gguf").tensors}
    found = read_safetensors(tiny / "model.safetensors")
    assert len(found) == len(theirs)
    np.testing.assert_array_equal(found["lm_head.weight"], theirs["output.weight"])
    np.testing.assert_array_equal(found["model.layers.1.self_attn.o_proj.weight"], theirs["blk.1.attn_output.weight"])
    np.testing.assert_array_equal(found["model.layers.0.mlp.up_proj.weight"], theirs["blk.0.ffn_up.weight"])


def test_config_and_tokenizer(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    tokenizer = json.loads((tiny / "tokenizer.json").read_text())
    embedding = read_safetensors(tiny / "model.safetensors")["model.embed_tokens.weight"]
    assert embedding.shape == (config["vocab_size"], config["hidden_size"])
    words = vocabulary()
    assert list(tokenizer["model"]["vocab"]) == list(words.tokens)
    assert [tuple(merge) for merge in tokenizer["model"]["merges"]] == list(words.merges)
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    assert special == {"<|begin|>": config["bos_token_id"], "<|end|>": config["eos_token_id"]}


def test_folder_is_made_once(tmp_path: Path) -> None:
    folder = cached_folder(TINY, tmp_path)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert cached_folder(TINY, tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert cached_folder(SMALL, tmp_path) != folder
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {folder.name, cached_folder(SMALL, tmp_path).name}
    )


def test_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        make_folder(tmp_path / "mine", TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
