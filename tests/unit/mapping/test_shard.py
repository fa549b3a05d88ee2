import pytest

from accelsim.errors import PlanError
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operators.collective import Collective
from accelsim.workload.phase import Decode, Prefill

LLAMA = load_model("llama3-8b")


def collectives(workload):
    return {
        (segment.name, op.name, op.function): op
        for segment in workload.segments
        for op in segment.graph
        if isinstance(op, Collective)
    }


def test_a_block_is_joined_by_two_all_reduces_and_the_logits_by_a_gather():
    sharded = shard(build_workload(LLAMA, Prefill(1, 128)), Plan(tp=4))
    assert set(collectives(sharded)) == {
        ("embedding", "embed.tokens.all_reduce", "all_reduce"),
        ("decoder", "attn.out.all_reduce", "all_reduce"),
        ("decoder", "mlp.down.all_reduce", "all_reduce"),
        ("head", "head.logits.all_gather", "all_gather"),
    }


def test_an_all_reduce_carries_the_hidden_activations_of_every_token():
    sharded = shard(build_workload(LLAMA, Prefill(2, 128)), Plan(tp=4))
    # batch 2 x 128 tokens x hidden 4096 x 2 bytes
    assert collectives(sharded)["decoder", "mlp.down.all_reduce", "all_reduce"].nbytes == 2 * 128 * 4096 * 2


def test_weights_and_flops_of_the_ranks_add_up_to_the_model():
    whole = build_workload(LLAMA, Decode(4, 1000))
    sharded = shard(whole, Plan(tp=8))
    gemm_flops = [
        sum(s.repeat * op.flops for s in w.segments for op in s.graph if op.kind in ("gemm", "attention"))
        for w in (whole, sharded)
    ]
    assert gemm_flops[0] == 8 * gemm_flops[1]
    # Norm weights are replicated: 2 x 32 + 1 vectors of 4096 bf16 values on each of 8 ranks.
    assert 8 * sharded.weight_bytes - whole.weight_bytes == 7 * 65 * 4096 * 2


def test_key_value_heads_are_replicated_when_there_are_fewer_than_ranks():
    def k_bytes(tp):
        graph = shard(build_workload(LLAMA, Decode(1, 1024)), Plan(tp=tp)).segments[1].graph
        return next(t for t in graph.kv_caches if t.name == "attn.k_past").size_bytes

    assert k_bytes(8) == k_bytes(16) == k_bytes(1) // 8  # 8 heads of keys


def test_tp_that_does_not_divide_the_heads_names_operator_and_choices():
    with pytest.raises(PlanError) as error:
        shard(build_workload(LLAMA, Prefill(1, 16)), Plan(tp=6))
    assert "tp=6 does not fit" in str(error.value)
    assert "Use one of [1, 2, 4, 8, 16, 32" in str(error.value)


def test_tp_one_changes_nothing():
    workload = build_workload(LLAMA, Prefill(1, 16))
    assert shard(workload, Plan()) is workload
