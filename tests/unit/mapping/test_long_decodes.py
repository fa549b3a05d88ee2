"""A long decode shares what its steps have in common, and is what its steps are one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.lower import lower
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.shard import shard, shard_all
from accelsim.workload.build import build_step, build_steps
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode
from accelsim.workload.recipe import Recipe

PHASE = Decode(batch=2, context=0, steps=5)
PLAN = Plan(tp=4)
COLUMNS = ("server", "work_ticks", "nbytes", "latency_ticks", "priority", "route_ptr", "route_link", "label")


def one_by_one(model, attention):
    """Every step on its own, sharing nothing with the others."""
    return [build_step(model, PHASE, step, Recipe.of(model.torch_dtype, attention)) for step in range(PHASE.steps)]


@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("name", ["llama3-8b", "mistral-7b", "gpt3-13b"])
def test_steps_built_together_equal_steps_built_alone(name, attention):
    model = load_model(name)
    assert build_steps(model, PHASE, Recipe.of(model.torch_dtype, attention=attention)) == one_by_one(model, attention)


def test_only_what_depends_on_the_length_of_the_cache_is_new_in_a_step():
    first, second, third = build_steps(load_model("llama3-8b"), replace(PHASE, context=7, steps=3))
    assert third.segments[0] is second.segments[0] is first.segments[0]  # embedding
    assert third.segments[2] is second.segments[2] is first.segments[2]  # head
    pairs = zip(first.segments[1].graph, second.segments[1].graph, strict=True)
    assert [a.name for a, b in pairs if a is not b] == ["attn.attention"]


def test_steps_of_a_full_window_are_one_object():
    model = load_model("mistral-7b")
    steps = build_steps(model, Decode(1, model.sliding_window - 1, 3))
    assert steps[0].segments == steps[2].segments
    assert steps[0].segments[1] is steps[2].segments[1]


@pytest.mark.parametrize("attention", ["flash", "standard"])
def test_steps_sharded_together_equal_steps_sharded_alone(attention):
    model = load_model("llama3-8b")
    together = shard_all(build_steps(model, PHASE, Recipe.of(model.torch_dtype, attention=attention)), PLAN)
    assert together == [shard(step, PLAN) for step in one_by_one(model, attention)]
    assert together[1].segments[0] is together[0].segments[0]


@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("plan", [Plan(tp=4), Plan(tp=1)])
def test_steps_lowered_together_equal_steps_lowered_alone(plan, attention):
    model, system = load_model("llama3-8b"), load_system("nvidia-dgx-h100:4")
    region = region_of(plan, system.chip)
    pricer = Pricer(system, region)
    shares = shard_all(build_steps(model, PHASE, Recipe.of(model.torch_dtype, attention=attention)), plan)
    together = lower([pricer.price(share) for share in shares], system)
    alone = [lower([Pricer(system, region).price(shard(step, plan))], system) for step in one_by_one(model, attention)]
    stages = [stage for one in alone for stage in one.program.stages]
    blocks = [block for one in alone for block in one.blocks]
    assert len(together.program.stages) == len(stages) == 3 * PHASE.steps
    for ours, theirs in zip(together.program.stages, stages, strict=True):
        assert (ours.name, ours.repeat, ours.graph.labels) == (theirs.name, theirs.repeat, theirs.graph.labels)
        for column in COLUMNS:
            assert getattr(ours.graph, column).tolist() == getattr(theirs.graph, column).tolist(), column
        for task in range(ours.graph.num_tasks):
            assert ours.graph.predecessors(task).tolist() == theirs.graph.predecessors(task).tolist()
    for ours, theirs in zip(together.blocks, blocks, strict=True):
        assert (ours.operators, ours.predecessors) == (theirs.operators, theirs.predecessors)
    # Embedding and head once, the decoder once per length of the cache.
    assert len(together.program.distinct_stages()) == 2 + PHASE.steps


def test_equal_blocks_of_workloads_built_apart_are_one_object():
    model, system = load_model("llama3-8b"), load_system("nvidia-dgx-h100:1")
    pricer = Pricer(system, region_of(Plan(), system.chip))
    first, second = (pricer.price(build_step(model, PHASE, 1)) for _ in range(2))
    assert all(a is b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("context", [0, 4090, 4095, 5000])
def test_a_window_that_fills_on_the_way_is_built_step_by_step(context):
    model = load_model("mistral-7b")  # a window of 4,096
    phase = Decode(batch=1, context=context, steps=9)
    assert build_steps(model, phase) == [build_step(model, phase, step) for step in range(9)]


@pytest.mark.parametrize("name", ["deepseek-v3", "gpt-oss-120b"])
def test_steps_of_latent_attention_and_of_mixed_layers_equal_steps_built_alone(name):
    model, phase = load_model(name), Decode(batch=2, context=3, steps=6)
    together = build_steps(model, phase)
    assert together == [build_step(model, phase, step) for step in range(6)]
    assert shard_all(together, PLAN) == [shard(step, PLAN) for step in together]


def test_attentions_priced_together_equal_attentions_priced_alone():
    system = load_system("nvidia-dgx-h100")
    passes = build_steps(load_model("llama3-8b"), Decode(batch=4, context=500, steps=7))
    together = Pricer(system, region_of(PLAN, system.chip)).price_all(passes)
    alone = [Pricer(system, region_of(PLAN, system.chip)).price(workload) for workload in passes]
    for one, other in zip(together, alone, strict=True):
        assert [op.cost for block in one for op in block.operators] == [
            op.cost for block in other for op in block.operators
        ]
