"""Groups cut into pieces: shares of heads and columns, sums that join them, and a graph that computes the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.dtypes import DType
from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.groups import build_pipeline
from accelsim.mapping.execution.spatial.pieces import cut, is_piece, most_pieces, whole_name
from accelsim.mapping.execution.spatial.shares import Shares
from accelsim.placing import place
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.phase import Decode, Prefill
from accelsim.workload.tensor import Axis, Role, Tensor

MODELS = ["llama3-8b", "gpt2-xl", "mixtral-8x7b", "deepseek-v3", "gpt-oss-120b"]


def segments_of(name, phase=None):
    return build_workload(load_model(name), phase or Prefill(2, 16)).segments


def test_columns_are_dealt_as_evenly_as_whole_columns_allow():
    hidden, ffn = Axis.of("hidden", 8192), Axis.of("ffn", 28672)
    x, weight = (
        Tensor("x", (Axis.of("batch", 1), hidden), DType.BF16),
        Tensor("w", (hidden, ffn), DType.BF16, Role.WEIGHT),
    )
    up = Gemm("mlp.up", (x, weight), (Tensor("y", (Axis.of("batch", 1), ffn), DType.BF16),))
    widths = [Shares([up], 576).of(up, piece).n for piece in range(576)]
    assert sum(widths) == 28672
    assert set(widths) == {49, 50}  # 28,672 / 576 = 49.8


@pytest.mark.parametrize(("pieces", "expected"), [(3, [(8, 2), (12, 3), (12, 3)]), (16, [(2, 1)] * 16)])
def test_query_heads_go_with_the_kv_head_they_share(pieces, expected):
    """Llama-3-8B has 32 query heads on 8 KV heads: four share one."""
    attention = next(op for op in segments_of("llama3-8b")[1].graph if op.kind == "attention")
    operators = [op for op in segments_of("llama3-8b")[1].graph if op.name.startswith("attn.")]
    shares = [Shares(operators, pieces).of(attention, piece) for piece in range(pieces)]
    assert [(share.heads, share.kv_heads) for share in shares] == expected


@pytest.mark.parametrize("name", MODELS)
@given(pieces=st.integers(2, 12), phase=st.sampled_from([Prefill(2, 16), Decode(3, 40)]))
def test_pieces_hold_all_weights_and_do_all_the_work(name, pieces, phase):
    segments = segments_of(name, phase)
    most = most_pieces(segments)
    for whole, share in zip(segments, cut(segments, {g: min(pieces, n) for g, n in most.items()}), strict=True):
        assert [t.name for t in share.graph.leaving] == [t.name for t in whole.graph.leaving]
        assert {t.name for t in share.graph.entering} == {t.name for t in whole.graph.entering}
        assert share.graph.flops >= whole.graph.flops
        assert sum(t.size_bytes for t in share.graph.weights) >= sum(t.size_bytes for t in whole.graph.weights)


def test_weights_that_are_cut_are_held_once_and_norms_by_every_piece():
    segments = segments_of("llama3-8b")
    cut_ = cut(segments, {"decoder.mlp": 4})[1].graph
    norm_bytes = 4096 * 2
    assert (
        sum(t.size_bytes for t in cut_.weights) == sum(t.size_bytes for t in segments[1].graph.weights) + 3 * norm_bytes
    )


def test_a_cut_group_is_pieces_and_then_what_sums_them_up():
    pipeline = build_pipeline(cut(segments_of("llama3-8b"), {"decoder.mlp": 3}), "block", is_decode=False)
    assert [g.name for g in pipeline.groups[1:6]] == [
        "decoder0.attn", "decoder0.mlp@0", "decoder0.mlp@1", "decoder0.mlp@2", "decoder0.mlp",
    ]  # fmt: skip
    sums = [flow for flow in pipeline.flows if flow.total and flow.consumer == 5]
    assert [flow.producer for flow in sums] == [2, 3, 4]
    assert len({flow.total for flow in sums}) == 1
    inputs = {(flow.consumer, flow.tensor) for flow in pipeline.flows if flow.producer == 1}
    assert inputs == {(at, "attn.add.out") for at in (2, 3, 4, 5)}  # one tensor for all, and the residual
    assert {flow.depth for flow in pipeline.flows if flow.producer == 1} == {2, 3}  # one stage is passed, not three


def test_pieces_with_unequal_shares_are_of_two_parts_and_one_family():
    pipeline = build_pipeline(cut(segments_of("llama3-8b"), {"decoder.mlp": 3}), "block", is_decode=False)
    shares = [part for part in pipeline.parts if part.is_piece]  # 14,336 / 3: 4,778 and twice 4,779
    assert [len(part.alike) for part in shares] == [1, 2]
    family = next(family for family in pipeline.families if len(family.parts) == 2)
    assert (family.groups, family.passes) == (3 * 32, 32)
    assert pipeline.parts[family.part].weight_bytes == max(part.weight_bytes for part in shares)


@pytest.mark.parametrize(("name", "number"), [("decoder3.mlp@2", True), ("mlp@12.up", True), ("mlp@in", False)])
def test_names_of_pieces(name, number):
    assert is_piece(name) is number
    assert whole_name("decoder3.mlp@2.up") == "decoder3.mlp.up"


def test_more_pieces_than_heads_are_refused():
    with pytest.raises(PlanError, match=r"decoder.attn has 32 blocks to deal, not 33"):
        cut(segments_of("llama3-8b"), {"decoder.attn": 33})


def test_layers_as_a_whole_are_not_cut(tiny, small_array):
    with pytest.raises(PlanError, match="granularity=block or operator"):
        place(tiny, small_array, Prefill(1, 64), "execution=spatial,granularity=layer,pieces=2")


@pytest.mark.parametrize("granularity", ["block", "operator"])
def test_a_sum_travels_each_link_once(tiny, small_array, granularity):
    run = place(tiny, small_array, Prefill(1, 64), f"execution=spatial,chunk=16,granularity={granularity},pieces=4")
    sums = [cast for cast in run.settled.casts if len(cast.producers) > 1]
    assert len(sums) == 2 * 4 + 1  # attention and MLP of four layers, and the embedding; logits are no sum
    for cast in sums:
        lanes = run.settled.lanes(cast)
        nbytes = run.settled.cast_bytes(cast)[0]
        copies = sum(
            float(alone.lane_bytes(int(nbytes)) @ alone.hops)
            for producer in cast.producers
            for alone in [run.floor.lanes((producer,), cast.consumers)]
        )
        assert float(lanes.lane_bytes(int(nbytes)) @ lanes.hops) <= copies
