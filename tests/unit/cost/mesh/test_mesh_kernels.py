from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.mesh import MeshCost, MeshMachine, MeshParameters
from accelsim.cost.mesh.kernels import all_reduce, mesh_gemv, neighbour_shift, shift_gemm
from accelsim.cost.mesh.machine import fastest, vector_cycles
from accelsim.cost.mesh.rows import (
    CachedHeads,
    decode_attention,
    elementwise,
    embedding,
    norm,
    prefill_attention,
    softmax,
)
from accelsim.cost.operands import ProductBytes

PARAMETERS = MeshParameters(
    vector_start_cycles=6, function_cycles=40, stage_cycles=10, phase_cycles=100, shift_step_cycles=300
)
MACHINE = MeshMachine(
    clock_hz=1e9,
    lanes=4,
    element_bytes=2,
    product=ProductBytes.even(2),
    sram_bytes=49152,
    sram_bytes_per_cycle=24,
    link_bytes_per_cycle=4,
    hop_cycles=1,
    parameters=PARAMETERS,
)


def x(value: float) -> np.ndarray:
    return np.asarray(float(value))


def test_vector_instruction_takes_one_cycle_per_four_lanes_beside_its_start() -> None:
    lanes, ports = vector_cycles(MACHINE, x(9))
    assert lanes == 3  # ceil(9 / 4)
    assert ports == 0  # 9 elements x 3 operands x 2 B / 24 B = 2.25 cycles, under the 3 of the lanes


def test_narrow_sram_ports_add_to_a_vector_instruction() -> None:
    _, ports = vector_cycles(replace(MACHINE, sram_bytes_per_cycle=6), x(8))
    assert ports == 8 * 3 * 2 / 6 - 2  # 8 cycles of ports against 2 of lanes


def test_all_reduce_of_a_line_of_16_takes_its_hops_stages_and_words() -> None:
    cost = all_reduce(MACHINE, x(8), line=x(16), lines=x(4))
    # 4 groups of 4: 16 / 8 + 4 / 2 = 4 adding cores; 16 hops; 8 elements = 4 words in each of 3 movements
    assert cost.noc == 16 + 3 * 4
    assert cost.fixed == 4 * 10
    assert cost.launch == 100
    assert cost.noc_bytes == 3 * 16 * 16 * 4  # 16 B over 16 hops, three times, on 4 lines


def test_all_reduce_over_one_core_is_free() -> None:
    cost = all_reduce(MACHINE, x(8), line=x(1), lines=x(4))
    assert cost.cycles == 0
    assert cost.noc_bytes == 0


def test_resident_product_is_local_rows_and_one_reduction() -> None:
    cost = mesh_gemv(MACHINE, x(1), x(64), x(80), (x(16), x(4)))
    assert cost.compute == 4 * 5  # tile 4 x 20: four rows of ceil(20 / 4) lanes
    assert cost.fixed == 4 * 6 + 4 * 10  # four starts, and four adding cores of the sum
    assert cost.noc == 16 + 3 * 10  # 20 elements = 10 words
    assert cost.launch == 100
    assert cost.tile_bytes == (4 * 20 + 4 + 2 * 20) * 2


def test_shift_product_hides_its_words_behind_arithmetic() -> None:
    cost = shift_gemm(MACHINE, x(64), x(64), x(64), (x(8), x(8)))
    assert cost.compute == 8 * (8 * 8 * 2)  # 8 steps; tiles 8 x 8 x 8, vectors of 8 = 2 lane cycles
    assert cost.fixed == 8 * (8 * 8 * 6)
    assert cost.noc == 4 * (32 + 2)  # only the 4 alignment shifts of 128 B (32 words) over two hops are bare
    assert cost.launch == 8 * 1.5 * 300 + 100
    assert cost.tile_bytes == 2 * (128 + 128) + 128


def test_shift_product_charges_the_words_that_arithmetic_does_not_hide() -> None:
    cost = shift_gemm(MACHINE, x(8 * 64), x(8), x(8), (x(8), x(8)))
    per_step = 1 * 1 * (16 + 6)  # one vector of 64
    words = 32 + 1 + 2  # 64 and 1 elements over the ramp, two hops
    assert cost.compute + cost.fixed == 8 * per_step
    assert cost.noc == 8 * (words - per_step) + 4 * (32 + 2)


