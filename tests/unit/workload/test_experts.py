"""Mixtures of experts and latent attention by hand: Mixtral 8x7B and DeepSeek-V3."""

from __future__ import annotations

import pytest

from accelsim.errors import ShapeError
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.experts import Experts
from accelsim.workload.phase import Decode, Phase, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.routing import Routing
from accelsim.workload.tensor import Role

TINY = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 4,
    "vocab_size": 10,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 4}
LATENT = {"kv_lora_rank": 6, "qk_nope_head_dim": 3, "qk_rope_head_dim": 2, "v_head_dim": 3}


def operators(model: Model | str, phase: Phase, segment: int = -2, **options: object) -> dict[str, Operator]:
    model = load_model(model) if isinstance(model, str) else model
    recipe = Recipe.of(model.torch_dtype, **options)  # type: ignore[arg-type]
    graph = build_workload(model, phase, recipe).segments[segment].graph
    return {operator.name: operator for operator in graph}


def tiny(**changes: object) -> Model:
    return Model.model_validate({**TINY, **changes})


def test_a_mixtral_layer_in_prefill_by_hand() -> None:
    ops = operators("mixtral-8x7b", Prefill(batch=1, prompt=2048))
    rows = 2048 * 2  # two experts per token
    experts = ops["moe.experts"]
    products = 2 * rows * 4096 * (2 * 14336 + 14336)
    assert experts.flops == products + rows * (5 * 14336 + 2 * 4096)  # silu_mul, weighted sum
    assert ops["moe.logits"].flops == 2 * 2048 * 4096 * 8
    assert experts.weight_bytes == 8 * 3 * 4096 * 14336 * 2  # stored: all eight
    # 2,048 tokens touch every expert but for 8 x (3/4)^2048
    assert role_bytes(experts)[Role.WEIGHT] == pytest.approx(experts.weight_bytes, rel=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_a_mixtral_decode_step_reads_the_experts_it_touches(batch: int) -> None:
    experts = operators("mixtral-8x7b", Decode(batch, context=2048))["moe.experts"]
    one_expert = 3 * 4096 * 14336 * 2
    touched = 8 * (1 - 0.75**batch)
    assert role_bytes(experts)[Role.WEIGHT] == pytest.approx(touched * one_expert, rel=1e-6)


def test_balanced_routing_touches_as_many_experts_as_it_can() -> None:
    experts = operators("mixtral-8x7b", Decode(3, 10), routing=Routing("balanced"))["moe.experts"]
    assert isinstance(experts, Experts)
    assert (experts.touched, experts.rows) == (6.0, 6)


def test_a_deepseek_layer_has_dense_ones_before_it_and_shared_experts_beside_it() -> None:
    workload = build_workload(load_model("deepseek-v3"), Prefill(1, 128))
    assert [(s.name, s.repeat) for s in workload.segments] == [
        ("embedding", 1), ("decoder.dense", 3), ("decoder.experts", 58), ("head", 1),
    ]  # fmt: skip
    ops = operators("deepseek-v3", Prefill(1, 128))
    assert ops["moe.shared.gate_up"].flops == 2 * 128 * 7168 * 2 * 2048
    assert ops["moe.experts"].flops == 2 * 128 * 8 * 7168 * 3 * 2048 + 128 * 8 * (5 * 2048 + 2 * 7168)
    dense = operators("deepseek-v3", Prefill(1, 128), segment=1)
    assert dense["mlp.gate_up"].flops == 2 * 128 * 7168 * 2 * 18432


def test_latent_attention_of_a_prompt_is_expanded_by_hand() -> None:
    ops = operators("deepseek-v3", Prefill(batch=1, prompt=1000))
    assert ops["attn.q_a"].flops == 2 * 1000 * 7168 * 1536
    assert ops["attn.q_b"].flops == 2 * 1000 * 1536 * 128 * 192
    assert ops["attn.kv_a"].flops == 2 * 1000 * 7168 * 576
    assert ops["attn.kv_b"].flops == 2 * 1000 * 512 * 128 * 256
    assert ops["attn.attention"].flops == 2 * (192 + 128) * 128 * (1000 * 1001 // 2)
    assert ops["attn.out"].flops == 2 * 1000 * 128 * 128 * 7168


def test_latent_attention_of_a_decode_step_is_absorbed_by_hand() -> None:
    ops = operators("deepseek-v3", Decode(batch=4, context=999))
    assert ops["attn.absorb"].flops == 2 * 4 * 128 * 128 * 512
    assert ops["attn.expand"].flops == 2 * 4 * 128 * 512 * 128
    assert ops["attn.attention"].flops == 2 * (576 + 512) * 128 * 4 * 1000
    # Every cached position is read once for all heads: 512 + 64 elements of 2 bytes
    assert role_bytes(ops["attn.attention"])[Role.KV_CACHE] == 4 * 1000 * 576 * 2
    weights = sum(ops[name].weight_bytes for name in ("attn.absorb", "attn.expand"))
    assert weights == operators("deepseek-v3", Prefill(1, 8))["attn.kv_b"].weight_bytes


@pytest.mark.parametrize("phase", [Prefill(3, 100), Decode(3, 99)], ids=str)
def test_the_cache_of_latent_attention_is_the_latent_and_one_key(phase: Phase) -> None:
    model = load_model("deepseek-v3")
    assert model.kv_bytes_per_token() == 61 * (512 + 64) * 2
    workload = build_workload(model, phase)
    cached = sum(
        s.repeat * sum(t.size_bytes for t in s.graph.kv_caches if t.has_axis("kv_len")) for s in workload.segments
    )
    assert cached == 3 * 100 * model.kv_bytes_per_token()


def test_both_forms_of_latent_attention_without_compressed_queries() -> None:
    model = tiny(**LATENT)
    assert model.head_dim == 5
    ops = operators(model, Prefill(2, 10))
    assert ops["attn.q_proj"].flops == 2 * 20 * 8 * 4 * 5
    attention = ops["attn.attention"]
    assert isinstance(attention, Attention)
    assert (attention.head_dim, attention.value_dim, attention.kv_elements) == (5, 3, 8)
    for phase in (Prefill(2, 10), Decode(2, 10)):
        workload = build_workload(model, phase)
        assert workload.num_parameters == model.num_parameters


def test_standard_latent_attention_computes_the_same_products() -> None:
    for phase in (Prefill(2, 10), Decode(2, 9)):
        fused = operators(tiny(**LATENT), phase)["attn.attention"]
        ops = operators(tiny(**LATENT), phase, attention="standard")
        products = ops["attn.scores"].flops + ops["attn.context"].flops
        masked = 2 * 4 * sum(range(10)) if isinstance(phase, Prefill) else 0
        assert isinstance(fused, Attention)
        assert products == fused.flops + 2 * (fused.head_dim + fused.value_dim) * masked


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, [("decoder", 4)]),
        ({"first_k_dense_replace": 1}, [("decoder.dense", 1), ("decoder.experts", 3)]),
        ({"decoder_sparse_step": 2}, [("decoder.dense", 1), ("decoder.experts", 1)] * 2),
        ({"mlp_only_layers": [0, 3]}, [("decoder.dense", 1), ("decoder.experts", 2), ("decoder.dense", 1)]),
    ],
)
def test_dense_and_sparse_layers_mix(changes: dict[str, object], runs: list[tuple[str, int]]) -> None:
    model = tiny(**EXPERTS, **changes)
    segments = build_workload(model, Prefill(1, 4)).segments[1:-1]
    assert [(segment.name, segment.repeat) for segment in segments] == runs
    assert build_workload(model, Prefill(1, 4)).num_parameters == model.num_parameters


