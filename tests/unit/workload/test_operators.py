"""Work and bytes of each operator against arithmetic by hand."""

from __future__ import annotations

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.group import Group
from accelsim.workload.operator import role_bytes
from accelsim.workload.operators.attention import KV_BLOCK, Attention, Heads, Mask
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.tensor import Axis, Role, Tensor


def test_gemm_counts_two_flops_per_multiply_and_each_matrix_once() -> None:
    gemm = Gemm.of(m=10, n=20, k=30, dtype=DType.FP16)
    assert (gemm.m, gemm.n, gemm.k, gemm.batch) == (10, 20, 30, 1)
    assert gemm.flops == 12_000  # 2 * 10 * 20 * 30
    assert gemm.reads == 1_800  # (10 * 30 + 30 * 20) * 2 B
    assert gemm.writes == 400  # 10 * 20 * 2 B
    assert gemm.weight_bytes == 1_200
    assert gemm.contracted_axes == {"k"}


def test_a_batched_gemm_has_its_own_right_matrix_per_product() -> None:
    gemm = Gemm.of(m=10, n=20, k=30, batch=4, dtype=DType.FP16)
    assert (gemm.m, gemm.n, gemm.k, gemm.batch) == (10, 20, 30, 4)
    assert gemm.reads == 4 * 1_800
    assert gemm.weight_bytes == 0


def test_a_gemm_may_write_its_columns_as_several_tensors() -> None:
    x = Tensor("x", (Axis.of("batch", 2), Axis.of("hidden", 64)), DType.FP16)
    columns = Axis("qkv", ((4, 16), (2, 16), (2, 16)))
    weight = Tensor("w", (x.axes[1], columns), DType.FP16, Role.WEIGHT)
    q = Tensor("q", (x.axes[0], Axis.of("heads", 4, 16)), DType.FP16)
    k, v = (Tensor(n, (x.axes[0], Axis.of("kv_heads", 2, 16)), DType.FP16, Role.KV_CACHE) for n in "kv")
    gemm = Gemm("qkv", (x, weight), (q, k, v))
    assert (gemm.m, gemm.n, gemm.k) == (2, 128, 64)
    share = gemm.shard({"heads": 2, "kv_heads": 2, "qkv": 2})
    assert (share.m, share.n, share.k) == (2, 64, 64)
    assert role_bytes(gemm)[Role.KV_CACHE] == 2 * 2 * 2 * 16 * 2  # k and v, batch 2, 2 heads of 16, 2 B
    # 4 ranks: one query head each, but 2 KV heads cannot split over 4 ranks and are replicated
    assert gemm.shard({"heads": 4, "kv_heads": 4, "qkv": 4}).n == 16 + 16 + 16
    with pytest.raises(ShapeError, match="the results hold"):
        gemm.shard({"heads": 2})


def test_a_gemm_refuses_matrices_that_do_not_match() -> None:
    a = Tensor("a", (Axis.of("m", 2), Axis.of("k", 3)), DType.FP16)
    b = Tensor("b", (Axis.of("k", 4), Axis.of("n", 5)), DType.FP16)
    c = Tensor("c", (Axis.of("m", 2), Axis.of("n", 5)), DType.FP16)
    with pytest.raises(ShapeError, match="axis 'k' has extent 3 in A and 4 in B"):
        Gemm("gemm", (a, b), (c,))
    with pytest.raises(ShapeError, match="two matrices"):
        Gemm("gemm", (a,), (c,))


@pytest.mark.parametrize("extent", [0, -1])
def test_an_impossible_extent_is_refused(extent: int) -> None:
    with pytest.raises(ShapeError, match="'m'"):
        Gemm.of(m=extent, n=1, k=1)


@pytest.mark.parametrize(
    ("q_len", "kv_len", "causal", "window", "pairs"),
    [
        (4, 4, True, 0, 10),  # 1 + 2 + 3 + 4
        (4, 4, False, 0, 16),
        (1, 9, True, 0, 9),  # decode sees all
        (3, 10, True, 0, 27),  # 8 + 9 + 10
        (5, 5, True, 2, 9),  # 1 + 2 + 2 + 2 + 2
        (3, 10, True, 4, 12),  # 4 each
        (3, 5, True, 4, 11),  # 3 + 4 + 4
        (1, 9, True, 4, 4),
        (2, 9, False, 4, 8),
    ],
)
def test_attended_pairs_are_exact(q_len: int, kv_len: int, causal: bool, window: int, pairs: int) -> None:
    attention = Attention.of(3, Heads(8, 2, 64), q_len, kv_len, Mask(causal=causal, window=window))
    assert attention.attended_pairs == pairs
    assert attention.flops == 4 * 64 * 8 * 3 * pairs


def test_attention_reads_kv_by_kv_heads_and_only_within_the_window() -> None:
    kv_token_bytes = 2 * 2 * 64 * 2  # k and v, 2 KV heads of 64, 2 B
    full = Attention.of(1, Heads(8, 2, 64), 1, 100, dtype=DType.FP16)
    assert role_bytes(full)[Role.KV_CACHE] == 100 * kv_token_bytes
    windowed = Attention.of(1, Heads(8, 2, 64), 1, 100, Mask(window=32), dtype=DType.FP16)
    assert role_bytes(windowed)[Role.KV_CACHE] == 32 * kv_token_bytes
    chunk = Attention.of(1, Heads(8, 2, 64), 5, 100, Mask(window=32), dtype=DType.FP16)
    assert role_bytes(chunk)[Role.KV_CACHE] == 36 * kv_token_bytes  # the first of 5 queries looks 4 further back


