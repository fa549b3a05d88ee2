"""Kinds of configs: multimodal wrappers, models without a head, Meta's and Mistral's own files, full dumps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import ConfigError
from accelsim.workload.build import build_workload
from accelsim.workload.counts import counts_of
from accelsim.workload.formats.hf import load_model, load_model_file
from accelsim.workload.model import Model
from accelsim.workload.phase import Prefill

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "torch_dtype": "float16",
}
#: q and o, k and v, the gated MLP; two norms.
MATRICES = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128
WHOLE = 4 * (MATRICES + 2 * 64) + 2 * 64 * 1000 + 64


def load(tmp_path: Path, config: dict[str, Any], name: str = "config.json") -> Model:
    (tmp_path / name).write_text(json.dumps(config, indent=1))
    return load_model(tmp_path)


def wrapped(text: dict[str, Any], key: str = "text_config", **outer: Any) -> dict[str, Any]:
    return {"model_type": "wrapper", "architectures": ["WrapperForConditionalGeneration"], key: text, **outer}


@pytest.mark.parametrize("key", ["text_config", "language_config", "llm_config"])
def test_the_language_model_of_a_wrapper_runs_alone_and_says_so(tmp_path: Path, key: str) -> None:
    model = load(tmp_path, wrapped(LLAMA, key, vision_config={"hidden_size": 16}, audio_config=None))
    assert model.num_parameters == WHOLE
    assert model.warnings == (
        "left-out: vision_config: what encodes images or sound is left out; the language model runs alone",
    )
    assert counts_of(model).tower_params is None


def test_a_wrapper_in_a_wrapper_is_opened_too(tmp_path: Path) -> None:
    inner = wrapped(LLAMA, audio_config={"d_model": 8})
    assert load(tmp_path, {"model_type": "omni", "thinker_config": inner}).num_parameters == WHOLE


def test_keys_of_the_whole_hold_where_the_text_part_is_silent(tmp_path: Path) -> None:
    text = {key: value for key, value in LLAMA.items() if key != "torch_dtype"}
    outer = {"dtype": "float16", "tie_word_embeddings": True, "quantization_config": {"quant_method": "fp8"}}
    model = load(tmp_path, wrapped(text, **outer))
    assert model.num_parameters == WHOLE - 64 * 1000 and model.warnings == ()
    assert model.own_types.to_dict()["weights.mlp"] == "fp8" and model.wide.value == "fp16"
    assert load(tmp_path, wrapped({**LLAMA, "tie_word_embeddings": False}, **outer)).num_parameters == WHOLE


def test_an_override_at_the_top_is_of_the_language_model(tmp_path: Path) -> None:
    load(tmp_path, wrapped({**LLAMA, "quantization_config": {"quant_method": "fp8"}}))
    for path in ("num_hidden_layers", "text_config.num_hidden_layers"):
        assert load_model_file(tmp_path, overrides=[(path, "2")]).spec.num_hidden_layers == 2
    plain = load_model_file(tmp_path, overrides=[("quantization_config", "null")]).spec
    assert plain.sample.weight_bytes == 2 * WHOLE


def test_a_wrapper_of_an_unsupported_language_model_gives_the_reasons_of_that(tmp_path: Path) -> None:
    text = {**LLAMA, "model_type": "new", "mamba_d_state": 16}
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, wrapped(text, vision_config={"hidden_size": 16}))
    assert [line.split(": ", 1)[1].partition(".")[0] for line in str(caught.value).splitlines()] == [
        "mamba_d_state: a state-space model (Mamba) is not modelled",
        "model_type: family 'new' is not supported",
    ]


@pytest.mark.parametrize("name", ["LlamaModel", "LlamaForSequenceClassification", "LlamaForTokenClassification"])
def test_an_architecture_without_a_head_has_none_and_says_so(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, {**LLAMA, "architectures": [name]})
    assert model.num_parameters == WHOLE - 64 * 1000
    assert model.warnings == (
        f"no-head: {name} has no language-model head: no logits are computed, and no other head is",
    )
    assert [operator.name for operator in build_workload(model, Prefill(1, 8)).segments[-1].graph] == ["head.norm"]


@pytest.mark.parametrize("names", [["LlamaForCausalLM"], ["LlamaLMHeadModel"], ["LlamaForImageTextToText"], [], None])
def test_other_architectures_have_a_head(tmp_path: Path, names: list[str] | None) -> None:
    assert load(tmp_path, {**LLAMA, "architectures": names}).num_parameters == WHOLE


def test_params_json_of_meta_is_read_alone_or_from_its_folder(tmp_path: Path) -> None:
    params = {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 1024,
              "ffn_dim_multiplier": 1.3, "norm_eps": 1e-05, "rope_theta": 500000.0}  # fmt: skip
    llama3 = load(tmp_path, params, "params.json")
    assert llama3.num_parameters == 8_030_261_248  # as released
    assert [warning.partition(":")[0] for warning in llama3.warnings] == ["family-assumed", "type-assumed"]
    llama2 = {"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-05, "vocab_size": -1}
    assert load(tmp_path, llama2, "params.json").num_parameters == 6_738_415_616
    with pytest.raises(ConfigError, match="ffn_dim_multiplier, multiple_of: expected numbers above 0, got 'wide'"):
        load(tmp_path, {**params, "ffn_dim_multiplier": "wide"}, "params.json")


def test_params_json_of_mistral_may_have_experts(tmp_path: Path) -> None:
    params = {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32, "n_kv_heads": 8,
              "vocab_size": 32000, "norm_eps": 1e-05, "moe": {"num_experts_per_tok": 2, "num_experts": 8}}  # fmt: skip
    model = load(tmp_path, params, "params.json")
    assert (model.num_parameters, model.num_active_parameters) == (46_702_792_704, 12_879_925_248)


def test_a_full_dump_with_keys_of_generation_gives_no_warning(tmp_path: Path) -> None:
    dump = {"bad_words_ids": None, "begin_suppress_tokens": [1], "diversity_penalty": 0.0, "early_stopping": False,
            "encoder_no_repeat_ngram_size": 0, "length_penalty": 1.0, "no_repeat_ngram_size": 3, "num_beams": 1,
            "num_return_sequences": 1, "pruned_heads": {}, "remove_invalid_values": False, "repetition_penalty": 1.1,
            "tf_legacy_loss": False, "tie_encoder_decoder": False, "typical_p": 1.0, "top_k": 50}  # fmt: skip
    assert load(tmp_path, {**LLAMA, **dump}).warnings == ()


@pytest.mark.parametrize(
    ("changes", "is_named"),
    [({"use_qk_norm": False}, False), ({"use_qk_norm": True}, True), ({"qkv_bias": False}, False),
     ({"attention_bias": True, "qkv_bias": True}, False)],
)  # fmt: skip
def test_a_switch_that_says_what_is_modelled_is_no_unknown_key(
    tmp_path: Path, changes: dict[str, Any], is_named: bool
) -> None:
    assert any("unknown-key" in warning for warning in load(tmp_path, {**LLAMA, **changes}).warnings) is is_named


def test_norms_after_the_sublayers_are_the_only_ones(tmp_path: Path) -> None:
    olmo = load(tmp_path, {**LLAMA, "model_type": "olmo2"})
    names = [operator.name for operator in build_workload(olmo, Prefill(1, 8)).segments[1].graph]
    assert names[0] == "attn.qkv" and "attn.norm" not in names and "mlp.norm" not in names
    assert names.index("attn.post_norm") < names.index("attn.add") < names.index("mlp.post_norm")
    assert olmo.num_parameters == WHOLE + 4 * (64 + 32)  # norms of all heads of q and of k


def test_a_bias_of_the_logits_is_one_number_per_word(tmp_path: Path) -> None:
    biased = {**LLAMA, "model_type": "phimoe", "num_local_experts": 2, "tie_word_embeddings": False}
    with_bias, without = (load(tmp_path, {**biased, "lm_head_bias": flag}) for flag in (True, False))
    assert with_bias.num_parameters - without.num_parameters == 1000
    tied = Model.model_validate({**without.model_dump(), "stored": {}, "tie_word_embeddings": True, "head_bias": True})
    assert tied.num_parameters == without.num_parameters - 64 * 1000 + 1000
