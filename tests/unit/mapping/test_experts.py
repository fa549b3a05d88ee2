"""Expert parallelism: what a rank holds, computes and sends, and which plans fit."""

from __future__ import annotations

import math

import pytest

from accelsim import simulate
from accelsim.dtypes import DType, Format
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.system import load_chip, load_system
from accelsim.mapping.execution.spatial.groups import build_pipeline
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.shard import shard
from accelsim.mapping.types import choose_types
from accelsim.network.expert_kernels import ExpertExchange, expert_exchange
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.graph import Workload
from accelsim.workload.group import Group
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.exchange import Exchange
from accelsim.workload.operators.experts import Experts
from accelsim.workload.phase import Decode, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.routing import Routing, copies
from accelsim.workload.types import TypeOptions

BALANCED = Routing("balanced")


@pytest.fixture(scope="module")
def deepseek() -> Model:
    return load_model("deepseek-v3")


def routed(routing: Routing) -> Recipe:
    return Recipe.of(DType.BF16, routing=routing)


def layer(workload: Workload) -> dict[str, Operator]:
    return {operator.name: operator for operator in workload.segments[-2].graph}


def experts(workload: Workload) -> Experts:
    found = layer(workload)["moe.experts"]
    assert isinstance(found, Experts)
    return found


@pytest.mark.parametrize(("tp", "ep"), [(8, 2), (8, 4), (8, 8), (8, 1)])
def test_inside_a_group_each_rank_has_whole_or_divided_experts_and_one_sum(deepseek: Model, tp: int, ep: int) -> None:
    whole = build_workload(deepseek, Decode(32, 100), routed(BALANCED))
    share = shard(whole, Plan(tp=tp, ep=ep))
    mine = experts(share)
    assert (mine.local_experts, mine.ffn) == (256 // ep, 2048 // (tp // ep))
    assert mine.weight_bytes * tp == experts(whole).weight_bytes
    # Every rank works on 32 x 8 rows, of which 1 / ep are its experts'
    assert mine.rows == 32 * 8 // ep
    names = [name for name in layer(share) if "all_reduce" in name]
    assert names == ["attn.out.all_reduce", "moe.sum.all_reduce"]  # routed and shared experts are summed before


def test_over_replicas_tokens_travel_to_their_experts_and_back(deepseek: Model) -> None:
    whole = build_workload(deepseek, Decode(16, 100), Recipe.of(DType.BF16, routing=BALANCED))  # of one replica
    share = shard(whole, Plan(dp=32, ep=32))
    ops = layer(share)
    there, mine, back = ops["moe.dispatch"], experts(share), ops["moe.combine"]
    assert isinstance(there, Exchange) and isinstance(back, Exchange)
    assert mine.local_experts == 8
    assert mine.tokens == 16 * 32
    assert mine.rows == 16 * 32 * 8 // 32
    rows = math.ceil(16 * copies(256, 8, 32))
    assert there.nbytes == back.nbytes == rows * 7168 * 2
    assert (there.num_ranks, there.tokens) == (32, 16)
    assert ops["moe.sum"].inputs[0].num_elements == 16 * 7168


def test_a_narrow_type_is_sent_out_and_16_bits_come_back(deepseek: Model) -> None:
    narrow = choose_types(deepseek, load_chip("nvidia-h200-sxm"), TypeOptions(Format.parse("fp8"))).types
    whole = build_workload(deepseek, Decode(16, 100), Recipe(narrow, routing=BALANCED))
    ops = layer(shard(whole, Plan(dp=8, ep=8)))
    assert ops["moe.combine"].nbytes == 2 * ops["moe.dispatch"].nbytes  # type: ignore[attr-defined]
    wide = build_workload(deepseek, Decode(16, 100), Recipe.of(DType.BF16, routing=BALANCED))
    ops = layer(shard(wide, Plan(dp=8, ep=8, dispatch=DType.FP8)))
    assert ops["moe.combine"].nbytes == 2 * ops["moe.dispatch"].nbytes  # type: ignore[attr-defined]


def test_tensor_parallel_ranks_send_a_part_each_and_gather_what_comes_back(deepseek: Model) -> None:
    whole = build_workload(deepseek, Prefill(1, 1001), routed(BALANCED))
    ops = layer(shard(whole, Plan(tp=4, dp=2, ep=8)))
    there, gather = ops["moe.dispatch"], ops["moe.all_gather"]
    assert isinstance(there, Exchange) and isinstance(gather, Collective)
    assert there.tokens == 251  # 1,001 / 4, rounded up
    assert gather.group == Group("tp", 4)
    assert experts(shard(whole, Plan(tp=4, dp=2, ep=8))).tokens == 2002


@pytest.mark.parametrize("plan", [Plan(ep=2, tp=2), Plan(ep=8, dp=8), Plan(ep=8, tp=2, dp=4)], ids=str)
def test_the_ranks_together_compute_every_row_once(plan: Plan) -> None:
    model = load_model("mixtral-8x7b")
    whole = build_workload(model, Prefill(1, 512), Recipe.of(model.torch_dtype, routing=BALANCED))
    mine, all_of_it = experts(shard(whole, plan)), experts(whole)
    replicas = plan.dp if plan.ep > plan.tp else 1
    ranks = plan.tp * replicas
    share_of_expert = mine.ffn / all_of_it.ffn
    assert mine.rows * ranks * share_of_expert == all_of_it.rows * replicas


def test_the_fullest_rank_sets_the_pace(deepseek: Model) -> None:
    plan = Plan(dp=32, ep=32)
    rows = [
        experts(shard(build_workload(deepseek, Decode(16, 100), routed(routing)), plan)).rows
        for routing in (BALANCED, Routing(), Routing("factor", 2.0))
    ]
    assert rows[0] == 128 and rows[2] == 256
    assert 128 < rows[1] < 200


def test_experts_that_do_not_divide_are_rounded_up_to_the_fullest_rank(deepseek: Model) -> None:
    share = shard(
        build_workload(deepseek, Decode(8, 100), routed(BALANCED)),
        Plan(dp=144, ep=144),
    )
    assert experts(share).local_experts == 2  # 256 / 144
    assert experts(share).rows == 8 * 144 * 8 * 2 // 256


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(tp=8, ep=3), r"ep=3 does not fit tp=8, dp=1: .*Use one of: 1, 2, 4, 8"),
        (Plan(tp=2, dp=3, ep=3), r"Use one of: 1, 2, 6"),
        (Plan(ep=2), r"Use one of: 1"),
    ],
    ids=str,
)
def test_degrees_that_do_not_fit_are_refused(deepseek: Model, plan: Plan, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        shard(build_workload(deepseek, Decode(8, 100)), plan)


def test_a_dense_model_has_no_expert_parallelism() -> None:
    with pytest.raises(PlanError, match="ep=8, but the model has no experts"):
        shard(build_workload(load_model("llama3-8b"), Decode(8, 100)), Plan(tp=8, ep=8))


def test_the_plan_is_read_and_written() -> None:
    plan = Plan.parse("dp=8,ep=8,dispatch=fp8")
    assert plan == Plan(dp=8, ep=8, dispatch=DType.FP8)
    assert str(plan) == "dp=8,ep=8,dispatch=fp8"
    with pytest.raises(PlanError, match="dispatch has no meaning unless ep > tp"):
        Plan.parse("tp=8,ep=8,dispatch=fp8")
    with pytest.raises(PlanError, match="dispatch: unknown type 'half'"):
        Plan.parse("dp=8,ep=8,dispatch=half")


@pytest.mark.parametrize("name", ["nvidia-dgx-h100", "nvidia-dgx-a100"])
def test_an_exchange_is_priced_by_measured_kernels_where_there_are_any(deepseek: Model, name: str) -> None:
    system = load_system(name)
    share = shard(build_workload(deepseek, Decode(16, 100), Recipe.of(DType.BF16, routing=BALANCED)), Plan(dp=8, ep=8))
    priced = Pricer(system, region_of(Plan(), system.chip)).price(share)[-2]
    cost = next(op.cost for op in priced.operators if op.operator.name == "moe.combine")
    assert not cost.on_cores
    if name == "nvidia-dgx-a100":
        assert cost.call.algorithm == "direct"
    else:
        kernel = expert_exchange(ExpertExchange("combine", 16, 7168, 8, 256, 8), system, cost.call.algorithm)
        assert cost.work_s == pytest.approx(kernel.seconds, rel=1e-9)


def test_experts_of_a_layer_share_a_rectangle_and_every_layer_has_its_own() -> None:
    shapes = {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 4, "vocab_size": 64, "num_attention_heads": 4,
        "max_position_embeddings": 64, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 2,
        "shared_expert_intermediate_size": 32,
    }  # fmt: skip
    segments = build_workload(Model.model_validate(shapes), Decode(1, 8)).segments
    pipeline = build_pipeline(segments, "block", is_decode=True)
    names = [group.name for group in pipeline.groups]
    assert names[1:5] == ["decoder.dense0.attn", "decoder.dense0.mlp", "decoder.experts0.attn", "decoder.experts0.moe"]
    assert names[7:9] == ["decoder.experts1.attn", "decoder.experts1.moe"]
    part = pipeline.part_of(names.index("decoder.experts1.moe"))
    assert {"moe.experts", "moe.shared.down", "moe.sum"} <= set(part.operators)
    assert part.weight_bytes == 2 * (64 + 64 * 4 + 4 * 3 * 64 * 64 + 3 * 64 * 32)  # norm, router, experts, shared


def test_what_does_not_fit_may_fit_with_divided_experts() -> None:
    with pytest.raises(CapacityError, match="alone fits: --plan dp=8,ep=8; "):
        simulate("deepseek-v3", "nvidia-dgx-h200", Decode(8, 100), "dp=8", dtype=DType.FP8, what_ifs=False)


def test_model_bandwidth_counts_experts_that_replicas_share_once() -> None:
    apart = simulate("mixtral-8x7b", "nvidia-dgx-h200", Decode(8, 100), "dp=8", what_ifs=False)
    shared = simulate("mixtral-8x7b", "nvidia-dgx-h200", Decode(8, 100), "dp=8,ep=8", what_ifs=False)
    per_s = [result.utilisation.mbu_fraction for result in (apart, shared)]
    assert per_s[0] is not None and per_s[1] is not None and 0 < per_s[1] < 1
    assert per_s[1] * shared.latency_s < per_s[0] * apart.latency_s
