"""Configs of families with experts, latent attention or windows: exact parameter counts, warnings, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import ConfigError
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode, Prefill

CONFIGS = Path(__file__).parents[2] / "data" / "hf"

#: Parameters of the released checkpoints: the sum over their tensors, without multi-token prediction layers (DeepSeek)
#: and, of gpt-oss, without its 2,304 attention sinks.
RELEASED = {
    "deepseek-v2": 235_741_434_880,
    "gemma-2-9b": 9_241_705_984,
    "gemma-3-1b": 999_885_952,
    "gpt-oss-120b": 116_829_156_672 - 2_304,
    "phi-3-mini-4k": 3_821_079_552,
    "qwen1.5-moe-a2.7b": 14_315_784_192,
    "qwen3-235b-a22b": 235_093_634_560,
    "qwen3-30b-a3b": 30_532_122_624,
    "qwen3-8b": 8_190_735_360,
}
#: Total and active parameters as announced, in 1e9.
ANNOUNCED = {
    "deepseek-v2": (236, 21),
    "deepseek-v3": (671, 37),
    "qwen1.5-moe-a2.7b": (14.3, 2.7),
    "qwen3-30b-a3b": (30.5, 3.3),
    "qwen3-235b-a22b": (235, 22),
}


def load(tmp_path: Path, name: str, **changes: Any) -> Model:
    whole = json.loads((CONFIGS / name / "config.json").read_text())
    data = {key: value for key, value in {**whole, **changes}.items() if value is not ...}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    return load_model(path)


@pytest.mark.parametrize("name", RELEASED)
def test_configs_give_the_parameters_of_the_release(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, name)
    assert model.num_parameters == pytest.approx(RELEASED[name], rel=1e-8)
    for phase in (Prefill(1, 8), Decode(1, 8)):
        assert build_workload(model, phase).num_parameters == model.num_parameters


@pytest.mark.parametrize("name", ANNOUNCED)
def test_total_and_active_parameters_are_those_announced(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, name)
    assert (model.num_parameters / 1e9, model.num_active_parameters / 1e9) == pytest.approx(ANNOUNCED[name], rel=0.02)


@pytest.mark.parametrize(
    ("name", "shipped"),
    [
        ("deepseek-v3", "deepseek-v3"),
        ("qwen3-30b-a3b", "qwen3-30b-a3b"),
        ("qwen3-235b-a22b", "qwen3-235b-a22b"),
        ("gpt-oss-120b", "gpt-oss-120b"),
    ],
)
def test_a_config_and_the_shipped_model_describe_the_same_work(tmp_path: Path, name: str, shipped: str) -> None:
    ours, theirs = load_model(shipped), load(tmp_path, name)
    for phase in (Prefill(2, 300), Decode(2, 300)):
        assert build_workload(ours, phase).segments == build_workload(theirs, phase).segments


def test_what_a_config_mentions_and_the_model_leaves_out_is_named(tmp_path: Path) -> None:
    workload = build_workload(load(tmp_path, "deepseek-v3"), Prefill(1, 8))
    names = [tuple(warning.split(": ")[:2]) for warning in workload.warnings]
    assert names == [("left-out", key) for key in ("n_group", "num_nextn_predict_layers")]
    assert load(tmp_path, "qwen3-30b-a3b").warnings == ()


def test_windows_of_layers_follow_the_pattern(tmp_path: Path) -> None:
    runs = [(layer.window, repeat) for layer, repeat in load(tmp_path, "gemma-3-1b").layers]
    assert runs[:3] == [(512, 5), (None, 1), (512, 5)] and runs[-1] == (512, 2)
    assert load(tmp_path, "gpt-oss-120b").sliding_window_pattern == 2
    every = load(tmp_path, "gpt-oss-120b", layer_types=["full_attention"] * 36)
    assert every.layers[0][0].window is None and len(every.layers) == 1
    first = load(tmp_path, "gpt-oss-120b", layer_types=["full_attention", *["sliding_attention"] * 35])
    assert [(layer.window, repeat) for layer, repeat in first.layers] == [(None, 1), (128, 35)]
    with pytest.raises(ConfigError, match="layers of kind linear_attention are not modelled"):
        load(tmp_path, "gpt-oss-120b", layer_types=["linear_attention"] * 36)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq: only experts in every layer"),
        ("deepseek-v3", {"n_routed_experts": ...}, "num_experts_per_tok, .*describe experts. State num_experts too"),
        ("deepseek-v3", {"index_topk": 2048}, "index_topk: sparse attention is not modelled"),
        ("deepseek-v3", {"n_shared_experts": "one"}, "n_shared_experts: expected a whole number, got 'one'"),
        ("qwen3-8b", {"num_experts": 64}, "num_experts: mixture of experts is not modelled"),
        ("qwen3-30b-a3b", {"num_experts_per_tok": 200}, r"num_experts_per_tok=200 must be in 1\.\.128"),
        ("qwen3-30b-a3b", {"mlp_only_layers": 3}, "mlp_only_layers: expected a list of layers, got 3"),
    ],
)
def test_what_is_not_modelled_or_wrong_is_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, name, **changes)
