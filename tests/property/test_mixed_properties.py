"""Laws of mixed passes: uniform where they are, additive over spans, and the same however spans are written."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.model import GpuCostModel
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.mapping.footprint import kv_cache_bytes
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.pipeline import simulate
from accelsim.workload.build import build_segments, build_workload
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.phase import Decode, Mixed, Phase, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.traversal import Span, Traversal

RECIPE = Recipe.of(DType.BF16)
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "vocab_size": 96,
    "max_position_embeddings": 100_000,
    "num_attention_heads": 4,
}
GROUPED = Model.model_validate({**SIZES, "num_key_value_heads": 2})
WINDOWED = Model.model_validate({**SIZES, "num_key_value_heads": 2, "sliding_window": 20})
LATENT = Model.model_validate(
    {
        **SIZES,
        "kv_lora_rank": 32,
        "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4,
        "v_head_dim": 8,
        "head_dim": 12,
    }
)
MODELS = st.sampled_from([GROUPED, WINDOWED, LATENT])
SPANS = st.builds(Span, st.integers(1, 40), st.integers(0, 60), st.integers(1, 3))
BATCHES = st.lists(SPANS, min_size=1, max_size=5)
CONTEXTS = st.integers(1, 600) | st.integers(1, 40_000)
#: Sequences that decode, of lengths up to tens of thousands.
DECODES = st.lists(st.builds(Span, st.just(1), CONTEXTS, st.integers(1, 40)), min_size=1, max_size=5)


def block(model: Model, *spans: Span) -> OperatorGraph:
    return build_segments(model, Traversal.ragged(spans), RECIPE)[1].graph


@given(st.lists(SPANS | st.builds(Span, st.integers(1, 9), st.integers(0, 9), st.just(1), st.just(True)), min_size=1))
def test_a_mixed_phase_is_its_text_in_any_order(spans: list[Span]) -> None:
    phase = Mixed([*spans, Span(1, 7)])
    text = str(phase).removeprefix("mixed spans=")
    assert Mixed(text) == Mixed(reversed(text.split(","))) == phase  # type: ignore[arg-type]  # texts of spans
    assert phase.tokens == sum(span.tokens for span in spans) + 1


@given(MODELS, st.integers(1, 3), st.integers(1, 40), st.integers(1, 60))
@settings(deadline=None)
def test_one_span_is_the_uniform_phase(model: Model, batch: int, prompt: int, context: int) -> None:
    pairs: list[tuple[Mixed, Phase]] = [
        (Mixed([Span(prompt, 0, batch)]), Prefill(batch, prompt)),
        (Mixed([Span(1, context, batch)]), Decode(batch, context)),
    ]
    for mixed, uniform in pairs:
        found, expected = (build_workload(model, phase, RECIPE) for phase in (mixed, uniform))
        assert found.segments == expected.segments
        assert found.tokens == expected.tokens


@pytest.mark.parametrize(
    ("system", "plan"),
    [
        ("nvidia-h100-sxm", "tp=1"),
        ("nvidia-dgx-h100", "tp=4,dp=2"),
        ("google-tpu-v4-pod:4", "tp=4"),
        ("cerebras-cs2", "region=480x480"),
        ("cerebras-cs2", "execution=weight_streaming"),
    ],
)
@pytest.mark.parametrize(
    ("mixed", "uniform"),
    [(Mixed("200x2"), Prefill(2, 200)), (Mixed("1+300x4"), Decode(4, 300))],
    ids=["prefill", "decode"],
)
def test_one_span_takes_the_ticks_of_the_uniform_phase(system: str, plan: str, mixed: Mixed, uniform: Phase) -> None:
    results = [simulate("llama3-8b", system, phase, plan, what_ifs=False) for phase in (mixed, uniform)]
    assert results[0].timeline.makespan_ticks == results[1].timeline.makespan_ticks
    assert results[0].tokens_per_s == results[1].tokens_per_s
    assert results[0].footprint == results[1].footprint


def test_a_prompt_as_a_span_streams_over_tiles_like_a_prefill() -> None:
    plan = "execution=spatial,placer=snake,chunk=16"
    results = [simulate("gpt2-xl", "cerebras-cs2", p, plan, what_ifs=False) for p in (Mixed("64"), Prefill(1, 64))]
    assert results[0].timeline.makespan_ticks == results[1].timeline.makespan_ticks


@given(MODELS, BATCHES)
@settings(deadline=None)
def test_work_and_cache_add_up_over_sequences(model: Model, spans: list[Span]) -> None:
    whole, alone = block(model, *spans), [block(model, span) for span in spans]
    assert kv_cache_bytes(whole) == sum(kv_cache_bytes(graph) for graph in alone)
    joins = sum(op.flops for op in whole if op.name == "attn.join")
    assert whole.flops - joins == sum(graph.flops for graph in alone)


@given(MODELS, BATCHES, st.data())
@settings(deadline=None)
def test_a_longer_cache_is_no_less_work_nor_fewer_bytes(model: Model, spans: list[Span], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(spans) - 1))
    # a first cached token may change the form of latent attention, which weighs operations and not bytes
    assume(model is not LATENT or spans[at].cached)
    more = [*spans]
    more[at] = replace(spans[at], cached=spans[at].cached + data.draw(st.integers(1, 50)))
    before, after = (block(model, *batch) for batch in (spans, more))
    assert after.flops >= before.flops
    assert kv_cache_bytes(after) >= kv_cache_bytes(before)
    assert sum(op.reads for op in after if "attention" in op.kind) >= sum(
        op.reads for op in before if "attention" in op.kind
    )


@given(st.sampled_from([GROUPED, WINDOWED, LATENT]), BATCHES, st.sampled_from([2, 4]))
@settings(deadline=None)
def test_ranks_share_the_work_of_a_mixed_pass(model: Model, spans: list[Span], tp: int) -> None:
    workload = build_workload(model, Mixed(spans), RECIPE)
    local = shard(workload, Plan(tp=tp))
    whole = {op.name: op for segment in workload.segments for op in segment.graph}
    for segment in local.segments:
        for op in segment.graph:
            if "attention" in op.kind:
                assert op.flops * tp == whole[op.name].flops


@cache
def chip(name: str) -> Any:
    return load_system(name).chip


def cost(name: str, operator: Operator) -> Cost:
    return GpuCostModel().cost(operator, chip(name), Region(*chip(name).core_grid))


def ragged(name: str, heads: tuple[int, int], spans: list[Span], window: int = 0) -> Cost:
    seen = [replace(s, cached=min(s.cached, window - 1)) for s in spans] if window else spans
    return cost(name, RaggedAttention.of(seen, *heads, head_dim=128, window=window))


GPUS = st.sampled_from(["nvidia-a100-sxm-80gb", "nvidia-h100-sxm", "amd-mi300x", "nvidia-b200-sxm"])
HEADS = st.sampled_from([(32, 8), (8, 1), (32, 32), (64, 8)])
WINDOWS = st.sampled_from([0, 0, 128, 4096])


@given(GPUS, HEADS, DECODES, WINDOWS)
@example("nvidia-h100-sxm", (32, 8), [Span(1, 2047, 24), Span(1, 10239, 8)], 0)
@settings(deadline=None)
def test_unequal_contexts_take_as_long_as_the_mean_at_least_and_as_the_largest_at_most(
    gpu: str, heads: tuple[int, int], spans: list[Span], window: int
) -> None:
    count = sum(span.count for span in spans)
    lengths = [min(span.length, window) if window else span.length for span in spans]
    mean = sum(length * span.count for length, span in zip(lengths, spans, strict=True)) // count
    found = ragged(gpu, heads, spans, window).work_s
    uniform = [Attention.of(count, Heads(*heads, 128), 1, kv, Mask(window=window)) for kv in (mean, max(lengths))]
    low, high = (cost(gpu, operator).work_s for operator in uniform)
    assert low * (1 - 1e-12) <= found <= high * (1 + 1e-12)


@given(GPUS, HEADS, DECODES, WINDOWS, st.data())
@settings(deadline=None)
def test_a_longer_context_never_makes_a_decode_quicker(
    gpu: str, heads: tuple[int, int], spans: list[Span], window: int, data: st.DataObject
) -> None:
    more = [replace(span, cached=span.cached + data.draw(st.sampled_from([0, 1, 100]))) for span in spans]
    before, after = (ragged(gpu, heads, batch, window).work_s for batch in (spans, more))
    assert after >= before * (1 - 1e-12)


@given(GPUS, HEADS, st.lists(SPANS, min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_neither_order_nor_division_of_spans_changes_a_price(
    gpu: str, heads: tuple[int, int], spans: list[Span], data: st.DataObject
) -> None:
    singles = [replace(span, count=1) for span in spans for _ in range(span.count)]
    one, other = ragged(gpu, heads, spans), ragged(gpu, heads, data.draw(st.permutations(singles)))
    assert other.work_s == pytest.approx(one.work_s, rel=1e-12)
    assert other.traffic_bytes == pytest.approx(one.traffic_bytes, rel=1e-12)
    assert other.energy_j == pytest.approx(one.energy_j, rel=1e-12)


#: A system of every cost model that takes one batch after another, and the grid of cores.
BATCH_AFTER_BATCH = st.sampled_from(
    [("cerebras-cs2", 360, 360), ("cerebras-cs2", 90, 120), ("graphcore-gc200", 32, 46), ("google-tpu-v4-pod:4", 1, 2)]
)


@given(BATCH_AFTER_BATCH, HEADS, DECODES)
@example(("cerebras-cs2", 360, 360), (32, 8), [Span(1, 100 * (i + 1)) for i in range(7)] + [Span(1, 800)])
@example(("graphcore-gc200", 32, 46), (32, 8), [Span(1, 100, 4), Span(1, 700, 4)])
@settings(deadline=None)
def test_on_arrays_meshes_and_tiles_unequal_contexts_lie_between_the_mean_and_the_largest(
    machine: tuple[str, int, int], heads: tuple[int, int], spans: list[Span]
) -> None:
    name, rows, cols = machine
    model, region, dtype = COST_MODELS.get(chip(name).cost_model)(), Region(rows, cols), DType.BF16

    def priced(operator: Operator) -> Cost:
        return model.cost(operator, chip(name), region)

    count, longest = sum(span.count for span in spans), max(span.length for span in spans)
    mean = sum(span.length * span.count for span in spans) // count
    low, high = (priced(Attention.of(count, Heads(*heads, 128), 1, kv, dtype=dtype)) for kv in (mean, longest))
    assume(not any("exceeds-sram" in warning for warning in high.warnings))
    found = priced(RaggedAttention.of(spans, *heads, head_dim=128, dtype=dtype)).work_s
    assert low.work_s * (1 - 1e-12) <= found <= high.work_s * (1 + 1e-12)
