"""Quantised checkpoints: the types their configs state, and the bytes that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.config.file_form import file_form, yaml_text
from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.mapping.types import choose_types
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model, load_model_file
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode
from accelsim.workload.recipe import Recipe
from accelsim.workload.traversal import Traversal
from accelsim.workload.types import TypeOptions

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


def llama(tmp_path: Path, quantised: object, **further: Any) -> Model:
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


@pytest.mark.parametrize(("bits", "group"), [(4, 128), (8, 64)])
def test_gptq_stores_the_group_of_each_row_too(tmp_path: Path, bits: int, group: int) -> None:
    model = llama(tmp_path, {"quant_method": "gptq", "bits": bits, "group_size": group, "sym": True})
    rows = 6 * 256 + 512  # of q, k, v, o, gate, up and down: a matrix of its own each
    linear = LINEAR * (bits + (16 + bits) / group) / 8
    assert weight_bytes(model) == 4 * (linear + 4 * rows) + 2 * WIDE
    assert model.own_types.arithmetic is DType.BF16


@pytest.mark.parametrize(
    ("stated", "bits"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, 4 + 32 / 64),
        ({"load_in_4bit": True, "bnb_4bit_use_double_quant": True}, 4 + 8 / 64),
    ],
)
def test_bitsandbytes_has_blocks_of_64(tmp_path: Path, stated: dict[str, Any], bits: float) -> None:
    model = llama(tmp_path, {"quant_method": "bitsandbytes", **stated})
    once = 4 * 7 * 4 if "bnb_4bit_use_double_quant" in stated else 0
    assert weight_bytes(model) == 4 * LINEAR * bits / 8 + once + 2 * WIDE
    assert model.own_types.arithmetic is DType.BF16


def test_scales_of_blocks_may_be_exponents_and_blocks_of_any_size(tmp_path: Path) -> None:
    stated = {"quant_method": "fp8", "weight_block_size": [64, 128]}  # outputs x inputs
    wide = llama(tmp_path, stated)
    blocks = 4 * (4 * 2) + 2 * (8 * 2) + 4 * 4  # q, k, v, o; gate, up; down
    assert weight_bytes(wide) == 4 * (LINEAR + 4 * blocks) + 2 * WIDE
    short = llama(tmp_path, {**stated, "scale_fmt": "ue8m0"})
    assert weight_bytes(wide) - weight_bytes(short) == 4 * 3 * blocks


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


def test_layers_that_a_list_names_keep_two_bytes_where_others_are_quantised(tmp_path: Path) -> None:
    ignored = ["lm_head", "model.layers.0*", "model.layers.2.mlp.down_proj"]
    model = llama(tmp_path, {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ignored})
    down = 256 * 512
    narrow = 3 * LINEAR - down
    assert weight_bytes(model) == narrow + 4 * (3 * 7 - 1) + 2 * (LINEAR + down + WIDE)
    assert model.warnings == () and model.own_types.products.mlp.weights.name == "fp8"
    assert [(layer.name, repeat) for layer, repeat in model.layers] == [
        ("decoder.wide", 1), ("decoder", 1), ("decoder.wide1", 1), ("decoder", 1),
    ]  # fmt: skip
    first, *_ = (segment.graph for segment in model.sample.segments[1:])
    assert {tensor.dtype for tensor in first.weights} == {DType.BF16}
    (tmp_path / "model.yaml").write_text(yaml_text({"kind": "model", **file_form(model)}))
    assert load_model(tmp_path / "model.yaml").layers == model.layers


def test_another_type_for_the_run_is_that_of_all_layers(tmp_path: Path) -> None:
    model = llama(tmp_path, {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head", "model.layers.0*"]})
    types = choose_types(model, load_chip("nvidia-h100-sxm"), TypeOptions(dtype=Format.parse("bf16"))).types
    assert model.build(Traversal.uniform(1, 1), Recipe(types)).weight_bytes == 2 * (4 * LINEAR + WIDE)
    types = choose_types(model, load_chip("nvidia-h100-sxm"), TypeOptions(dtype=Format.parse("fp8"))).types
    assert model.build(Traversal.uniform(1, 1), Recipe(types)).weight_bytes == 4 * (LINEAR + 7 * 4) + 2 * WIDE


def test_null_takes_the_quantisation_away(tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    folder.mkdir(exist_ok=True)
    for nested in (False, True):
        stated = {**LLAMA, "quantization_config": {"quant_method": "of a new kind"}}
        whole = {"model_type": "wrapper", "text_config": stated} if nested else stated
        (folder / "config.json").write_text(json.dumps(whole))
        with pytest.raises(ConfigError, match=r"--set model\.quantization_config=null"):
            load_model(folder)
        model = load_model_file(folder, overrides=[("quantization_config", "null")]).spec
        assert weight_bytes(model) == 2 * (4 * LINEAR + WIDE)


def test_formats_may_differ_by_part_and_the_commoner_one_stands_for_a_part(tmp_path: Path) -> None:
    layers = {f"model.layers.{i}.mlp.{name}": {"quant_algo": "NVFP4", "group_size": 16}
              for i in range(4) for name in ("gate_proj", "up_proj", "down_proj")}  # fmt: skip
    layers |= {f"model.layers.{i}.self_attn.{name}_proj": {"quant_algo": "FP8"} for i in range(4) for name in "qkvo"}
    stated = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
    mixed = llama(tmp_path, stated)
    attention, mlp = 4 * 256 * 256, 3 * 256 * 512
    assert weight_bytes(mixed) == 4 * (attention + 4 * 4 + mlp * 4.5 / 8 + 3 * 4) + 2 * WIDE
    assert mixed.warnings == ()
    layers["model.layers.0.mlp.down_proj"] = {"quant_algo": "FP8"}
    (warning,) = llama(tmp_path, stated).warnings
    assert warning == "left-out: quantization_config: mlp stored as fp8 in some layers is taken for nvfp4"


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
    # A config that says null says nothing of it.
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, "quantization_config": None}))
    assert load_model(tmp_path).stored == quantised.stored


def test_a_file_beside_the_config_that_is_no_section_is_refused_instead_of_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": "FP8"}))
    with pytest.raises(ConfigError, match=r"hf_quant_config.json:1: quantization_config: expected keys .* got 'FP8'"):
        load_model(tmp_path)


def test_a_checkpoint_of_which_the_cache_alone_is_quantised_keeps_its_weights(tmp_path: Path) -> None:
    model = llama(tmp_path, {"quant_algo": None, "kv_cache_quant_algo": "FP8"})
    assert weight_bytes(model) == 2 * (4 * LINEAR + WIDE)
    assert model.own_types.kv is DType.FP8


@pytest.mark.parametrize(
    ("algorithm", "name", "inputs", "scale_bytes"),
    [
        ("FP8_BLOCK_SCALES", "fp8-block", "fp8-block", 4 * (4 * 4 + 3 * 8)),
        ("W8A16", "int8-channel", "bf16", 2 * (4 * 256 + 2 * 512 + 256)),
        ("W4A16", "int4-channel", "bf16", 2 * (4 * 256 + 2 * 512 + 256)),
        ("W4A8_NVFP4_FP8", "nvfp4", "fp8", None),
        ("W4A16_MXFP4", "mxfp4", "bf16", None),
    ],
)
def test_algorithms_of_tensorrt_llm_say_what_is_stored_and_what_is_multiplied(
    tmp_path: Path, algorithm: str, name: str, inputs: str, scale_bytes: int | None
) -> None:
    model = llama(tmp_path, {"quant_algo": algorithm, "exclude_modules": ["lm_head"]})
    product = model.own_types.products.mlp
    assert (product.weights.name, product.inputs.name) == (name, inputs)
    if scale_bytes is not None:
        bits = 4 if name.startswith("int4") else 8
        assert weight_bytes(model) == 4 * (LINEAR * bits // 8 + scale_bytes) + 2 * WIDE


@pytest.mark.parametrize(
    ("quantised", "words"),
    [
        ({"quant_method": "gptqq"}, "quant_method 'gptqq' is not read. Known: .*fp8, gptq.*Did you mean 'gptq'"),
        ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "3 bits in groups of 128"),
        ({"quant_method": "fp8", "weight_block_size": [0, 32]}, r"weight_block_size \[0, 32\]"),
        ({"quant_method": "modelopt", "quant_algo": "FP6"}, "quant_algo 'FP6' is not read. Known: FP8"),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "expected groups of modules, each with weights"),
        ({"quant_method": "fp8", "ignored_layers": 5}, "ignored_layers: expected names or patterns of modules, got 5"),
        ({"quant_algo": "MIXED_PRECISION", "quantized_layers": {}}, "quantized_layers: expected modules"),
        ({"quant_method": "bitsandbytes"}, "expected load_in_4bit or load_in_8bit"),
        ("gptq", "expected keys such as quant_method or quant_algo, got 'gptq'"),
        ({"quant_method": "fp8", "kv_cache_quant_algo": "FP3"}, "'FP3' is not read. Known: FP8, INT8"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(tmp_path: Path, quantised: Any, words: str) -> None:
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
