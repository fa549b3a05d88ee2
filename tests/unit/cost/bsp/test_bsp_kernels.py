from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.bsp.exchange import (
    all_to_all_s,
    block_span_s,
    broadcast_s,
    exchange,
    local_copy_s,
    longest_of_s,
    point_to_point_s,
    reduction_s,
    scatter_s,
    words_s,
)
from accelsim.cost.bsp.ladder import (
    LadderParameters,
    Streams,
    all_to_all_across_s,
    broadcast_across_s,
    chip_latency_s,
    cut_bytes_per_s,
    host_s,
    reduction_across_s,
    scatter_across_s,
    streams_s,
)
from accelsim.cost.bsp.machine import BspMachine, BspParameters
from accelsim.cost.bsp.products import divided, divisions, multiply_s, product
from accelsim.cost.bsp.rows import RowWork, attention, elementwise, embedding, row_reduction
from accelsim.cost.operands import ProductBytes
from accelsim.errors import ConfigError

PARAMETERS = BspParameters(
    base_latency_s=40e-9, column_hop_s=3e-9, sync_s=100e-9, program_s=1e-6, reduce_cycles=1,
    matrix_efficiency=0.5, usable_sram_fraction=1.0, measured=True,
)  # fmt: skip
#: 8 x 2 tiles at 1 GHz: 2 islands and 2 columns, 4 B per ns and tile; fp16 blocks of 16 x 8 at 32 MAC per cycle.
MACHINE = BspMachine(
    rows=8, cols=2, clock_hz=1e9, macs_per_cycle=32, vector_flops_per_cycle=4,
    element_bytes=2, product=ProductBytes.even(2), sram_bytes=100_000, sram_bytes_per_cycle=32,
    exchange_bytes_per_s=4e9, hop_s=1e-9, parameters=PARAMETERS,
)  # fmt: skip
LADDER = LadderParameters(
    entry_s=400e-9, rail_hop_s=100e-9, rung_hop_s=200e-9, sync_hop_s=30e-9, sender_s=2e-9,
    link_bandwidth_bytes_per_s=10e9, link_efficiency=0.8, rail_links=2, rung_links=4, stream_efficiency=0.5,
    host_latency_s=9e-6, host_bandwidth_bytes_per_s=5e9,
)  # fmt: skip
EXTENTS = st.integers(1, 3000)


def x(value: float) -> np.ndarray:
    return np.asarray(float(value))


def test_words_are_whole_and_twice_as_fast_over_two_lanes() -> None:
    assert float(words_s(MACHINE, x(5))) == pytest.approx(2e-9)  # 5 B are two words of 4 B, one ns each
    assert float(words_s(MACHINE, x(16), lanes=2.0)) == pytest.approx(2e-9)


def test_block_latency_counts_islands_of_the_first_column_and_further_columns() -> None:
    assert float(block_span_s(MACHINE, x(4))) == pytest.approx(40e-9)  # one island
    assert float(block_span_s(MACHINE, x(8))) == pytest.approx(41e-9)  # two islands
    assert float(block_span_s(MACHINE, x(16))) == pytest.approx(44e-9)  # and a second column
    assert MACHINE.span_s == pytest.approx(44e-9)


def test_expected_latency_of_one_random_pair_is_the_mean_of_all_pairs() -> None:
    # 2 islands and 2 columns: a difference of 1 has probability 1/2 each, so 40 + 0.5 x 1 + 0.5 x 3 ns
    assert float(longest_of_s(MACHINE, x(1))) == pytest.approx(42e-9)


def test_longest_of_two_random_pairs_follows_from_the_distribution() -> None:
    # latencies 40, 41, 43, 44 ns with 1/4 each: E max of two = (40 x 1 + 41 x 3 + 43 x 5 + 44 x 7) / 16
    expected = (40 * 1 + 41 * 3 + 43 * 5 + 44 * 7) / 16
    assert float(longest_of_s(MACHINE, x(2))) == pytest.approx(expected * 1e-9)


@given(st.integers(1, 2000))
def test_more_transfers_never_have_a_shorter_longest_latency_nor_one_beyond_the_span(pairs: int) -> None:
    fewer, more = float(longest_of_s(MACHINE, x(pairs))), float(longest_of_s(MACHINE, x(pairs + 1)))
    assert fewer <= more <= MACHINE.span_s * (1 + 1e-12)


