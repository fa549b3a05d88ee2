"""Types of a run: from what the model is stored in, what is asked for and what the chip multiplies."""

from __future__ import annotations

import pytest

from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.mapping.types import ChosenTypes, choose_types
from accelsim.warning import warning_id
from accelsim.workload.formats.hf import load_model
from accelsim.workload.types import LINEAR_PARTS, PARTS, TypeOptions, Types

H100, A100, B200 = "nvidia-h100-sxm", "nvidia-a100-sxm-80gb", "nvidia-b200-sxm"


def chosen(model: str, chip: str, **asked: str) -> ChosenTypes:
    of = {"kv": DType, "reduce": DType}
    options = {name: of.get(name, Format.parse)(text) for name, text in asked.items()}
    return choose_types(load_model(model), load_chip(chip), TypeOptions(**options))


def names(types: Types) -> dict[str, str]:
    return types.to_dict()


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_sixteen_bits_are_the_type_of_everything(dtype: str) -> None:
    types, warnings = chosen("llama3-8b", H100, dtype=dtype)
    assert set(names(types).values()) == {dtype} and warnings == ()
    assert types == Types.of(DType(dtype))


def test_fp8_is_for_linear_layers_and_what_they_are_multiplied_by() -> None:
    types, warnings = chosen("deepseek-v3", H100, dtype="fp8")
    found = names(types)
    assert {found[f"weights.{part}"] for part in LINEAR_PARTS} == {found[f"inputs.{part}"] for part in LINEAR_PARTS}
    assert {part for part in PARTS if found[f"weights.{part}"] == "fp8"} == set(LINEAR_PARTS)
    assert found["weights.head"] == found["weights.embedding"] == found["weights.router"] == "bf16"
    assert (types.kv, types.activations, types.reduce) == (DType.BF16,) * 3
    assert (types.arithmetic, warnings) == (DType.FP8, ())


def test_every_role_can_be_asked_for() -> None:
    types, _ = chosen("llama3-8b", H100, dtype="fp8", kv="fp8", reduce="fp16")
    assert (types.kv, types.reduce, types.activations) == (DType.FP8, DType.FP16, DType.BF16)
    wide = chosen("llama3-8b", H100, activations="fp16").types
    assert (wide.activations, wide.kv, wide.reduce) == (DType.FP16,) * 3
    assert wide.products.mlp.inputs.name == "fp16"


def test_weights_alone_are_unpacked_and_inputs_alone_change_nothing_of_wide_weights() -> None:
    weights, warnings = chosen("llama3-8b", H100, weights="fp8")
    assert (weights.products.mlp.weights.name, weights.products.mlp.inputs.name) == ("fp8", "bf16")
    assert weights.arithmetic is DType.BF16 and warnings == ()
    inputs = chosen("llama3-8b", H100, activations="fp8").types
    assert inputs.products.mlp.inputs.name == "bf16"
    both = chosen("llama3-8b", B200, weights="mxfp4", activations="mxfp8").types
    assert both.arithmetic is DType.FP8 and both.products.head.inputs.name == "bf16"


@pytest.mark.parametrize(
    ("dtype", "chip", "arithmetic", "ids"),
    [
        ("fp8", H100, DType.FP8, []),
        ("fp8", A100, DType.BF16, ["weight-only"]),  # no fp8 rate: Marlin
        ("int8", A100, DType.INT8, []),
        ("nvfp4", B200, DType.FP4, []),
        ("nvfp4", H100, DType.BF16, ["weight-only"]),
        ("mxfp4", B200, DType.BF16, []),  # weight-only by its nature
        ("int4", "google-tpu-v6e", DType.BF16, []),
        ("fp8", "nvidia-t4", DType.FP16, ["weight-only"]),  # its wide type is fp16,
    ],
)
def test_what_the_chip_does_not_multiply_is_weight_only(
    dtype: str, chip: str, arithmetic: DType, ids: list[str]
) -> None:
    types, warnings = chosen("llama3-8b", chip, dtype=dtype)
    assert types.arithmetic is arithmetic
    assert [warning_id(warning) for warning in warnings] == ids


def test_a_model_runs_as_it_is_released_unless_told() -> None:
    gpt_oss = chosen("gpt-oss-120b", H100).types
    assert (gpt_oss.products.experts.weights.name, gpt_oss.products.attention.weights.name) == ("mxfp4", "bf16")
    assert (gpt_oss.name, gpt_oss.arithmetic) == ("mxfp4", DType.BF16)
    assert chosen("gpt-oss-120b", H100, dtype="bf16").types == Types.of(DType.BF16)
    deepseek = chosen("deepseek-v3", H100).types
    assert (deepseek.name, deepseek.arithmetic) == ("fp8-block", DType.FP8)


def test_a_type_asked_for_needs_a_rate_and_a_wide_model_is_told_when_it_is_narrowed() -> None:
    with pytest.raises(ConfigError, match="no rate for fp8"):
        chosen("llama3-8b", A100, weights="fp8", activations="fp8")
    with pytest.raises(ConfigError, match="no rate for bf16"):
        chosen("llama3-8b", "nvidia-p100-pcie-16gb", dtype="bf16")
    wide = load_model("llama3-8b").model_copy(update={"torch_dtype": DType.FP32})
    types, warnings = choose_types(wide, load_chip(H100), TypeOptions())
    assert types == Types.of(DType.BF16) and [warning_id(w) for w in warnings] == ["type-changed"]
    assert choose_types(wide, load_chip(H100), TypeOptions(Format.parse("bf16"))).warnings == ()


def test_a_cache_type_that_a_cost_model_does_not_price_is_named() -> None:
    options = TypeOptions(kv=DType.FP8)
    on_wafer = choose_types(load_model("llama3-8b"), load_chip("cerebras-cs2"), options).warnings
    assert [warning_id(text) for text in on_wafer] == ["cache-unpriced"]
    assert choose_types(load_model("llama3-8b"), load_chip("nvidia-h100-sxm"), options).warnings == ()
