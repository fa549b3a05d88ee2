from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ideal import ideal

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, MACHINE

from accelsim.cost.gpu.attention_backward import TrainingParameters, backward_times, forward_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes

#: Everything at its peak, no overhead; tiles of 128 keys and blocks of 128 queries at heads of 64.
PARAMETERS = ideal(TrainingParameters, library="flash2")
#: 10 heads on 10 cores.
SHAPE = {"batch": 1, "heads": 10, "kv_heads": 10, "head_dim": 64, "q_len": 512, "kv_len": 512}


def backward(parameters: TrainingParameters = PARAMETERS, dropout: bool = False, **changes: object) -> AttentionTimes:
    shapes = AttentionShapes.of(**{**SHAPE, **changes})  # type: ignore[arg-type]
    return backward_times(MACHINE, parameters, shapes, core_flops_per_s=CORE_FLOPS_PER_S, dropout=dropout, cached=1.0)


def seconds(parameters: TrainingParameters = PARAMETERS, dropout: bool = False, **changes: object) -> float:
    """Of the main kernel on the cores."""
    return float(backward(parameters, dropout, **changes).compute_s[0])


def test_the_backward_pass_has_five_products_where_the_forward_pass_has_two() -> None:
    shapes = AttentionShapes.of(**SHAPE, causal=False)  # type: ignore[arg-type]
    forward = forward_times(MACHINE, PARAMETERS, shapes, core_flops_per_s=CORE_FLOPS_PER_S, cached=1.0)
    assert seconds(causal=False) == pytest.approx(5 * 2 * 512 * 512 * 64 / CORE_FLOPS_PER_S)
    assert seconds(causal=False) / forward.total_s[0] == pytest.approx(2.5)


def test_keys_are_seen_by_the_queries_at_and_after_them() -> None:
    # 4 tiles of keys are seen by 4 + 3 + 2 + 1 blocks of queries of 16
    assert seconds() / seconds(causal=False) == pytest.approx(10 / 16)


def test_a_window_ends_what_a_key_is_seen_by() -> None:
    # window 128: keys i..i+127 are seen by queries i..i+254, two blocks, the last tile by one
    assert seconds(window=128) / seconds(causal=False) == pytest.approx(7 / 16)


def test_wider_values_cost_two_products_and_wider_keys_three() -> None:
    assert seconds(head_dim=64, value_dim=32) / seconds() == pytest.approx((3 * 64 + 2 * 32) / (5 * 64))


def test_dropout_costs_its_random_numbers() -> None:
    slow = replace(PARAMETERS, dropout_s=1e-10)
    pairs = 10 * 128 * 128  # of the causal blocks of one head
    assert seconds(slow, dropout=True) - seconds(slow) == pytest.approx(pairs * 1e-10)


def test_the_first_generation_gives_a_core_a_whole_head() -> None:
    old = replace(PARAMETERS, library="flash1")
    one = seconds(old, heads=1, kv_heads=1, causal=False)
    assert one == pytest.approx(seconds(old, causal=False))  # a head alone keeps nine cores idle


def test_three_kernels_are_launched_and_two_of_them_stream() -> None:
    found = backward(replace(PARAMETERS, launch_s=1e-6))
    around = 10 * 512 * 64 * (2 * 2 + 2 * 4 + 2) / 1e13  # O, dO, zeros, the sum again and dQ, in the L2
    assert found.total_s[0] == pytest.approx(3e-6 + found.compute_s[0] + around)