def test_exchange_phases_by_hand() -> None:
    one = float(longest_of_s(MACHINE, x(1)))
    assert float(point_to_point_s(MACHINE, x(1), x(400))) == pytest.approx(100e-9 + one + 100e-9)
    # to the sender's own pair at one lane, to more tiles at two
    assert float(broadcast_s(MACHINE, x(2), x(400))) == pytest.approx(100e-9 + 40e-9 + 100e-9)
    assert float(broadcast_s(MACHINE, x(4), x(400))) == pytest.approx(100e-9 + 40e-9 + 50e-9)
    # one sender, 16 messages of 25 words, one after another
    longest = float(longest_of_s(MACHINE, x(16)))
    assert float(scatter_s(MACHINE, x(16), x(100))) == pytest.approx(100e-9 + longest + 400e-9)
    # each of 16 tiles sends 15 words
    longest = float(longest_of_s(MACHINE, x(240)))
    assert float(all_to_all_s(MACHINE, x(16), x(4))) == pytest.approx(100e-9 + longest + 15e-9)


def test_copy_in_a_tile_issues_every_sixth_cycle() -> None:
    assert float(local_copy_s(MACHINE, x(4))) == pytest.approx(18e-9)  # load, store, exit


def test_reduction_sums_on_all_tiles_then_collects_on_one() -> None:
    # start 1000 ns, 50 operands, one word from each of 16 tiles, 16 operands
    collected = 100e-9 + float(longest_of_s(MACHINE, x(16))) + 16e-9
    assert float(reduction_s(MACHINE, x(16), x(50))) == pytest.approx(1e-6 + 50e-9 + collected + 16e-9)
    assert float(reduction_s(MACHINE, x(1), x(50))) == pytest.approx(1e-6 + 50e-9)


def test_chip_latency_counts_rails_rung_and_synchronised_rungs() -> None:
    pairs = {(0, 1): 400 + 200, (0, 2): 400 + 100 + 30, (1, 3): 400 + 100 + 30, (0, 3): 400 + 100 + 200 + 30}
    pairs[(12, 14)] = 400 + 100 + 7 * 30  # the farther from rung 0, the longer the synchronisation
    for (source, target), nanoseconds in pairs.items():
        assert float(chip_latency_s(LADDER, x(source), x(target))) == pytest.approx(nanoseconds * 1e-9)
        assert float(chip_latency_s(LADDER, x(target), x(source))) == pytest.approx(nanoseconds * 1e-9)


def test_streams_are_held_up_by_the_slowest_of_stream_links_and_senders() -> None:
    cut = cut_bytes_per_s(LADDER, np.asarray(False))
    assert float(cut) == pytest.approx(16e9)  # 2 links x 10 GB/s x 0.8
    one = streams_s(MACHINE, LADDER, x(0), cut, Streams(x(1), x(1), x(4000)))
    assert float(one) == pytest.approx(2e-6)  # one stream at half of 4 GB/s
    many = streams_s(MACHINE, LADDER, x(0), cut, Streams(x(100), x(100), x(4000)))
    assert float(many) == pytest.approx(400_000 / 16e9)
    words = streams_s(MACHINE, LADDER, x(0), cut, Streams(x(100), x(100), x(4)))
    assert float(words) == pytest.approx(200e-9)  # 100 senders x 2 ns against 25 ns of bytes


def test_phases_across_chips_by_hand() -> None:
    assert float(broadcast_across_s(MACHINE, LADDER, x(0), np.asarray(False), x(4000))) == pytest.approx(4e-9 + 2e-6)
    both = broadcast_across_s(MACHINE, LADDER, x(0), np.asarray(True), x(4000))
    assert float(both) == pytest.approx(4e-9 + 2e-6 + 0.5e-6)  # and the own chip over two lanes
    assert float(scatter_across_s(MACHINE, x(1e-6), x(32), x(4))) == pytest.approx(1e-6 + 32e-9)
    assert float(reduction_across_s(MACHINE, x(1e-6), x(32), x(10))) == pytest.approx(1e-6 + 10e-9 + 1e-6 + 64e-9)
    # 32 tiles: 31 words of each, or 16 x 16 messages of 4 B through 1 GB/s
    assert float(all_to_all_across_s(MACHINE, x(0), x(1e9), x(32), x(4))) == pytest.approx(1024e-9)
    assert float(host_s(LADDER, x(4), x(5000))) == pytest.approx(9e-6 + 4e-6)


