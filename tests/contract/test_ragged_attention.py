"""Every cost model prices attention over unequal sequences, and equal ones as it prices a uniform batch."""

from __future__ import annotations

import time

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.traversal import Span

#: A system and an element type for each cost model.
MACHINES = {
    "bsp": ("graphcore-gc200", DType.FP16),
    "gpu": ("nvidia-h100-sxm", DType.BF16),
    "manycore": ("tenstorrent-n150", DType.BF16),
    "mesh": ("cerebras-cs2", DType.FP16),
    "systolic": ("google-tpu-v4-pod:4", DType.BF16),
}
models = pytest.mark.parametrize("model", COST_MODELS.names())
SPANS = [Span(1, 999, 8), Span(64, 100, 3), Span(512, 0, 2)]


def cost(model: str, operator: Operator) -> Cost:
    chip = load_system(MACHINES[model][0]).chip
    assert chip.cost_model == model
    return COST_MODELS.get(model)().cost(operator, chip, Region(*chip.core_grid))


def ragged(model: str, *spans: Span) -> Cost:
    return cost(model, RaggedAttention.of(spans, heads=32, kv_heads=8, head_dim=128, dtype=MACHINES[model][1]))


@models
@pytest.mark.parametrize("span", SPANS, ids=str)
def test_one_span_costs_what_the_uniform_batch_costs(model: str, span: Span) -> None:
    uniform = Attention.of(span.count, Heads(32, 8, 128), span.new, span.length, dtype=MACHINES[model][1])
    found, expected = ragged(model, span), cost(model, uniform)
    assert found.work_s == pytest.approx(expected.work_s, rel=1e-12)
    assert found.energy_j == pytest.approx(expected.energy_j, rel=1e-12)
    assert found.traffic_bytes == pytest.approx(expected.traffic_bytes, rel=1e-12)
    assert found.parts_s.keys() == expected.parts_s.keys()


@models
def test_parts_of_the_time_add_up_and_bytes_are_at_least_those_of_every_span(model: str) -> None:
    found = ragged(model, *SPANS)
    assert sum(found.parts_s.values()) == pytest.approx(found.work_s, rel=1e-12)
    alone = [ragged(model, span) for span in SPANS]
    for level, nbytes in found.traffic_bytes.items():
        assert nbytes == pytest.approx(sum(one.traffic_bytes[level] for one in alone), rel=1e-12)
    assert found.work_s <= sum(one.work_s for one in alone)
    assert found.work_s > max(one.work_s for one in alone)


@models
def test_a_longer_sequence_takes_longer(model: str) -> None:
    short, long = (ragged(model, Span(1, 100, 4), Span(1, cached)) for cached in (1000, 50_000))
    assert short.work_s < long.work_s


def test_many_spans_are_priced_in_one_go_on_a_gpu() -> None:
    spans = [*(Span(1, 100 + 37 * i) for i in range(250)), *(Span(100 + i, 10 * i) for i in range(6))]
    ragged("gpu", *spans[:2], spans[-1])  # imports, the chip's file
    start = time.perf_counter()
    ragged("gpu", *spans)
    assert time.perf_counter() - start < 0.25  # about 2 ms on an idle core; one by one it is 50 times that
