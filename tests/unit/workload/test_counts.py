"""What a model amounts to: the counts of its card."""

from __future__ import annotations

from accelsim.dtypes import DType
from accelsim.workload.build import build_workload
from accelsim.workload.counts import counts_of
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode


def small(**fields: object) -> Model:
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    rest = {"num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 1024}
    return Model.model_validate({**shape, **rest, **fields})


SMALL = small()
#: q and o, k and v, the gated MLP, two norms.
LAYER = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64


def test_a_dense_model_is_its_matrices_and_its_cache_a_key_and_a_value_per_layer() -> None:
    counts = counts_of(SMALL)
    assert counts.total_params == counts.active_params == 4 * LAYER + 2 * 64 * 1000 + 64
    assert counts.kv_bytes_per_token == 4 * 2 * 32 * 2
    assert counts_of(SMALL, DType.FP8).kv_bytes_per_token == 4 * 2 * 32
    assert counts.weight_bytes == 2 * counts.total_params == counts.weight_bytes_by_type["bf16"]
    assert counts.kv_bytes_per_token_beyond_window is None and counts.mtp_params == counts.tower_params == 0


def test_beyond_the_window_layers_without_one_grow_alone() -> None:
    some = small(sliding_window=16, sliding_window_pattern=4)
    every = small(sliding_window=16)
    assert counts_of(some).kv_bytes_per_token_beyond_window == 2 * 32 * 2
    assert counts_of(every).kv_bytes_per_token_beyond_window == 0
    assert counts_of(some).kv_bytes_per_token == counts_of(SMALL).kv_bytes_per_token


def test_layers_for_multi_token_prediction_are_counted_apart_and_told() -> None:
    model = small(num_nextn_predict_layers=2)
    counts = counts_of(model)
    assert counts.mtp_params == 2 * (LAYER + 2 * 64 * 64 + 3 * 64)
    assert counts.total_params == counts_of(SMALL).total_params
    assert build_workload(model, Decode(1, 1)).warnings == (
        "left-out: num_nextn_predict_layers: no multi-token prediction, 2 further layer(s)",
    )


def test_bytes_by_type_add_up_with_their_scales() -> None:
    counts = counts_of(small(stored={"linear": "fp8"}))
    assert sum(counts.weight_bytes_by_type.values()) == counts.weight_bytes
    assert counts.weight_bytes_by_type["fp8"] == 4 * (LAYER - 2 * 64 + 7 * 4)
