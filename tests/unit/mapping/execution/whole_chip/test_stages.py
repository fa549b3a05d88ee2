"""Prefill in microbatches on a chain of stages: layers dealt, cells played, every second and byte accounted for."""

import dataclasses
import math

import numpy as np
import pytest

from accelsim import simulate
from accelsim.cost.call import Call, LevelSteps
from accelsim.cost.cost import Cost
from accelsim.engine.program import run_program
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.cells import StageProgram, lower_pipelined
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.lower import lower
from accelsim.mapping.parallel.pipeline import deal, layers_of_stages, sends
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import PricedOperator, Pricer
from accelsim.mapping.schedule.base import INFERENCE, SCHEDULES, bubble_fraction
from accelsim.mapping.shard import shard
from accelsim.network.seats import Seats
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.group import Group
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.phase import Decode, Prefill

MODEL = load_model("llama3-8b")  # 32 layers
NOTHING = Cost.of_call(Call("send_recv", 0, 2, "direct"), 0.0, [LevelSteps("nvlink", (), 1, 0.0, math.inf)])


def cells_of(schedule, num_stages, num_microbatches):
    played = SCHEDULES.get(schedule)
    return [tuple(played.cells(stage, num_stages, num_microbatches, INFERENCE)) for stage in range(num_stages)]


def stages_of(system, plan, phase):
    """Each stage lowered for one microbatch, with what it sends."""
    share = shard(build_workload(MODEL, phase), plan)
    parts = deal(share, plan.pp)
    pricer = Pricer(system, region_of(plan, system.chip), Seats(plan.num_ranks))
    lowered = [lower([blocks], system) for blocks in map(pricer.price, parts)]
    links = [*(pricer.priced(operator) for operator in sends(share, parts, plan.mesh)), None]
    return [StageProgram(one, link) for one, link in zip(lowered, links, strict=True)]


@pytest.mark.parametrize("schedule", SCHEDULES.names())
@pytest.mark.parametrize(("num_stages", "num_microbatches"), [(2, 1), (3, 5), (4, 8)])
def test_the_bubble_of_equal_stages_is_the_closed_form_to_the_tick(schedule, num_stages, num_microbatches):
    system = load_system("nvidia-dgx-h100:8")
    whole = build_workload(MODEL, Prefill(1, 256))
    layers = dataclasses.replace(whole, segments=(dataclasses.replace(whole.segments[1], repeat=4),))
    lowered = lower([Pricer(system, region_of(Plan(), system.chip)).price(layers)], system)
    cell_ticks = run_program(lowered.program).makespan_ticks
    send = PricedOperator(SendRecv.of(1, Group("pp", num_stages)), NOTHING)
    stages = [StageProgram(lowered, send)] * (num_stages - 1) + [StageProgram(lowered, None)]
    program, _, cells = lower_pipelined(stages, cells_of(schedule, num_stages, num_microbatches), system, 1)
    timeline = run_program(program).stages[0].timeline
    assert timeline.makespan_ticks == (num_microbatches + num_stages - 1) * cell_ticks
    assert cells.bubble_fraction(timeline) == pytest.approx(bubble_fraction(num_stages, num_microbatches), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "plan"), [("nvidia-dgx-h100:4", "pp=4"), ("nvidia-dgx-h100:16", "tp=8,pp=2"), ("groq-node", "tp=1,pp=4")]
)
def test_folded_cells_are_the_cells_with_all_tasks_to_the_tick(name, plan):
    system, plan = load_system(name), Plan.parse(plan)
    stages = stages_of(system, plan, Prefill(2, 256))
    assert all(stage.is_alone for stage in stages)
    orders = cells_of("gpipe", plan.pp, 5)
    (folded, _, some), (unfolded, _, every) = (
        lower_pipelined(stages, orders, system, 1, fold) for fold in (True, False)
    )
    one, other = (run_program(program).stages[0].timeline for program in (folded, unfolded))
    assert folded.num_tasks < unfolded.num_tasks / 5
    assert one.makespan_ticks == other.makespan_ticks
    for short, long in zip(some.spans(one), every.spans(other), strict=True):
        assert np.array_equal(short, long)
    assert one.link_bytes.sum() == other.link_bytes.sum()