def test_flash_traffic_is_compulsory_when_all_queries_fit_and_grows_as_sram_shrinks() -> None:
    attention = Attention.of(1, Heads(4, 4, 64), 256, 256, dtype=DType.FP16)
    assert attention.traffic_bytes(1 << 30) == attention.reads + attention.writes
    # One row: query 64 * 2 B, output 64 * 4 B, scores 64 * 4 B = 640 B; K and V blocks 2 * 64 * 64 * 2 B = 16,384 B.
    sram_bytes = 16_384 + 128 * 640
    assert (attention.q_block(sram_bytes), attention.q_block(sram_bytes - 1), KV_BLOCK) == (128, 127, 64)
    # Two blocks of 128 queries see 128 and 256 keys: 384 positions * 4 heads * 64 * 2 (k, v) * 2 B = 393,216 B.
    assert attention.traffic_bytes(sram_bytes) == 393_216 + attention.q.size_bytes + attention.writes
    sizes = [attention.traffic_bytes(size) for size in (1 << 10, 1 << 14, 1 << 16, 1 << 18, 1 << 20)]
    assert sizes == sorted(sizes, reverse=True)


def test_flash_traffic_of_grouped_decode_reads_the_cache_once() -> None:
    attention = Attention.of(2, Heads(32, 8, 128), 1, 4096)
    assert attention.traffic_bytes(192 << 10) == attention.reads + attention.writes


def test_flash_traffic_respects_the_window() -> None:
    attention = Attention.of(1, Heads(1, 1, 64), 4, 4, Mask(window=2), dtype=DType.FP16)
    # One query at a time: 1 + 2 + 2 + 2 positions, each 64 * 2 (k, v) * 2 B.
    assert attention.traffic_bytes(0) == 7 * 256 + attention.q.size_bytes + attention.writes


def test_attention_refuses_uneven_groups_and_queries_before_the_first_key() -> None:
    with pytest.raises(ShapeError, match="6 heads do not share 4 KV heads"):
        Attention.of(1, Heads(6, 4, 64), 1, 8)
    with pytest.raises(ShapeError, match="kv_len=7 must be >= q_len=8"):
        Attention.of(1, Heads(4, 4, 64), 8, 7)
    Attention.of(1, Heads(4, 4, 64), 8, 7, Mask(causal=False))


def test_row_operators_count_flops_per_element() -> None:
    assert Norm.of(rows=3, width=10).flops == 4 * 30
    assert Norm.of(rows=3, width=10, flavour="layernorm").flops == 7 * 30
    assert Softmax.of(rows=3, width=10).flops == 5 * 30
    assert Rope.of(rows=3, width=10).flops == 3 * 30
    assert Elementwise.of(rows=3, width=10, num_inputs=3).flops == 2 * 30
    assert Elementwise.of(rows=3, width=10, function="silu_mul").flops == 5 * 30


def test_row_operators_name_their_rows_width_and_inputs() -> None:
    for operator in (Norm.of(3, 10), Softmax.of(3, 10), Rope.of(3, 10), Elementwise.of(3, 10, function="gelu_mul")):
        assert (operator.rows, operator.width, operator.num_inputs, operator.dtype) == (3, 10, 1, DType.BF16)
    assert Elementwise.of(3, 10).num_inputs == 2


def test_a_gated_function_reads_twice_what_it_writes() -> None:
    gate = Elementwise.of(rows=3, width=10, function="silu_mul", dtype=DType.FP32)
    assert (gate.reads, gate.writes) == (240, 120)


def test_an_unknown_function_or_flavour_is_named() -> None:
    with pytest.raises(ShapeError, match=r"unknown function 'tanh'\. Known: add, copy"):
        Elementwise.of(3, 10, function="tanh")
    with pytest.raises(ShapeError, match="unknown norm 'batchnorm'"):
        Norm.of(3, 10, flavour="batchnorm")
    with pytest.raises(ShapeError, match="unknown collective 'gossip'"):
        Collective.of("gossip", 8, Group("tp", 2))


def test_embedding_reads_only_the_rows_used_but_holds_the_whole_table() -> None:
    embedding = Embedding.of(rows=4, width=64, vocab=1000, dtype=DType.FP16)
    assert embedding.reads == 4 * 4 + 4 * 64 * 2
    assert embedding.weight_bytes == 1000 * 64 * 2
    assert embedding.contracted_axes == {"vocab"}


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        ("all_reduce", 4096, 4096),
        ("all_gather", 1024, 4096),
        ("reduce_scatter", 4096, 1024),
        ("all_to_all", 4096, 4096),
    ],
)
def test_a_collective_is_sized_like_nccl_tests(function: str, before: int, after: int) -> None:
    collective = Collective.of(function, nbytes=4096, group=Group("tp", 4))
    assert (collective.nbytes, collective.reads, collective.writes, collective.flops) == (4096, before, after, 0)