def test_transposed_shift_product_sums_a_tile_per_head_and_step_and_aligns_nothing() -> None:
    cost = shift_gemm(MACHINE, x(64), x(64), x(64), (x(8), x(8)), sums=x(2))
    assert cost.noc == 8 * (2 * 8 * 8 / 2)  # two tiles of 64 elements = 64 words per step
    assert cost.launch == 8 * 300 + 100


def test_shift_product_on_a_rectangle_takes_as_many_steps_as_its_longer_side() -> None:
    cost = shift_gemm(MACHINE, x(64), x(64), x(64), (x(4), x(8)))
    assert cost.compute == 8 * (8 * 8 * 4)  # tile 16 x 8 x 8


def test_one_core_multiplies_without_a_network() -> None:
    cost = shift_gemm(MACHINE, x(8), x(8), x(8), (x(1), x(1)))
    assert cost.compute + cost.fixed == 8 * 8 * (2 + 6)
    assert cost.noc == 0
    assert cost.noc_bytes == 0


def test_appending_to_the_cache_is_one_word_and_one_hop() -> None:
    assert neighbour_shift(MACHINE, x(2), x(100)).cycles == 2


def test_kernels_take_arrays_and_agree_with_single_shapes() -> None:
    sizes = np.array([1.0, 100.0, 1000.0])
    together = shift_gemm(MACHINE, sizes, x(64), x(64), (x(8), x(8))).cycles
    alone = [float(shift_gemm(MACHINE, x(m), x(64), x(64), (x(8), x(8))).cycles) for m in sizes]
    assert together == pytest.approx(alone)


def test_fastest_chooses_shape_by_shape() -> None:
    first = MeshCost(compute=np.array([1.0, 9.0]), noc=np.zeros(2))
    second = MeshCost(compute=np.array([2.0, 3.0]), noc=np.zeros(2))
    assert fastest([first, second]).compute.tolist() == [1.0, 3.0]


def test_norm_of_one_row_is_passes_a_root_and_one_reduction() -> None:
    cost = norm(MACHINE, x(1), x(64), (x(16), x(16)), sums=1)
    assert cost.compute == 4 * 1 + 3 * 40  # 4 passes over 4 elements, a root and two divisions
    assert cost.fixed == 4 * 6 + all_reduce(MACHINE, x(1), x(16), x(16)).fixed
    assert cost.noc == all_reduce(MACHINE, x(1), x(16), x(16)).noc


def test_softmax_reduces_twice_and_takes_an_exponential_per_element() -> None:
    cost = softmax(MACHINE, x(1), x(64), (x(16), x(16)))
    assert cost.compute == 4 * 1 + 4 * 40 + 40
    assert cost.noc == 2 * all_reduce(MACHINE, x(1), x(16), x(16)).noc


def test_few_rows_of_costly_functions_are_dealt_and_gathered() -> None:
    cost = elementwise(MACHINE, x(16), x(64), (x(16), x(16)), passes=1, functions=2)
    assert cost.noc == 0  # as many rows as rows of cores: dealt, nothing to gather
    few = elementwise(MACHINE, x(8), x(64), (x(16), x(16)), passes=1, functions=2)
    # all 8 rows on each core: 32 elements x 2 x 40 = 2560; dealt: 4 x 2 x 40, then 32 elements (16 words) over 16 hops
    assert few.noc == 16 + 16


def test_embedding_of_one_row_crosses_the_column_once() -> None:
    cost = embedding(MACHINE, x(1), x(64), (x(16), x(16)))
    assert cost.cycles == 100 + 16 + 1  # a phase, 16 hops, half of 4 elements = 1 word


def test_decode_attention_is_its_products_its_softmax_and_the_shift() -> None:
    region = (x(16), x(16))
    cost = decode_attention(MACHINE, x(1), CachedHeads(x(4), x(16), x(32), x(64)), region)
    scores = mesh_gemv(MACHINE, x(1), x(64), x(64), (x(16), x(16)))
    over_positions = all_reduce(MACHINE, x(1), x(16), x(16))
    softmax_compute = 4 * 1 + 4 * 40 + 40  # 4 positions per core
    assert cost.compute == 2 * scores.compute + softmax_compute
    assert cost.noc == 2 * scores.noc + 2 * over_positions.noc + (2 + 1)  # k and v of 2 elements each: 2 words, 1 hop


