"""Standard attention and three generations of flash attention, forward and backward, against published figures.

The suites ``attention_flash1`` and ``attention_flash23`` hold the errors; here: the ratios the papers are about, errors
on shapes a fit did not see, and what the measured rows themselves say.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from accelsim.cost.calibrate import ErrorSummary
from accelsim.hardware.system import load_chip
from accelsim.validation.refit import refit
from accelsim.validation.suites import calibration_table, run_suite, suite_table

Row = tuple[str, int, int, int]


@cache
def times(suite: str) -> dict[Row, tuple[float, float]]:
    """Predicted and measured seconds by operator, sequence, dropout and mask."""
    table, found = suite_table(suite), run_suite(suite)
    columns = (table.text(name) for name in ("op", "q_len", "dropout", "mask"))
    keys = [(op, int(seq), int(dropout), int(mask)) for op, seq, dropout, mask in zip(*columns, strict=True)]
    return dict(zip(keys, zip(found.predicted_s, found.measured_s, strict=True), strict=True))


def summary(*names: str) -> ErrorSummary:
    pairs = np.array([pair for key, pair in times("attention_flash1").items() if key[0] in names])
    return ErrorSummary.of(pairs[:, 0], pairs[:, 1])


@pytest.mark.parametrize("library", ["standard", "flash1"])
def test_times_of_the_tables_are_within_fifteen_percent(library: str) -> None:
    error = summary(*(f"{library}_{direction}" for direction in ("forward", "backward", "training")))
    print(f"\n{library}: {error}")
    assert error.mape <= 0.09
    assert abs(error.bias) <= 0.04


def test_a_fused_softmax_is_within_fifteen_percent_beside_one_row_that_contradicts_the_others() -> None:
    # forward with dropout and mask at 2048 takes 16.19 ms by table 9, although forward and backward together take 16.50
    # ms by table 11 and the backward pass alone 8.43 ms by table 10
    rows = {key: pair for key, pair in times("attention_flash1").items() if key[0].startswith("megatron")}
    odd = ("megatron_forward", 2048, 1, 1)
    alone = rows[("megatron_training", 2048, 1, 1)][1] - rows[("megatron_backward", 2048, 1, 1)][1]
    assert rows[odd][1] / alone > 1.9
    assert abs(rows[odd][0] / alone - 1.0) < 0.05
    pairs = np.array([pair for key, pair in rows.items() if key != odd])
    assert ErrorSummary.of(pairs[:, 0], pairs[:, 1]).mape <= 0.08


def test_flash_attention_gains_over_standard_attention_as_published() -> None:
    # 1.6 to 3.4 times at 2,048 tokens; a ratio has the errors of two predictions
    found = times("attention_flash1")
    errors = []
    for direction in ("forward", "backward", "training"):
        for dropout, mask in ((0, 0), (0, 1), (1, 0), (1, 1)):
            slow, fast = (found[(f"{library}_{direction}", 2048, dropout, mask)] for library in ("standard", "flash1"))
            predicted, measured = slow[0] / fast[0], slow[1] / fast[1]
            print(f"{direction:8s} dropout {dropout} mask {mask}: {predicted:.2f} times, measured {measured:.2f}")
            assert 1.5 < measured < 4.0
            errors.append(abs(predicted / measured - 1.0))
    assert max(errors) <= 0.25
    assert float(np.mean(errors)) <= 0.08


@pytest.mark.parametrize(
    ("chip", "section", "mape"),
    [
        ("nvidia-a100-sxm-40gb", "attention_flash1", 0.09),
        ("nvidia-a100-sxm-80gb", "attention_flash2", 0.03),
        ("nvidia-h100-sxm", "attention_flash2", 0.045),
        ("nvidia-h100-sxm", "attention_flash3", 0.07),
    ],
)
def test_errors_hold_on_shapes_the_fit_did_not_see(chip: str, section: str, mape: float) -> None:
    fit = refit(load_chip(chip), calibration_table(chip), [section]).fits[0]
    assert len(fit.numbers) <= 8
    assert fit.unseen is not None
    print(f"\n{chip} {section}: {fit.unseen}")
    assert fit.unseen.mape <= mape


def test_a_causal_mask_saves_less_than_half_of_the_time_for_short_sequences() -> None:
    # FlashAttention-3 at heads of 128: 0.8 of the time at 512 and 0.53 at 16,384 tokens
    table, found = suite_table("attention_flash23"), run_suite("attention_flash23")
    columns = (table.text(name) for name in ("op", "head_dim", "q_len", "causal"))
    rows = {key: i for i, key in enumerate(zip(*columns, strict=True))}
    for seconds in (found.predicted_s, found.measured_s):
        short, long = (
            seconds[rows[("flash3_forward", "128", seq, "1")]] / seconds[rows[("flash3_forward", "128", seq, "0")]]
            for seq in ("512", "16384")
        )
        assert 0.7 < short < 0.95
        assert 0.45 < long < 0.6