def test_a_send_over_the_links_of_its_stage_shares_them():
    system, plan = load_system("nvidia-dgx-h100:8"), Plan.parse("tp=2,pp=4")
    stages = stages_of(system, plan, Prefill(2, 256))
    assert [stage.is_alone for stage in stages] == [False, False, False, True]
    program, _, _ = lower_pipelined(stages, cells_of("gpipe", 4, 8), system, 2)
    assert "nvlink@1" in program.stages[0].graph.links


def test_layers_are_dealt_by_count_the_ends_with_fewer():
    assert layers_of_stages(32, 4) == (8, 8, 8, 8)
    assert layers_of_stages(30, 4) == (7, 8, 8, 7)
    assert layers_of_stages(31, 4) == (8, 8, 8, 7)
    assert sum(layers_of_stages(61, 8)) == 61
    with pytest.raises(PlanError, match="pp=5 stages for 4 layers"):
        layers_of_stages(4, 5)


def test_stages_hold_all_of_the_model_once():
    whole = build_workload(load_model("mixtral-8x7b"), Prefill(1, 16))
    parts = deal(whole, 5)
    assert sum(part.weight_bytes for part in parts) == whole.weight_bytes
    assert sum(part.flops for part in parts) == whole.flops
    assert [part.segments[0].name for part in parts] == ["embedding", *["decoder"] * 4]


def test_a_run_accounts_for_every_second_and_byte():
    whole = simulate("llama3-8b", "nvidia-dgx-h100:1", Prefill(8, 512), "tp=1", what_ifs=False)
    result = simulate("llama3-8b", "nvidia-dgx-h100:4", Prefill(8, 512), "pp=4,microbatches=8", what_ifs=False)
    assert sum(result.ledger.cause_s.values()) == pytest.approx(result.latency_s)
    assert result.ledger.flops == whole.ledger.flops
    assert result.tokens == whole.tokens
    # three boundaries, each with the residual stream of all tokens in 16 bit
    assert result.ledger.traffic_bytes["nvlink"] == 3 * 8 * 512 * 4096 * 2
    assert bubble_fraction(4, 8) < result.bubble_fraction < bubble_fraction(4, 8) + 0.05
    assert result.to_dict()["pipeline"]["bubble_fraction"] == result.bubble_fraction
    assert result.num_chips == 4


def test_more_microbatches_leave_a_smaller_bubble():
    few, many = (
        simulate("llama3-8b", "nvidia-dgx-h100:16", Prefill(16, 512), f"tp=8,pp=2,microbatches={m}", what_ifs=False)
        for m in (2, 16)
    )
    assert many.bubble_fraction < few.bubble_fraction


def test_stages_on_different_nodes_send_over_the_network():
    near, far = (
        simulate("llama3-8b", "nvidia-dgx-h100:16", Prefill(4, 512), f"tp=2,pp=2,dp=4,order={order}", what_ifs=False)
        for order in ("tp-pp-dp", "tp-dp-pp")
    )
    assert "infiniband" not in near.ledger.traffic_bytes
    assert (
        far.ledger.traffic_bytes["infiniband"] == 4 * 2 * 512 * 4096 * 2
    )  # ranks of a stage x tokens x width x 2 bytes


def test_a_stage_holds_its_weights_and_the_cache_of_all_microbatches():
    one, two = (
        simulate("llama3-8b", "nvidia-dgx-h100:2", Prefill(4, 512), f"pp=2,microbatches={m}", what_ifs=False)
        for m in (1, 4)
    )
    assert one.footprint.role_bytes["kv_cache"] == two.footprint.role_bytes["kv_cache"]
    assert one.footprint.role_bytes["activation"] > two.footprint.role_bytes["activation"]
    layers = 16 * build_workload(MODEL, Prefill(1, 1)).segments[1].graph.weights[0].size_bytes
    assert layers < one.footprint.role_bytes["weight"] < MODEL.num_parameters * 2 * 0.6


