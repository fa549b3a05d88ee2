"""The description of a model: defaults, exact parameters, checks, files and their errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.formats.hf import load_model, load_model_file
from accelsim.workload.model import Model

TINY = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "vocab_size": 10,
    "max_position_embeddings": 32,
    "num_attention_heads": 4,
}
TINY_YAML = "schema_version: 1\nkind: model\nname: tiny\n" + "".join(f"{key}: {value}\n" for key, value in TINY.items())


def tiny(**changes: object) -> Model:
    return Model(**{**TINY, **changes})  # type: ignore[arg-type]


def test_parameters_of_a_tiny_model_by_hand() -> None:
    # Block: q, k, v, o 4 * 8 * 8 = 256; gate, up, down 3 * 8 * 16 = 384; two norms 16. Embedding and head 2 * 80.
    assert tiny().num_parameters == 2 * (256 + 384 + 16) + 160 + 8


def test_parameters_count_biases_positions_and_tied_embeddings_once() -> None:
    model = tiny(
        gated_mlp=False, norm="layernorm", position="learned", attention_bias=True, mlp_bias=True,
        tie_word_embeddings=True, hidden_act="gelu",
    )  # fmt: skip
    block = 4 * 64 + 4 * 8 + 2 * 8 * 16 + 16 + 8 + 2 * 16
    assert model.num_parameters == 2 * block + 80 + 32 * 8 + 16


def test_head_dim_is_honoured_when_stated_and_derived_when_not() -> None:
    assert tiny().head_dim == 2
    wide = tiny(head_dim=16, num_key_value_heads=2)
    assert (wide.q_size, wide.kv_size) == (64, 32)
    assert wide.kv_bytes_per_token() == 2 * 2 * 32 * 2  # 2 layers, k and v, 32 elements of 2 B
    assert wide.kv_bytes_per_token(DType.FP8) == 2 * 2 * 32


def test_values_that_depend_on_others_are_resolved() -> None:
    model = tiny(norm="layernorm", attention_bias=True)
    assert model.norm_bias and model.attention_output_bias and model.final_norm
    assert (model.num_key_value_heads, model.embedding_size) == (4, 8)
    assert not tiny(norm_position="post").final_norm


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_key_value_heads": 3}, "num_key_value_heads=3 does not divide num_attention_heads=4"),
        ({"num_attention_heads": 3}, "hidden_size=8 is not divisible by num_attention_heads=3. State head_dim"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_act": "tanh"}, "hidden_act"),
        ({"checks": {"parameters": 2000}}, "checks.parameters is 2000, but the shapes give 1480"),
    ],
)
def test_an_impossible_model_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny(**changes)


def test_a_check_holds_within_one_percent_and_fails_beyond() -> None:
    assert tiny(checks={"parameters": 1480 * 1.0099}).num_parameters == 1480
    with pytest.raises(ConfigError, match=r"-1.1%"):
        tiny(checks={"parameters": 1480 * 1.011})


def test_a_yaml_model_loads_with_overrides_and_provenance(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML + "torch_dtype: fp16\nsource: here\n")
    loaded = load_model_file(path, overrides=[("num_hidden_layers", "3")])
    assert (loaded.spec.name, loaded.spec.num_hidden_layers, loaded.spec.torch_dtype) == ("tiny", 3, DType.FP16)
    assert loaded.provenance["num_hidden_layers"].kind == "override"


def test_errors_of_a_yaml_model_name_file_line_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML.replace("hidden_size: 8", "hiden_size: 8").replace("vocab_size: 10", "vocab_size: ten"))
    with pytest.raises(ConfigError) as caught:
        load_model(path)
    text = str(caught.value)
    assert "tiny.yaml:4: hiden_size: unknown key 'hiden_size'" in text and "Did you mean 'hidden_size'?" in text
    assert "tiny.yaml:7: vocab_size: expected a whole number, got 'ten'." in text
    assert "hidden_size: missing. Width of the residual stream." in text


def test_a_failed_check_of_a_file_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML + "checks: {parameters: 2000}\n")
    with pytest.raises(ConfigError, match=r"checks\.parameters is 2000, but the shapes give 1480"):
        load_model(path)


def test_an_unknown_name_suggests_the_nearest_model() -> None:
    with pytest.raises(ConfigError, match=r"unknown model 'lama3-8b'.*Did you mean 'llama3-8b'\?"):
        load_model("lama3-8b")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thing.yaml"
    path.write_text("colour: blue\n")
    with pytest.raises(ConfigError, match=r"not a model\. Write 'kind: model', or give a Hugging Face config.json"):
        load_model(path)


def test_an_overridden_model_need_not_have_the_published_figures(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML + "checks: {parameters: 1480}\n")
    assert load_model_file(path, overrides=[("num_hidden_layers", "3")]).spec.num_hidden_layers == 3
    with pytest.raises(ConfigError, match=r"checks\.parameters is 3000, but the shapes give 2136"):
        load_model_file(path, overrides=[("num_hidden_layers", "3"), ("checks.parameters", "3000.0")])


def test_a_copy_with_another_field_computes_anew_what_follows_from_it() -> None:
    model = tiny()
    assert (model.layers[0][1], model.num_parameters) == (2, tiny().num_parameters)  # remembered from here on
    longer = model.model_copy(update={"num_hidden_layers": 5})
    assert longer.layers[0][1] == 5
    assert longer.num_parameters == tiny(num_hidden_layers=5).num_parameters
