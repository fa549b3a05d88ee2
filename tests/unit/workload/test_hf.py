"""Unchanged Hugging Face configs: exact parameter counts of the released models, and honest refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Prefill
from accelsim.workload.recipe import Recipe

CONFIGS = Path(__file__).parents[2] / "data" / "hf"

#: Parameters of the released checkpoints (the sum over their tensors, tied ones once).
RELEASED = {
    "falcon-40b": 41_303_293_952,
    "falcon-7b": 6_921_720_704,
    "falcon-rw-1b": 1_311_625_216,
    "gpt-neox-20b": 20_554_567_680,
    "gpt2-xl": 1_557_611_200,
    "llama-2-7b": 6_738_415_616,
    "llama-3-8b": 8_030_261_248,
    "llama-3.2-1b": 1_235_814_400,
    "mistral-7b-v0.1": 7_241_732_096,
    "mistral-nemo-12b": 12_247_782_400,
    "mixtral-8x7b": 46_702_792_704,
    "opt-125m": 125_239_296,
    "opt-350m": 331_196_416,
    "qwen2-72b": 72_706_203_648,
}


def config(name: str, **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((CONFIGS / name / "config.json").read_text())
    data.update(changes)
    return {key: value for key, value in data.items() if value is not ...}


def load(tmp_path: Path, data: dict[str, Any]) -> Any:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data, indent=2))
    return load_model(path)


@pytest.mark.parametrize("name", RELEASED)
def test_an_unchanged_config_gives_the_parameters_of_the_release_without_warnings(name: str) -> None:
    model = load_model(CONFIGS / name / "config.json")
    assert model.num_parameters == RELEASED[name]
    assert model.warnings == () or all(warning.startswith("type-assumed") for warning in model.warnings)
    assert build_workload(model, Prefill(1, 16)).num_parameters == RELEASED[name]


@pytest.mark.parametrize(
    ("name", "shipped"),
    [
        ("gpt2-xl", "gpt2-xl"),
        ("llama-2-7b", "llama2-7b"),
        ("llama-3-8b", "llama3-8b"),
        ("mistral-7b-v0.1", "mistral-7b"),
        ("mixtral-8x7b", "mixtral-8x7b"),
        ("qwen2-72b", "qwen2-72b"),
    ],
)
def test_a_config_and_the_shipped_model_describe_the_same_work(name: str, shipped: str) -> None:
    ours, theirs = load_model(shipped), load_model(CONFIGS / name)
    phase = Prefill(batch=2, prompt=300)
    assert (
        build_workload(ours, phase, Recipe.of(DType.BF16)).segments
        == build_workload(theirs, phase, Recipe.of(DType.BF16)).segments
    )


def test_head_dim_is_not_derived_when_the_key_is_present() -> None:
    model = load_model(CONFIGS / "mistral-nemo-12b")  # 5120 / 32 would be 160
    assert (model.head_dim, model.q_size, model.kv_size) == (128, 4096, 1024)


def test_falcon_picks_its_kv_heads_norms_and_positions_from_its_switches() -> None:
    small, large, rw = (load_model(CONFIGS / name) for name in ("falcon-7b", "falcon-40b", "falcon-rw-1b"))
    assert (small.num_key_value_heads, small.parallel_block, small.num_parallel_norms) == (1, True, 1)
    assert (large.num_key_value_heads, large.parallel_block, large.num_parallel_norms) == (8, True, 2)
    assert (rw.num_key_value_heads, rw.parallel_block, rw.position, rw.mlp_bias) == (32, False, "alibi", True)
    assert small.intermediate_size == 4 * 4544


def test_neox_runs_serial_blocks_when_told(tmp_path: Path) -> None:
    assert load_model(CONFIGS / "gpt-neox-20b").parallel_block
    assert not load(tmp_path, config("gpt-neox-20b", use_parallel_residual=False)).parallel_block


def test_opt_350m_is_post_norm_with_projected_embeddings() -> None:
    model = load_model(CONFIGS / "opt-350m")
    assert (model.norm_position, model.final_norm, model.embedding_size, model.hidden_size) == (
        "post",
        False,
        512,
        1024,
    )
    embedding, decoder, head = (segment.graph for segment in build_workload(model, Prefill(1, 8)).segments)
    assert [operator.name for operator in embedding][-3:] == ["embed.project", "embed.positions", "embed.add"]
    assert decoder.operators[-1].name == "mlp.norm"
    assert [operator.name for operator in head] == ["head.project", "head.logits"]


def test_a_sliding_window_counts_only_where_the_family_uses_it(tmp_path: Path) -> None:
    assert load_model(CONFIGS / "mistral-7b-v0.1").sliding_window == 4096
    assert load_model(CONFIGS / "mistral-nemo-12b").sliding_window is None
    assert load(tmp_path, config("mistral-7b-v0.1", sliding_window=...)).sliding_window == 4096
    assert load_model(CONFIGS / "qwen2-72b").sliding_window is None
    assert load(tmp_path, config("qwen2-72b", use_sliding_window=True)).sliding_window is None  # from layer 80 of 80
    every = config("qwen2-72b", use_sliding_window=True, max_window_layers=0)
    assert load(tmp_path, every).sliding_window == 131072
    half = load(tmp_path, config("qwen2-72b", use_sliding_window=True, max_window_layers=40))
    assert [half.window_of(layer) for layer in (0, 39, 40, 79)] == [None, None, 131072, 131072]


def test_torch_dtype_is_read_and_defaults_to_bf16(tmp_path: Path) -> None:
    assert load_model(CONFIGS / "llama-2-7b").torch_dtype is DType.FP16
    assert load_model(CONFIGS / "gpt2-xl").torch_dtype is DType.BF16
    for missing in (load_model(CONFIGS / "gpt2-xl"), load(tmp_path, config("llama-3-8b", torch_dtype="auto"))):
        assert missing.torch_dtype is DType.BF16
        assert missing.warnings == (
            "type-assumed: the config states no torch_dtype; bf16 is taken for what is not quantised",
        )
    assert load(tmp_path, config("llama-3-8b", torch_dtype=..., dtype="float32")).torch_dtype is DType.FP32
    with pytest.raises(ConfigError, match=r"torch_dtype: .*'complex64'"):
        load(tmp_path, config("llama-3-8b", torch_dtype="complex64"))


def test_an_unsupported_family_names_itself_the_supported_ones_and_its_features(tmp_path: Path) -> None:
    changes = {
        "model_type": "jamba",
        "architectures": ["JambaForCausalLM"],
        "index_topk": 64,
        "mamba_d_state": 16,
        "mamba_expand": 2,
    }
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, config("mixtral-8x7b", **changes))
    *reasons, family = str(caught.value).splitlines()
    assert "model_type: family 'jamba' is not supported. Families that are read: accelsim show families." in family
    assert [reason.split(": ", 1)[1] for reason in reasons] == [  # not its experts, which are modelled
        "index_topk: sparse attention is not modelled",
        "mamba_d_state: a state-space model (Mamba) is not modelled (mamba_expand too)",
    ]
    assert "Did you mean" not in family


def test_an_unknown_family_whose_architecture_is_known_is_read_as_that(tmp_path: Path) -> None:
    model = load(tmp_path, config("llama-3-8b", model_type="my_llama"))
    assert model.num_parameters == RELEASED["llama-3-8b"]
    assert model.warnings == ("family-assumed: model_type 'my_llama' is read as llama, as architectures says",)
    assert load(tmp_path, config("llama-3-8b", model_type=...)).warnings == ()


def test_a_misspelt_family_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"family 'lama' is not supported.*Did you mean 'llama'\?"):
        load(tmp_path, config("llama-3-8b", model_type="lama", architectures=...))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_experts": 8}, "num_experts: mixture of experts is not modelled"),
        ({"moe_layer_freq": [0, 1]}, "moe_layer_freq: mixture of experts is not modelled"),
        ({"kv_lora_rank": 512}, r"kv_lora_rank: latent attention \(MLA\) is not modelled"),
        ({"quantization_config": {"bits": 4}}, "quantization_config: quant_method None is not read"),
        ({"is_encoder_decoder": True}, "is_encoder_decoder: an encoder-decoder with cross-attention is"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types: layers of different kinds"),
        ({"hidden_act": "mish"}, "hidden_act: unknown activation 'mish'. Known: gelu"),
        ({"hidden_size": ...}, "config.json:1: missing key 'hidden_size'"),
        ({"hidden_size": "4096"}, "hidden_size: expected a whole number, got '4096'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: got '0'; must be greater than 0"),
        ({"vocab_size": -1}, "vocab_size: got '-1'; must be greater than 0"),
        ({"num_attention_heads": 33}, "num_attention_heads=33"),
        ({"num_key_value_heads": 5}, "num_key_value_heads=5 does not divide num_attention_heads=32"),
        ({"model_type": ..., "architectures": ["NewForCausalLM"]}, "missing key 'model_type'. Families that"),
    ],
)
def test_what_is_wrong_or_not_modelled_is_an_error_with_its_key(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, config("llama-3-8b", **changes))


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("falcon-40b", {"num_ln_in_parallel_attn": 3}, "num_ln_in_parallel_attn: '3' is not one of: 1, 2"),
        ("falcon-40b", {"multi_query": "yes"}, "multi_query: expected true or false, got 'yes'"),
        ("qwen2-72b", {"max_window_layers": "all"}, "max_window_layers: expected a whole number, got 'all'"),
        ("opt-125m", {"layer_norm_elementwise_affine": False}, "layer_norm_elementwise_affine: norms without weights"),
        ("gpt2-xl", {"n_head": 24}, "hidden_size=1600 is not divisible by num_attention_heads=24"),
        ("gpt2-xl", {"n_layer": ...}, "missing key 'n_layer'"),
    ],
)
def test_an_error_names_the_key_of_its_family(tmp_path: Path, name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, config(name, **changes))


def test_features_switched_off_are_no_error(tmp_path: Path) -> None:
    quiet = config("llama-3-8b", num_experts=0, is_encoder_decoder=False, quantization_config=None, num_local_experts=1)
    assert load(tmp_path, quiet).warnings == ()


def test_an_unknown_key_becomes_a_named_warning_of_model_and_workload(tmp_path: Path) -> None:
    model = load(tmp_path, config("llama-3-8b", residual_multiplier=0.5))
    assert model.warnings == ("unknown-key: 'residual_multiplier' of config.json is not modelled",)
    assert build_workload(model, Prefill(1, 1)).warnings == model.warnings


def test_several_mistakes_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, config("llama-3-8b", hidden_act="mish", vocab_size="many", intermediate_size=...))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("text", ["{", '{"model_type": "llama"', "[1, 2]", "", '{"a": 1, "a": 2}'])
def test_malformed_json_is_a_config_error_with_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_model(path)


def test_what_all_models_of_a_family_have_and_the_simulator_has_not_is_named() -> None:
    config = load_model(Path(__file__).parents[2] / "data" / "configs" / "configs" / "gpt-oss-20b.json")
    for model in (config, load_model("gpt-oss-120b")):
        assert "left-out: attention sinks" in "".join(model.warnings)