def test_multiplication_pads_to_blocks_and_threads() -> None:
    arithmetic, loading = multiply_s(MACHINE, x(7), x(17), x(9))
    # 2 x 2 blocks, 12 rows of 6 threads, 4 cycles a row, half of the peak; blocks of 16 x 8 x 2 B at 32 B/clk
    assert float(arithmetic) == pytest.approx(2 * 2 * 12 * 4 / 0.5 * 1e-9)
    assert float(loading) == pytest.approx(2 * 2 * 256 / 32 * 1e-9)


def test_divided_product_by_hand() -> None:
    one = (x(1.0), x(1.0), x(1.0))
    cost = divided(MACHINE, (x(12), x(32), x(16)), one, x(1), weight_is_resident=True).cost
    assert float(cost.noc) == pytest.approx(44e-9 + 12 * 32 * 2 / 4 * 1e-9)  # the left operand is received
    assert float(cost.sync) == pytest.approx(100e-9)
    assert float(cost.compute) == pytest.approx(2 * 2 * 12 * 4 / 0.5 * 1e-9)
    assert float(cost.launch) == pytest.approx(1e-6)
    # received rows, weights, partial sums, and a sixteenth of the left operand and the result
    assert float(cost.tile_bytes) == 12 * 32 * 2 + 32 * 16 * 2 + 12 * 16 * 4 + (12 * 32 + 12 * 16) * 2 / 16


def test_rows_that_the_threads_lack_are_fixed_cycles() -> None:
    # 7 rows take as long as 12, on six threads: 7 of 12 cycles are arithmetic
    one = (x(1.0), x(1.0), x(1.0))
    seven, twelve = (divided(MACHINE, (x(m), x(32), x(16)), one, x(1), weight_is_resident=True).cost for m in (7, 12))
    assert float(twelve.fixed) == 0
    assert float(seven.compute) == pytest.approx(float(twelve.compute) * 7 / 12)
    assert float(seven.compute + seven.fixed) == pytest.approx(float(twelve.compute))


def test_weights_shared_by_several_rows_of_tiles_are_received() -> None:
    resident = divided(MACHINE, (x(12), x(32), x(16)), (x(1), x(1), x(1)), x(1), weight_is_resident=True)
    moved = divided(MACHINE, (x(12), x(32), x(16)), (x(1), x(1), x(1)), x(1), weight_is_resident=False)
    assert float(moved.cost.noc_bytes - resident.cost.noc_bytes) == 32 * 16 * 2


def test_parts_of_k_are_summed_in_an_exchange_of_partials() -> None:
    two = (x(1), x(1), x(2))
    cost = divided(MACHINE, (x(6), x(32), x(8)), two, x(1), weight_is_resident=True).cost
    # each tile: 6 x 16 x 2 B in, then half of the other's 48 partials of 4 B
    assert float(cost.noc) == pytest.approx((44 + 48 + 44 + 24) * 1e-9)
    assert float(cost.sync) == pytest.approx(200e-9)
    assert float(cost.compute) == pytest.approx((6 * 4 / 0.5 + 24 * 2) * 1e-9)


def test_operands_that_do_not_fit_are_received_in_slices() -> None:
    small = replace(MACHINE, sram_bytes=2000.0)
    priced = divided(small, (x(12), x(64), x(8)), (x(1), x(1), x(1)), x(1), weight_is_resident=True)
    # 384 B of partials, 1,024 B of weights, (1,536 + 192) / 16 B of operand and result leave 484 B for 1,536 B
    assert float(priced.slices) == 4
    assert bool(priced.fits)
    assert float(priced.cost.sync) == pytest.approx(400e-9)


def test_a_block_beyond_the_sram_does_not_fit() -> None:
    tiny = replace(MACHINE, sram_bytes=500.0)
    chosen = product(tiny, x(400), x(400), x(400), x(1), weight_is_resident=True)
    assert not bool(chosen.fits)
    assert float(chosen.cost.tile_bytes) > 500


@given(st.integers(1, 16))
def test_divisions_never_use_more_tiles_than_there_are(tiles: int) -> None:
    parts_m, parts_n, parts_k = divisions(x(tiles), 16)
    assert (parts_m * parts_n * parts_k <= tiles).all()
    assert ((parts_m * parts_n * parts_k) > tiles / 2).any()


