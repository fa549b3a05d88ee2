"""Experts on rectangles of their own: who gets which tokens, what moves, and that the busiest piece sets the time."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapping.execution.spatial.pieces import cut
from accelsim.mapping.execution.spatial.routed import Dealt, dealt_to
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operators.experts import Experts
from accelsim.workload.phase import Decode, Prefill
from accelsim.workload.routing import Routing

MIXTURE = (
    '{"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 256, "num_hidden_layers": 2,'
    ' "num_attention_heads": 8, "num_key_value_heads": 8, "intermediate_size": 512, "vocab_size": 1024,'
    ' "num_local_experts": 8, "num_experts_per_tok": 2, "hidden_act": "silu", "rms_norm_eps": 1e-5,'
    ' "max_position_embeddings": 4096, "rope_theta": 10000.0, "torch_dtype": "bfloat16"}'
)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """A small mixture of eight experts, two of a token."""
    path = tmp_path_factory.mktemp("mixture") / "config.json"
    path.write_text(MIXTURE, encoding="utf-8")
    return load_model(str(path))


def layer(tokens, routing, num_experts=8, top_k=2):
    from dataclasses import replace

    plain = Experts.of(tokens=tokens, hidden=64, ffn=32, num_experts=num_experts, top_k=top_k)
    return replace(plain, routing=Routing.parse(routing))


def test_balanced_tokens_are_dealt_evenly():
    # 16 tokens x 2 experts = 32 rows over 8 pieces of one expert: 4 each, each of another token
    assert dealt_to(layer(16, "balanced"), [1] * 8) == [Dealt(4, 4)] * 8


def test_the_fullest_piece_has_the_factor_of_the_mean_and_the_others_share_the_rest():
    # 80 rows, the mean is 10, the fullest 1.6 times that; 64 / 7 = 9.1 for each of the others
    found = dealt_to(layer(40, "1.6"), [1] * 8)
    assert [one.rows for one in found] == [16, 9, 9, 9, 9, 9, 9, 10]
    assert [one.sent for one in found] == [one.rows for one in found]


def test_a_token_with_both_experts_in_one_piece_is_sent_there_once():
    # four experts each: 3/7 of the tokens have both in one piece, so 11/7 copies of a token instead of 2
    found = dealt_to(layer(14, "balanced"), [4, 4])
    assert found == [Dealt(14, 11), Dealt(14, 11)]


def test_one_token_goes_to_as_many_pieces_as_it_has_experts():
    found = dealt_to(layer(1, "random"), [1] * 8)
    assert sorted(one.rows for one in found) == [0] * 6 + [1, 1]


@given(
    tokens=st.integers(1, 300),
    pieces=st.integers(2, 16),
    routing=st.sampled_from(["random", "balanced", "1.3", "4"]),
    top_k=st.integers(1, 8),
)
def test_every_row_is_worked_on_once_and_none_goes_twice_to_one_piece(tokens, pieces, routing, top_k):
    stored = [16 * (piece + 1) // pieces - 16 * piece // pieces for piece in range(pieces)]
    found = dealt_to(layer(tokens, routing, 16, top_k), stored)
    assert sum(one.rows for one in found) == tokens * top_k
    assert all(0 <= one.sent <= min(tokens, one.rows) for one in found)
    assert all((one.sent > 0) is (one.rows > 0) for one in found)


@pytest.mark.parametrize("pieces", [2, 3, 8])
@pytest.mark.parametrize("phase", [Prefill(2, 16), Decode(3, 40)])
def test_pieces_of_experts_do_the_flops_of_all_and_hold_all_weights(mixture, pieces, phase):
    (segment,) = (one for one in build_workload(mixture, phase).segments if "decoder" in one.name)
    (divided,) = cut([segment], {f"{segment.name}.moe": pieces})
    (idle,) = cut([segment], {f"{segment.name}.moe": pieces}, keeps_idle=False)
    whole = next(op for op in segment.graph if op.kind == "experts")
    assert sum(op.flops for op in idle.graph if op.kind == "experts") == whole.flops
    parts = [op for op in divided.graph if op.kind == "experts"]
    assert len(parts) == pieces
    assert sum(op.weight_bytes for op in parts) == whole.weight_bytes
    for name in ("moe@in.norm", "moe@in.router", "moe@in.dispatch", "moe.experts.gather"):
        assert name in [op.name for op in divided.graph]


def test_bytes_to_and_from_experts_are_those_of_the_routed_tokens(mixture, small_array):
    run = place(mixture, small_array, Prefill(1, 32), "chunk=32,pieces=8", routing="balanced")
    # 32 tokens x 2 experts x 256 elements x 2 bytes: there, and back again, in both layers
    moved: dict[str, int] = defaultdict(int)
    for flow, nbytes in zip(run.pipeline.flows, run.flow_total_bytes.tolist(), strict=True):
        moved[flow.tensor.partition("@")[0]] += nbytes
    assert moved["moe.experts.in"] == moved["moe.experts.out"] == 2 * 32 * 2 * 256 * 2
    assert moved["moe.experts.gates"] == 2 * 32 * 2 * 8


def test_pieces_without_a_token_do_nothing_and_keep_their_weights(mixture, small_array):
    run = place(mixture, small_array, Decode(1, 32), "pieces=8")
    busy = {
        group.name
        for group, row in zip(run.pipeline.groups, run.settled.prices, strict=True)
        if "moe@" in group.name and "@in" not in group.name and row[0].work_s > 0
    }
    assert len(busy) == 2 * 2  # two layers, two experts of the token
    parts = [part for part in run.pipeline.parts if part.is_piece and "moe" in part.name]
    assert len(parts) == 8
    assert len({part.weight_bytes for part in parts}) == 1


def test_a_fuller_piece_takes_longer_and_balanced_tokens_are_fastest(mixture, small_array):
    def seconds(routing):
        plan = "execution=spatial,chunk=512,pieces=8"
        return simulate(mixture, small_array, Prefill(1, 512), plan, routing=routing, what_ifs=False).latency_s

    balanced, random, skewed = (seconds(routing) for routing in ("balanced", "random", "3"))
    assert balanced < random < skewed


@pytest.mark.parametrize("plan", ["chunk=2,pieces=4", "chunk=2,pieces=4,rectangles=shared"])
def test_ledger_has_the_flops_of_the_experts_once(mixture, small_arrays, plan):
    phase = Decode(4, 40, 2)
    pieces = simulate(mixture, f"{small_arrays}:4", phase, f"execution=spatial,{plan}", what_ifs=False)
    whole = simulate(mixture, f"{small_arrays}:4", phase, "execution=spatial,chunk=2", what_ifs=False)

    def flops(result):
        table = result.operators()
        return table[table["kind"] == "experts"]["flops"].sum()

    assert flops(pieces) == flops(whole)
