"""Vector-unit operators and attention by hand arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.systolic.attention import SOFTMAX_OPS_PER_PAIR, attention_times
from accelsim.cost.systolic.rows import RowShapes, row_times
from accelsim.workload.operators.attention import Attention, Heads, Mask

from .machines import IDEAL, MACHINE, ONE_CORE


def test_an_addition_copies_unpacks_adds_and_packs_in_turn() -> None:
    # 10 x 100 elements, three operands of 2 bytes: 6000 B at 1e9 B/s; 3000 conversions and 1000 sums at 1e9/s
    times = row_times(RowShapes(10, 3000, 6000, 1000), ONE_CORE, replace(IDEAL, launch_s=1e-6))
    assert times.hbm_s[0] == pytest.approx(6e-6)
    assert times.vector_s[0] == pytest.approx(3e-6 + 1e-6)
    assert times.total_s[0] == pytest.approx(11e-6)


def test_reductions_cost_one_step_per_eight_rows_and_a_set_up() -> None:
    parameters = replace(IDEAL, reduction_s=1e-6, reduction_setup_s=5e-6)
    plain, eight, nine = (
        row_times(RowShapes(rows, 100, 200, 100, reduces), ONE_CORE, parameters).total_s[0]
        for rows, reduces in ((8, False), (8, True), (9, True))
    )
    assert eight - plain == pytest.approx(6e-6)
    assert nine - eight == pytest.approx(1e-6)


def test_fp32_needs_no_conversion() -> None:
    wide = replace(ONE_CORE, element_bytes=4)
    assert row_times(RowShapes(1, 1000, 4000, 0), wide, IDEAL).vector_s[0] == 0.0


def test_prefill_attention_is_the_longest_of_arrays_vector_unit_and_memory() -> None:
    operator = Attention.of(1, Heads(1, 1, 128), 256, 256, Mask(causal=False))
    times = attention_times(operator, ONE_CORE, IDEAL)
    pairs = 256 * 256
    assert times.compute_s == pytest.approx(2 * pairs * 128 / 1e12)
    # softmax, and q, k, v and the result unpacked or packed once
    assert times.vector_s == pytest.approx((pairs * SOFTMAX_OPS_PER_PAIR + 4 * 256 * 128) / 1e9)
    assert times.hbm_s == pytest.approx(4 * 256 * 128 * 2 / 1e9)
    assert times.total_s == max(times.compute_s, times.vector_s, times.hbm_s)


def test_heads_narrower_than_the_array_waste_its_columns() -> None:
    narrow, full = (
        attention_times(Attention.of(1, Heads(1, 1, head_dim), 256, 256), ONE_CORE, IDEAL) for head_dim in (64, 128)
    )
    assert narrow.compute_s == full.compute_s


def test_one_kv_head_cannot_use_two_cores() -> None:
    single = Attention.of(1, Heads(8, 1, 128), 1024, 1024)
    pair = Attention.of(1, Heads(8, 2, 128), 1024, 1024)
    assert attention_times(single, MACHINE, IDEAL).cores == 1
    assert attention_times(pair, MACHINE, IDEAL).cores == 2


@given(q_len=st.integers(1, 512), extra=st.integers(0, 4096), heads=st.sampled_from([4, 8, 32]))
def test_a_longer_context_is_never_cheaper(q_len: int, extra: int, heads: int) -> None:
    short, longer = (
        attention_times(Attention.of(1, Heads(heads, 4, 128), q_len, kv_len), MACHINE, IDEAL).total_s
        for kv_len in (q_len, q_len + extra)
    )
    assert longer >= short