def test_more_heads_than_columns_share_cores_and_pay_for_each_score() -> None:
    region = (x(16), x(2))
    wide = decode_attention(MACHINE, x(1), CachedHeads(x(2), x(32), x(64), x(64)), region)
    many = decode_attention(MACHINE, x(1), CachedHeads(x(8), x(8), x(64), x(64)), region)
    assert many.cycles > wide.cycles


def test_prefill_attention_holds_the_scores_of_all_heads() -> None:
    cost = prefill_attention(MACHINE, x(64), x(4), x(16), x(64), (x(8), x(8)))
    assert cost.tile_bytes >= 4 * 8 * 8 * 2


extents = st.integers(1, 20_000)
sides = st.integers(1, 1000)


@given(m=extents, k=extents, n=extents, rows=sides, cols=sides, more=st.integers(1, 5000))
def test_a_larger_product_never_takes_less_time(m: int, k: int, n: int, rows: int, cols: int, more: int) -> None:
    for kernel in (mesh_gemv, shift_gemm):
        base = float(kernel(MACHINE, x(m), x(k), x(n), (x(rows), x(cols))).cycles)
        for bigger in ((m + more, k, n), (m, k + more, n), (m, k, n + more)):
            assert float(kernel(MACHINE, *map(x, bigger), (x(rows), x(cols))).cycles) >= base


@given(m=extents, k=extents, n=extents, rows=sides, cols=sides)
def test_no_region_beats_its_peak(m: int, k: int, n: int, rows: int, cols: int) -> None:
    floor = m * k * n / (MACHINE.lanes * rows * cols)
    for kernel in (mesh_gemv, shift_gemm):
        cost = kernel(MACHINE, x(m), x(k), x(n), (x(rows), x(cols)))
        assert float(cost.cycles) >= floor * (1 - 1e-12)
        assert min(float(part) for part in (cost.compute, cost.sram, cost.noc, cost.launch)) >= 0


@given(m=extents, k=extents, n=extents, rows=sides, cols=sides, factor=st.floats(1, 100))
def test_faster_links_never_slow_a_product(m: int, k: int, n: int, rows: int, cols: int, factor: float) -> None:
    faster = replace(MACHINE, link_bytes_per_cycle=4 * factor, hop_cycles=1 / factor)
    for kernel in (mesh_gemv, shift_gemm):
        slow = kernel(MACHINE, x(m), x(k), x(n), (x(rows), x(cols)))
        fast = kernel(faster, x(m), x(k), x(n), (x(rows), x(cols)))
        assert float(fast.cycles) <= float(slow.cycles) * (1 + 1e-12)


def test_one_short_row_is_sliced_over_all_rows_of_cores_and_gathered() -> None:
    """14,336 elements on 117 x 117 cores are 123 per column, which all rows hold; sliced, 2 per core."""
    repeated = elementwise(MACHINE, x(1), x(14336), (x(117), x(117)), 1.0, 2.0)
    sliced = elementwise(replace(MACHINE, slices_rows=True), x(1), x(14336), (x(117), x(117)), 1.0, 2.0)
    assert repeated.cycles == 100 + (6 + 31) + 2 * 123 * 40  # a phase, ceil(123 / 4) lanes, two functions each
    assert repeated.noc == 0
    # a phase and one for the gather; 123 elements are 62 words behind 117 hops
    assert sliced.cycles == 2 * 100 + (6 + 1) + 2 * 2 * 40 + (62 + 117)


def test_a_sum_along_a_sliced_row_runs_over_columns_and_then_over_rows_of_cores() -> None:
    sliced = replace(MACHINE, slices_rows=True)
    alone = all_reduce(MACHINE, x(1), x(64), x(64))
    assert norm(MACHINE, x(1), x(65536), (x(64), x(64)), 1).noc == alone.noc
    gather = 512 + 64  # 1,024 elements of a column are 512 words
    assert norm(sliced, x(1), x(65536), (x(64), x(64)), 1).noc == 2 * alone.noc + gather


@given(rows=st.integers(1, 300), width=st.integers(1, 20000), side=st.integers(1, 200))
def test_slices_are_taken_only_where_they_are_faster(rows: int, width: int, side: int) -> None:
    region = x(side), x(side)
    for kernel in (lambda m: softmax(m, x(rows), x(width), region), lambda m: norm(m, x(rows), x(width), region, 2)):
        assert kernel(replace(MACHINE, slices_rows=True)).cycles <= kernel(MACHINE).cycles
