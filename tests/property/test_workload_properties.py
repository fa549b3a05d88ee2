"""Laws that hold for any dense model, phase and degree."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dtypes import DType
from accelsim.workload.axes import TENSOR_PARALLEL_AXES
from accelsim.workload.blocks.base import entering, leaving
from accelsim.workload.build import build_workload
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.operator import role_bytes
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.phase import Decode, Phase, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role

FLAGS = ("gated_mlp", "parallel_block", "tie_word_embeddings", "attention_bias", "attention_output_bias", "mlp_bias")


@st.composite
def models(draw: st.DrawFn) -> Model:
    kv_heads = draw(st.sampled_from([1, 2, 4]))
    fields: dict[str, Any] = {flag: draw(st.booleans()) for flag in FLAGS}
    fields["norm_position"] = "pre" if fields["parallel_block"] else draw(st.sampled_from(["pre", "post"]))
    return Model(
        hidden_size=draw(st.sampled_from([8, 24, 48])),
        intermediate_size=draw(st.sampled_from([16, 32])),
        num_hidden_layers=draw(st.integers(1, 3)),
        vocab_size=draw(st.sampled_from([40, 80, 97])),
        max_position_embeddings=100,
        num_attention_heads=kv_heads * draw(st.sampled_from([1, 2, 4])),
        num_key_value_heads=kv_heads,
        head_dim=draw(st.sampled_from([2, 6])),
        hidden_act=draw(st.sampled_from(["gelu", "relu", "silu"])),
        norm=draw(st.sampled_from(["rmsnorm", "layernorm"])),
        num_parallel_norms=draw(st.sampled_from([1, 2])),
        position=draw(st.sampled_from(["rope", "learned", "alibi", "none"])),
        sliding_window=draw(st.none() | st.integers(1, 50)),
        embedding_size=draw(st.sampled_from([8, 48])),
        **fields,
    )


PHASES: st.SearchStrategy[Phase] = st.builds(Prefill, st.integers(1, 3), st.integers(1, 40)) | st.builds(
    Decode, st.integers(1, 3), st.integers(0, 60)
)
ATTENTIONS = st.sampled_from(["flash", "standard"])


def graphs_of(workload: Workload) -> list[Any]:
    return [segment.graph for segment in workload.segments]


@given(models(), PHASES, ATTENTIONS)
@settings(deadline=None)
def test_the_weights_of_the_graphs_are_the_parameters_of_the_model(model: Model, phase: Phase, attention: Any) -> None:
    workload = build_workload(model, phase, Recipe.of(DType.FP16, attention=attention))
    assert workload.num_parameters == model.num_parameters
    assert workload.weight_bytes == 2 * model.num_parameters


@given(models(), PHASES, ATTENTIONS)
@settings(deadline=None)
def test_every_graph_has_one_entry_and_one_exit_and_they_chain(model: Model, phase: Phase, attention: Any) -> None:
    embedding, decoder, head = graphs_of(
        build_workload(model, phase, Recipe.of(model.torch_dtype, attention=attention, logits="all"))
    )
    assert leaving(embedding).shape == entering(decoder).shape == leaving(decoder).shape == entering(head).shape


@given(models(), PHASES, ATTENTIONS, st.sampled_from([1, 2, 4, 8]))
@settings(deadline=None)
def test_shares_of_matrix_work_sum_to_the_whole_unless_kv_heads_are_replicated(
    model: Model, phase: Phase, attention: Any, degree: int
) -> None:
    degree = math.gcd(degree, model.num_attention_heads)
    replicated = model.num_key_value_heads < degree
    for graph in graphs_of(build_workload(model, phase, Recipe.of(model.torch_dtype, attention=attention))):
        for operator in graph:
            share = operator.shard(dict.fromkeys(TENSOR_PARALLEL_AXES, degree))
            assert degree * share.flops >= operator.flops
            assert degree * (share.reads + share.writes) >= operator.reads + operator.writes
            whole = {axis.name for tensor in operator.inputs for axis in tensor.axes} & set(TENSOR_PARALLEL_AXES)
            is_exact = not (replicated and "qkv" in whole) and ("vocab" not in whole or model.vocab_size % degree == 0)
            if operator.kind in ("gemm", "attention", "softmax") and whole and is_exact:
                assert degree * share.flops == operator.flops


@given(models(), PHASES)
@settings(deadline=None)
def test_standard_attention_does_at_least_the_work_and_traffic_of_flash(model: Model, phase: Phase) -> None:
    flash, standard = (
        build_workload(model, phase, Recipe.of(model.torch_dtype, attention=name)) for name in ("flash", "standard")
    )  # type: ignore[arg-type]
    assert standard.flops >= flash.flops
    assert sum(op.reads + op.writes for op in graphs_of(standard)[1]) > sum(
        op.reads + op.writes for op in graphs_of(flash)[1]
    )
    assert standard.weight_bytes == flash.weight_bytes
    caches = [sum(t.size_bytes for t in graphs_of(workload)[1].kv_caches) for workload in (flash, standard)]
    assert caches[0] == caches[1]


@given(models(), st.integers(1, 3), st.integers(0, 60))
@settings(deadline=None)
def test_a_decode_step_writes_one_token_and_reads_what_the_window_keeps(model: Model, batch: int, context: int) -> None:
    decoder = graphs_of(build_workload(model, Decode(batch, context)))[1]
    token_bytes = batch * 2 * model.kv_size * 2
    kept = min(context + 1, model.sliding_window or context + 1)
    assert sum(role_bytes(op).get(Role.KV_CACHE, 0) for op in decoder) == token_bytes * (kept + 1)
    assert sum(tensor.size_bytes for tensor in decoder.kv_caches) == token_bytes * kept


@st.composite
def attentions(draw: st.DrawFn) -> Attention:
    q_len, kv_heads = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    return Attention.of(
        draw(st.integers(1, 2)),
        Heads(kv_heads * draw(st.integers(1, 3)), kv_heads, draw(st.sampled_from([4, 8]))),
        q_len,
        q_len + draw(st.integers(0, 12)),
        Mask(causal=draw(st.booleans()), window=draw(st.integers(0, 15))),
        dtype=DType.FP16,
    )


def visible(attention: Attention, query: int) -> set[int]:
    """Positions query number ``query`` sees, by the definition of the masks."""
    last = attention.kv_len - attention.q_len + query if attention.causal else attention.kv_len - 1
    return {p for p in range(last + 1) if not attention.window or p > last - attention.window}


@given(attentions())
def test_pairs_and_positions_are_those_of_the_mask(attention: Attention) -> None:
    seen = [visible(attention, query) for query in range(attention.q_len)]
    assert attention.attended_pairs == sum(len(positions) for positions in seen)
    assert attention.attended_positions == len(set().union(*seen))


@given(attentions(), st.integers(0, 4000))
def test_flash_traffic_is_that_of_walking_the_blocks(attention: Attention, sram_bytes: int) -> None:
    group = attention.heads // attention.kv_heads
    rows = list(range(attention.q_len * group))
    block = attention.q_block(sram_bytes)
    walked = sum(
        len(set().union(*(visible(attention, row // group) for row in rows[start : start + block])))
        for start in range(0, len(rows), block)
    )
    kv_bytes = 2 * walked * attention.batch * attention.kv_heads * attention.head_dim * 2
    assert attention.traffic_bytes(sram_bytes) == attention.q.size_bytes + attention.writes + kv_bytes
    assert attention.traffic_bytes(sram_bytes) >= attention.reads + attention.writes
