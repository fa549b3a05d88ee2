"""Attention by the type of its cache and by the kind of its keys: which section prices what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim import load_chip
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.decode import decode_times
from accelsim.cost.gpu.kernels.attention_decode import DECODE
from accelsim.cost.gpu.kernels.base import Families, Site
from accelsim.dtypes import DType
from accelsim.workload.operators.attention import Attention, Heads


@pytest.fixture(scope="module")
def h100():
    return Site.of(load_chip("nvidia-h100-sxm"))


def priced(site, q_len, kv_len, cache):
    plain = Attention.of(4, Heads(32, 8, 128), q_len, kv_len)
    query, *kept = plain.inputs
    operator = replace(plain, inputs=(query, *(replace(tensor, dtype=cache) for tensor in kept)))
    return Families.known().of_operator(operator).costs([operator], site)[0]


def test_a_cache_in_fp8_halves_what_a_long_decode_reads(h100):
    wide = priced(h100, 1, 65_536, DType.BF16)
    narrow = priced(h100, 1, 65_536, DType.FP8)
    assert narrow.traffic_bytes["hbm"] == pytest.approx(wide.traffic_bytes["hbm"] / 2, rel=1e-3)
    assert narrow.work_s < wide.work_s


def test_wide_heads_wait_for_one_item_per_core_at_most(h100):
    """Below that the wait grows by the item; from there on only the waves of cores do."""
    parameters, _ = h100.calibration.read(DECODE)
    batch = np.array([64.0, 128.0, 132.0, 2048.0])
    shapes = AttentionShapes.of(batch, 1.0, 1.0, 512.0, 1.0, 32.0)
    seconds = decode_times(h100.machine, parameters, shapes, core_flops_per_s=h100.core_flops_per_s(DType.BF16)).total_s
    assert seconds[1] - seconds[0] == pytest.approx(64 * parameters.wide_head_s, rel=0.2)
    assert seconds[3] < seconds[2] + 16 * seconds[0]
    assert seconds[3] < 0.7e-3  # 4.2 ms while every sequence waited for all before it; 0.51 ms is measured