def test_windows_alternate() -> None:
    model = tiny(sliding_window=8, sliding_window_pattern=2)
    runs = [(layer.name, layer.window) for layer, _ in model.layers]
    assert runs == [("decoder.local", 8), ("decoder.global", None)] * 2
    local, full = build_workload(model, Decode(1, 50)).segments[1:3]
    assert sum(t.size_bytes for t in full.graph.kv_caches) == 51 * 2 * 8 * 2
    assert sum(t.size_bytes for t in local.graph.kv_caches) == 8 * 2 * 8 * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"mlp_bias": True, "router_bias": True},
        {"gated_mlp": False, "hidden_act": "relu"},
        {"shared_expert_intermediate_size": 12, "shared_expert_gate": True},
        {"norm_position": "both", "qk_norm": True},
        {**LATENT, "q_lora_rank": 5, "attention_bias": True},
    ],
)
def test_parameters_are_the_weights_of_the_graphs(changes: dict[str, object]) -> None:
    model = tiny(**EXPERTS, **changes)
    for phase in (Prefill(2, 5), Decode(2, 5)):
        assert build_workload(model, phase).num_parameters == model.num_parameters


def test_parameters_and_active_ones_of_a_tiny_mixture_by_hand() -> None:
    model = tiny(**EXPERTS)
    expert = 3 * 8 * 4
    layer = 4 * 64 + 16 + 6 * 8 + 6 * expert  # attention, norms, router, experts
    assert model.num_parameters == 4 * layer + 160 + 8
    assert model.num_active_parameters == model.num_parameters - 4 * 4 * expert


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_experts": 4, "num_experts_per_tok": 5}, r"num_experts_per_tok=5 must be in 1\.\.4"),
        ({"num_experts_per_tok": 2}, "num_experts_per_tok describe experts. State num_experts too"),
        ({**EXPERTS, "first_k_dense_replace": 4}, "no layer has experts"),
        ({**EXPERTS, "parallel_block": True}, "experts are modelled behind a norm"),
        ({"q_lora_rank": 4}, "q_lora_rank describe latent attention. State kv_lora_rank too"),
        ({"kv_lora_rank": 4}, "needs qk_nope_head_dim, qk_rope_head_dim, v_head_dim > 0"),
        ({**LATENT, "head_dim": 9}, "head_dim=9 is not qk_nope_head_dim"),
        ({**EXPERTS, "checks": {"active_parameters": 2000}}, "checks.active_parameters is 2000, but the shapes give"),
    ],
)
def test_impossible_mixtures_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny(**changes)


def test_experts_that_do_not_match_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"top_k=9 must be in 1\.\.8"):
        Experts.of(tokens=1, hidden=4, ffn=4, num_experts=8, top_k=9)


def test_the_parts_of_experts_do_at_least_their_work() -> None:
    for tokens in (1, 5, 300):
        experts = Experts.of(tokens, hidden=64, ffn=96, num_experts=8, top_k=2)
        parts = sum(part.flops for part in experts.parts() if part.kind == "gemm")
        products = 2 * experts.rows * 64 * 3 * 96
        assert products <= parts <= products + 2 * 8 * 64 * 3 * 96 * 1.01  # each busy expert padded by under one row