@given(m=EXTENTS, k=EXTENTS, n=EXTENTS, batch=st.integers(1, 40))
def test_no_product_beats_the_peak_of_all_tiles(m: int, k: int, n: int, batch: int) -> None:
    cost = product(MACHINE, x(m), x(k), x(n), x(batch), weight_is_resident=False).cost
    peak = MACHINE.num_tiles * MACHINE.macs_per_cycle * MACHINE.clock_hz
    assert float(cost.time_s) >= batch * m * k * n / peak


@given(m=EXTENTS, k=EXTENTS, n=EXTENTS)
def test_a_faster_exchange_never_slows_a_product(m: int, k: int, n: int) -> None:
    faster = replace(MACHINE, exchange_bytes_per_s=8e9, hop_s=0.5e-9)
    before = product(MACHINE, x(m), x(k), x(n), x(1), weight_is_resident=True).cost
    after = product(faster, x(m), x(k), x(n), x(1), weight_is_resident=True).cost
    assert float(after.time_s) <= float(before.time_s) * (1 + 1e-12)


def test_arrays_of_shapes_give_what_the_shapes_give_alone() -> None:
    m, k, n, batch = (
        np.array([1.0, 100, 2000]),
        np.array([512.0, 64, 700]),
        np.array([512.0, 64, 900]),
        np.array([1, 9, 40.0]),
    )
    together = product(MACHINE, m, k, n, batch, weight_is_resident=True).cost.time_s
    alone = [
        float(product(MACHINE, *map(x, shape), weight_is_resident=True).cost.time_s)
        for shape in zip(m, k, n, batch, strict=True)
    ]
    assert list(together) == pytest.approx(alone)


def test_elementwise_work_is_dealt_to_all_tiles_and_exchanges_nothing() -> None:
    cost = elementwise(MACHINE, x(16), x(100), flops=2.0, functions=0.0, operands=3.0)
    assert float(cost.compute) == pytest.approx(100 * 2 / 4 * 1e-9)  # 100 elements a tile, 4 FLOPs a cycle
    assert float(cost.noc) == 0
    assert float(cost.sram) == 0  # 600 B at 32 B per cycle are 19 cycles, less than the 50 of the arithmetic


def test_rows_shared_by_several_tiles_exchange_partial_sums() -> None:
    alone = row_reduction(MACHINE, x(16), x(64), RowWork(sums=1, flops=4.0, functions=0.0, roots=1.0))
    shared = row_reduction(MACHINE, x(4), x(64), RowWork(sums=1, flops=4.0, functions=0.0, roots=1.0))
    assert float(alone.sync) == pytest.approx(100e-9)
    assert float(shared.sync) == pytest.approx(200e-9)  # 4 tiles to a row: operands in, and 3 partials each
    assert float(shared.noc) == pytest.approx((44 + 16 * 2 / 4 + 44 + 3) * 1e-9)


def test_embedding_moves_the_rows_used() -> None:
    cost = embedding(MACHINE, x(16), x(100))
    assert float(cost.noc_bytes) == 3200
    assert float(cost.noc) == pytest.approx(44e-9 + 50e-9)  # 200 B to each tile


@given(st.integers(1, 500), st.integers(1, 500))
def test_longer_context_never_makes_attention_cheaper(kv_len: int, more: int) -> None:
    short = attention(MACHINE, x(1), x(2), x(4), x(64), x(kv_len))
    long = attention(MACHINE, x(1), x(2), x(4), x(64), x(kv_len + 16 * more))
    assert float(long.time_s) >= float(short.time_s)


@pytest.mark.parametrize(
    ("name", "value"), [("sync_s", -1e-9), ("matrix_efficiency", 0.0), ("usable_sram_fraction", 1.5), ("threads", 0)]
)
def test_parameters_outside_their_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"calibration\.bsp\.{name}"):
        replace(PARAMETERS, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("rail_links", 0), ("stream_efficiency", 1.2)])
def test_links_outside_their_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"calibration\.ladder\.{name}"):
        replace(LADDER, **{name: value})


def test_costs_add_and_repeat_with_the_largest_tile_kept() -> None:
    one = exchange(MACHINE, x(4), 1.0, x(64))
    twice = one + one
    assert float(twice.time_s) == pytest.approx(float(one.repeated(2).time_s))
    assert float(twice.noc_bytes) == 128