def test_a_stage_that_does_not_fit_is_named():
    with pytest.raises(
        CapacityError, match=r"stage \d of 0 to 1 needs .* short\. Each of these alone fits: --on nvidia-dgx-h100:"
    ):
        simulate("llama3-405b", "nvidia-dgx-h100:2", Prefill(1, 16), "pp=2")
    result = simulate("llama3-405b", "nvidia-dgx-h100:2", Prefill(1, 16), "pp=2", ignore_capacity=True, what_ifs=False)
    assert result.warnings[0].startswith("capacity-ignored: ") or any("stage" in text for text in result.warnings)


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ("pp=2,schedule=1f2b", "unknown schedule '1f2b'. Known: 1f1b, gpipe"),
        ("microbatches=2", "microbatches has no meaning unless pp > 1"),
        ("schedule=1f1b", "schedule has no meaning unless pp > 1"),
        ("pp=2,microbatches=3", "microbatches=3 does not divide the sequences of a replica. Use a divisor"),
        ("pp=64", "needs 64 chips"),
    ],
)
def test_what_no_pipeline_can_play_is_told(plan, complaint):
    with pytest.raises(PlanError, match=complaint):
        simulate("llama3-8b", "nvidia-dgx-h100:8", Prefill(4, 16), plan)


def test_decode_in_stages_is_refused_in_words():
    with pytest.raises(PlanError, match="pp=2 plays decode not yet"):
        simulate("llama3-8b", "nvidia-dgx-h100:8", Decode(4, 16), "pp=2")


def test_a_host_that_launches_kernels_slows_every_stage():
    slow, fast = (
        simulate(
            "llama3-8b", "nvidia-dgx-h100:2", Prefill(2, 64), "pp=2,microbatches=2", profile=profile, what_ifs=False
        )
        for profile in ("eager", "graph")
    )
    assert slow.latency_s > fast.latency_s
    assert sum(slow.ledger.cause_s.values()) == pytest.approx(slow.latency_s)


@pytest.mark.parametrize("plan", ["pp=4,microbatches=4", "pp=4,tp=2,microbatches=4", "pp=2,tp=2,dp=2,microbatches=2"])
def test_rows_count_and_time_one_rank_of_each_stage_and_bytes_of_all_chips(plan):
    result = simulate(MODEL, "nvidia-dgx-h100", Prefill(8, 256), plan, what_ifs=False)
    plan = result.plan
    row = next(row for row in result.ledger.rows if row.operator == "mlp.gate_up")
    assert row.count == 32 * plan.microbatches  # each layer on one stage, once for each microbatch
    alone = simulate(MODEL, "nvidia-dgx-h100", Prefill(8, 256), "pp=2", what_ifs=False)
    assert row.flops == next(row for row in alone.ledger.rows if row.operator == "mlp.gate_up").flops
    # where operators follow one another on a stage, they fill what is no bubble; sends beside them are apart
    on_stages_s = sum(row.time_s for row in result.ledger.rows if row.block != "pipeline")
    assert on_stages_s / (plan.pp * result.latency_s) == pytest.approx(1 - result.bubble_fraction, rel=5e-3)


def test_a_batch_that_goes_through_the_stages_as_a_whole_is_told() -> None:
    def warnings(batch: int, plan: str) -> list[str]:
        result = simulate("llama3-8b", "nvidia-dgx-h100:4", Prefill(batch, 64), plan, what_ifs=False)
        return [text for text in result.warnings if text.startswith("one-microbatch")]

    assert len(warnings(8, "pp=4")) == 1
    assert warnings(8, "pp=4,microbatches=2") == warnings(1, "pp=4") == []
