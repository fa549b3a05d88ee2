"""Quantised checkpoints: the types their configs state, and the bytes that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "vocab_size": 1000,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
#: Of a layer: q, k, v, o and gate, up, down; and what is never quantised, in parameters.
LINEAR = 4 * 256 * 256 + 3 * 256 * 512
WIDE = 2 * 1000 * 256 + (4 * 2 + 1) * 256


def llama(tmp_path: Path, quantised: dict[str, Any], **further: Any) -> Model:
    folder = tmp_path / "llama"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**LLAMA, **further, "quantization_config": quantised}))
    return load_model(folder)


def weight_bytes(model: Model) -> int:
    return build_workload(model, Decode(1, 1)).weight_bytes


FP8_GROUP = {"weights": {"num_bits": 8, "type": "float", "strategy": "tensor"}, "input_activations": {"num_bits": 8}}


@pytest.mark.parametrize(
    ("quantised", "name", "scale_bytes"),
    [
        ({"quant_method": "fp8"}, "fp8", 7 * 4),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block", 4 * (4 * 4 + 3 * 8)),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": FP8_GROUP}, "ignore": ["lm_head"]},
         "fp8", 7 * 4),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]}, "fp8", 7 * 4),
    ],
    ids=["fp8", "blocks", "compressed", "modelopt"],
)  # fmt: skip
def test_eight_bits_of_linear_layers_and_two_bytes_of_the_rest(
    tmp_path: Path, quantised: dict[str, Any], name: str, scale_bytes: int
) -> None:
    model = llama(tmp_path, quantised)
    assert model.own_types.name == name
    assert weight_bytes(model) == 4 * (LINEAR + scale_bytes) + 2 * WIDE


@pytest.mark.parametrize(
    ("quantised", "bits"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": 64}, 8 + 24 / 64),
        ({"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True}, 4 + 20 / 64),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64, "zero_point": False}, 4 + 16 / 64),
        (
            {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", "group_size": 128, "ignore": ["lm_head"]},
            4 + 16 / 128,
        ),
    ],
)
def test_integer_groups_have_scales_and_perhaps_zero_points(
    tmp_path: Path, quantised: dict[str, Any], bits: float
) -> None:
    model = llama(tmp_path, quantised)
    assert weight_bytes(model) == 4 * LINEAR * bits / 8 + 2 * WIDE
    assert model.own_types.arithmetic is DType.BF16


def test_nvfp4_multiplies_in_four_bits_unless_only_weights_are_quantised(tmp_path: Path) -> None:
    weights = {"num_bits": 4, "type": "float", "group_size": 16}
    group = {"weights": weights, "input_activations": {"num_bits": 4}}
    stated = {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"]}
    both = llama(tmp_path, stated)
    assert weight_bytes(both) == 4 * (LINEAR * 4.5 / 8 + 7 * 4) + 2 * WIDE
    assert both.own_types.arithmetic is DType.FP4
    alone = llama(tmp_path, {**stated, "config_groups": {"group_0": {"weights": weights, "input_activations": None}}})
    assert alone.own_types.arithmetic is DType.BF16 and weight_bytes(alone) == weight_bytes(both)


def test_modules_that_are_left_alone_keep_two_bytes(tmp_path: Path) -> None:
    for ignored in (["lm_head", "model.layers.*.self_attn*"], ["lm_head", "re:.*self_attn.*"],
                    ["lm_head", *(f"language_model.model.layers.{i}.self_attn" for i in range(4))]):  # fmt: skip
        model = llama(tmp_path, {"quant_method": "modelopt", "quant_algo": "FP8", "exclude_modules": ignored})
        types = model.own_types.products
        assert (types.attention.weights.name, types.mlp.weights.name) == ("bf16", "fp8") and model.warnings == ()


def test_the_majority_of_layers_decides_with_a_warning(tmp_path: Path) -> None:
    def with_ignored(count: int) -> Model:
        ignored = [f"model.layers.{i}.mlp*" for i in range(count)]
        return llama(tmp_path, {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head", *ignored]})

    few, many = with_ignored(2), with_ignored(3)
    assert few.own_types.products.mlp.weights.name == "fp8"
    assert few.warnings == (
        "left-out: quantization_config: mlp of 2 of 4 layers is not quantised, but is here",
    )  # fmt: skip
    assert many.own_types.products.mlp.weights.name == "bf16"


def test_a_head_that_no_list_names_is_quantised_by_methods_for_all_linear_layers(tmp_path: Path) -> None:
    assert (
        llama(tmp_path, {"quant_method": "modelopt", "quant_algo": "FP8"}).own_types.products.head.weights.name == "fp8"
    )
    assert llama(tmp_path, {"quant_method": "fp8"}).own_types.products.head.weights.name == "bf16"


def test_a_file_beside_the_config_states_it_too_and_the_cache(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    plain = load_model(tmp_path)
    stated = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(stated))
    quantised = load_model(tmp_path)
    assert weight_bytes(quantised) == 4 * (LINEAR + 7 * 4) + 2 * WIDE
    assert quantised.own_types.kv is DType.FP8
    assert 2 * quantised.kv_bytes_per_token() == plain.kv_bytes_per_token()


@pytest.mark.parametrize(
    ("quantised", "words"),
    [
        ({"quant_method": "gptqq"}, "quant_method 'gptqq' is not read. Known: fp8, gptq.*Did you mean 'gptq'"),
        ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "3 bits in groups of 128"),
        ({"quant_method": "fp8", "weight_block_size": [1, 32]}, r"weight_block_size \[1, 32\]"),
        ({"quant_method": "modelopt", "quant_algo": "FP6"}, "quant_algo 'FP6' is not read. Known: FP8"),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "one format for all groups is read, got none"),
        ({"quant_method": "fp8", "kv_cache_quant_algo": "FP3"}, "'FP3' is not read. Known: FP8, INT8"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(tmp_path: Path, quantised: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"config.json:1: quantization_config: .*{words}"):
        llama(tmp_path, quantised)


def test_deepseek_v3_takes_the_bytes_of_its_checkpoint() -> None:
    assert (
        weight_bytes(load_model("deepseek-v3")) == 673_150_582_112
    )  # counted matrix by matrix, apart from this package


def test_gpt_oss_120b_takes_the_bytes_of_its_checkpoint() -> None:
    experts = 36 * 128 * 3 * 2880 * 2880 * 17 // 32  # 4.25 bits
    attention = 2880 * 5120 + 5120 + 4096 * 2880 + 2880
    layer = attention + 2 * 2880 + 128 * (2880 + 1) + 128 * (5760 + 2880)  # norms, router, biases of the experts
    assert weight_bytes(load_model("gpt-oss-120b")) == experts + 2 * (36 * layer + 2 * 201088 * 2880 + 2880)
