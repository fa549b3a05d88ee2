"""What one pass of a model computes: Llama 3 8B by hand, and each variant of the block."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError, ShapeError
from accelsim.workload.build import build_step, build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.group import Group
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.operators.collective import Collective
from accelsim.workload.phase import Decode, Prefill, phase_of
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role
from accelsim.workload.types import Types

ALL_LOGITS = Recipe.of(DType.BF16, logits="all")
STANDARD = Recipe.of(DType.BF16, attention="standard")


@pytest.fixture(scope="module")
def llama() -> Model:
    return load_model("llama3-8b")


def small(**changes: object) -> Model:
    shapes = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "vocab_size": 100,
        "max_position_embeddings": 64,
        "num_attention_heads": 4,
    }
    return Model.model_validate({**shapes, **changes})


def decoder(workload: Workload) -> OperatorGraph:
    return workload.segments[1].graph


def operators(workload: Workload) -> dict[str, Operator]:
    return {operator.name: operator for segment in workload.segments for operator in segment.graph}


def test_a_llama_block_in_prefill_by_hand(llama: Model) -> None:
    graph = decoder(build_workload(llama, Prefill(batch=1, prompt=2048)))
    expected = {
        "attn.norm": 4 * 2048 * 4096,
        "attn.qkv": 2 * 2048 * 4096 * (4096 + 1024 + 1024),
        "attn.rope": 3 * 2048 * (4096 + 1024),
        "attn.attention": 4 * 128 * 32 * (2048 * 2049 // 2),
        "attn.out": 2 * 2048 * 4096 * 4096,
        "attn.add": 2048 * 4096,
        "mlp.norm": 4 * 2048 * 4096,
        "mlp.gate_up": 2 * 2048 * 4096 * 28672,
        "mlp.act": 5 * 2048 * 14336,
        "mlp.down": 2 * 2048 * 14336 * 4096,
        "mlp.add": 2048 * 4096,
    }
    assert {operator.name: operator.flops for operator in graph} == expected
    assert list(expected) == [operator.name for operator in graph]


def test_a_llama_block_in_decode_moves_its_weights_and_its_cache_once(llama: Model) -> None:
    graph = decoder(build_workload(llama, Decode(batch=4, context=2048)))
    total: dict[Role, int] = {}
    for operator in graph:
        for role, nbytes in role_bytes(operator).items():
            total[role] = total.get(role, 0) + nbytes
    # q, k, v: 4096 x 6144; out: 4096 x 4096; gate, up, down: 3 x 4096 x 14336; two norms of 4096; 2 B each
    assert total[Role.WEIGHT] == 2 * (4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14336 + 2 * 4096)
    # 4 sequences, k and v, 8 heads of 128, 2 B: 2,049 positions read and one written
    assert total[Role.KV_CACHE] == 4 * 2 * 1024 * 2 * (2049 + 1)


def test_decode_flops_are_two_per_parameter_and_token_plus_attention(llama: Model) -> None:
    batch, context = 4, 2048
    workload = build_workload(llama, Decode(batch, context))
    embedding = llama.vocab_size * llama.hidden_size  # gathered, not multiplied
    products = 2 * (llama.num_parameters - embedding) * batch
    attention = 32 * 4 * 4096 * (context + 1) * batch
    assert workload.flops == pytest.approx(products + attention, rel=2e-3)  # norms, activations and additions
    assert workload.tokens == batch


def test_prefill_flops_are_two_per_multiplied_parameter_and_token(llama: Model) -> None:
    phase = Prefill(batch=2, prompt=512)
    table = llama.vocab_size * llama.hidden_size  # the embedding is gathered; the head is multiplied when asked for
    attention = 32 * 4 * 4096 * (512 * 513 // 2) * 2
    every = 2 * (llama.num_parameters - table) * phase.tokens + attention
    last = 2 * (llama.num_parameters - 2 * table) * phase.tokens + attention + 2 * table * phase.batch
    assert build_workload(llama, phase, ALL_LOGITS).flops == pytest.approx(every, rel=2e-3)
    assert build_workload(llama, phase).flops == pytest.approx(last, rel=2e-3)


def test_prefill_computes_logits_of_the_last_token_only_unless_told(llama: Model) -> None:
    phase = Prefill(batch=2, prompt=512)
    assert operators(build_workload(llama, phase))["head.logits"].flops == 2 * 2 * 4096 * 128256
    assert operators(build_workload(llama, phase, ALL_LOGITS))["head.logits"].flops == 2 * 1024 * 4096 * 128256


def test_each_decode_step_sees_one_position_more(llama: Model) -> None:
    phase = Decode(batch=1, context=10, steps=3)
    seen = [operators(build_step(llama, phase, step))["attn.attention"].attended_pairs for step in range(3)]  # type: ignore[attr-defined]
    assert seen == [11, 12, 13]
    assert build_workload(llama, phase).segments == build_step(llama, phase, 0).segments
    with pytest.raises(ConfigError, match=r"step must be in 0\.\.2 .*, got 3"):
        build_step(llama, phase, 3)


def test_the_first_token_may_be_decoded_from_an_empty_cache(llama: Model) -> None:
    graph = decoder(build_workload(llama, Decode(batch=1, context=0)))
    assert [tensor.name for tensor in graph.kv_caches] == ["attn.v", "attn.k"]


def test_the_caches_of_a_block_hold_past_and_new_tokens_of_kv_heads_only(llama: Model) -> None:
    for phase, positions in ((Prefill(3, 100), 100), (Decode(3, 100), 101)):
        workload = build_workload(llama, phase)
        stored = 32 * sum(tensor.size_bytes for tensor in decoder(workload).kv_caches)
        assert stored == 3 * positions * llama.kv_bytes_per_token() == 3 * positions * 131_072


def test_the_cache_has_its_own_element_type(llama: Model) -> None:
    workload = build_workload(llama, Decode(1, 100), Recipe(replace(Types.of(DType.BF16), kv=DType.FP8)))
    assert {tensor.dtype for tensor in decoder(workload).kv_caches} == {DType.FP8}
    assert 32 * sum(t.size_bytes for t in decoder(workload).kv_caches) == 101 * 65_536


def test_standard_attention_writes_and_reads_the_whole_score_matrix() -> None:
    model = small(num_key_value_heads=2)
    ops = operators(build_workload(model, Prefill(batch=2, prompt=8), Recipe.of(DType.FP16, attention="standard")))
    scores_bytes = 2 * 4 * 8 * 8 * 2  # batch, heads, q_len, kv_len, 2 B
    assert ops["attn.scores"].writes == ops["attn.softmax"].reads == ops["attn.softmax"].writes == scores_bytes
    assert ops["attn.context"].reads == scores_bytes + 2 * 8 * 2 * 16 * 2  # and v of 2 heads of 16
    # Two heads share a KV head: 2 x 2 products of (2 heads x 8 queries) x 8 keys over 16
    scores, context = ops["attn.scores"], ops["attn.context"]
    assert (scores.batch, scores.m, scores.n, scores.k) == (4, 16, 8, 16)  # type: ignore[attr-defined]
    assert (context.batch, context.m, context.n, context.k) == (4, 16, 16, 8)  # type: ignore[attr-defined]
    assert "attn.attention" not in ops


def test_standard_decode_reads_cached_and_new_keys() -> None:
    ops = operators(build_workload(small(), Decode(batch=3, context=9), STANDARD))
    assert ops["attn.scores"].n == ops["attn.context"].k == 10  # type: ignore[attr-defined]
    assert role_bytes(ops["attn.scores"])[Role.KV_CACHE] == 3 * 10 * 64 * 2


def test_a_sliding_window_limits_what_is_seen_and_what_is_kept() -> None:
    model = small(sliding_window=8)
    before, after = (decoder(build_workload(model, Decode(1, context))) for context in (7, 50))
    assert sum(t.size_bytes for t in before.kv_caches) == sum(t.size_bytes for t in after.kv_caches) == 8 * 2 * 64 * 2
    prefill = operators(build_workload(model, Prefill(1, 20)))["attn.attention"]
    assert prefill.attended_pairs == 8 * 9 // 2 + 12 * 8  # type: ignore[attr-defined]


def test_an_ungated_block_has_one_up_projection() -> None:
    names = [
        operator.name for operator in decoder(build_workload(small(gated_mlp=False, hidden_act="relu"), Prefill(1, 4)))
    ]
    assert names[-5:] == ["mlp.norm", "mlp.up", "mlp.act", "mlp.down", "mlp.add"]


def test_without_rotation_the_projection_writes_the_cache() -> None:
    ops = operators(build_workload(small(position="alibi"), Prefill(1, 4)))
    assert "attn.rope" not in ops
    assert role_bytes(ops["attn.qkv"])[Role.KV_CACHE] == 4 * 2 * 64 * 2


def test_a_parallel_block_adds_both_branches_to_the_residual_at_once() -> None:
    shared = decoder(build_workload(small(parallel_block=True), Prefill(1, 4)))
    assert [op.name for op in shared if op.kind == "norm"] == ["attn.norm"]
    assert [tensor.name for tensor in shared.operators[-1].inputs] == ["decoder.in", "attn.out.out", "mlp.down.out"]
    split = decoder(build_workload(small(parallel_block=True, num_parallel_norms=2), Prefill(1, 4)))
    assert [op.name for op in split if op.kind == "norm"] == ["attn.norm", "mlp.norm"]


def test_learned_positions_are_added_and_bound_the_sequence() -> None:
    model = small(position="learned", position_offset=2, name="gpt")
    workload = build_workload(model, Prefill(1, 64))
    assert [op.name for op in workload.segments[0].graph] == ["embed.tokens", "embed.positions", "embed.add"]
    assert operators(workload)["embed.positions"].weight_bytes == 66 * 64 * 2
    with pytest.raises(ConfigError, match=r"gpt: 65 positions, .* max_position_embeddings=64\. Use at most 64 tokens"):
        build_workload(model, Decode(1, 64))


def test_a_rotary_model_beyond_its_positions_is_a_named_warning() -> None:
    assert build_workload(small(), Prefill(1, 64)).warnings == ()
    (warning,) = build_workload(small(), Prefill(1, 65)).warnings
    assert warning.startswith("long-context: 65 positions exceed max_position_embeddings=64")


def test_a_tied_embedding_is_stored_once_and_read_by_the_head() -> None:
    tied, loose = (build_workload(small(tie_word_embeddings=tie), Prefill(1, 4)) for tie in (True, False))
    assert loose.weight_bytes - tied.weight_bytes == 100 * 64 * 2
    assert operators(tied)["head.logits"].flops == operators(loose)["head.logits"].flops
    assert operators(tied)["head.logits"].weight_bytes == 100 * 64 * 2


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Prefill(0, 1), "batch must be >= 1, got 0"),
        (lambda: Prefill(1, -5), "prompt must be >= 1, got -5"),
        (lambda: Decode(1, -1), "context must be >= 0, got -1"),
        (lambda: Decode(1, 1, 0), "steps must be >= 1, got 0"),
        (lambda: Decode(1, 1, 200_001), "steps must be at most 200000, got 200001"),
        (lambda: Decode(2**32 + 1, 1), "batch must be at most 4294967296"),
        (lambda: Decode(1, 10**5000), "context must be at most 4294967296"),
        (
            lambda: Decode(batc=1, context=1),
            "Decode has no 'batc'. It has: batch, context, steps. Did you mean 'batch'?",
        ),
        (lambda: Prefill(1.5, 1), "batch must be a whole number, got 1.5"),
        (lambda: Prefill(True, 1), "batch must be a whole number, got True"),
        (
            lambda: Recipe.of(DType.BF16, attention="fast"),
            "unknown attention 'fast'. Known: flash",
        ),
        (
            lambda: Recipe.of(DType.BF16, logits="none"),
            "unknown logits 'none'. Known: all, last",
        ),
        (lambda: build_workload(small(block="mo"), Prefill(1, 1)), "unknown block 'mo'. Known: dense"),
    ],
)
def test_an_impossible_phase_or_option_is_refused(build: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build()  # type: ignore[operator]


def test_a_vocabulary_that_does_not_split_is_padded() -> None:
    workload = build_workload(small(vocab_size=101), Prefill(batch=2, prompt=4))
    logits = operators(workload)["head.logits"]
    share = logits.shard({"vocab": 4})
    assert share.n == 26  # type: ignore[attr-defined]  # 101 / 4 rounded up
    gather = Collective("gather", share.outputs, logits.outputs, "all_gather", Group("tp", 4))
    assert gather.nbytes == 2 * 101 * 2
    with pytest.raises(ShapeError, match="all_gather over 3 ranks does not fit"):
        Collective("gather", share.outputs, logits.outputs, "all_gather", Group("tp", 3))


def test_a_size_in_a_file_may_be_written_as_on_the_command_line() -> None:
    assert phase_of({"kind": "decode", "batch": "8", "context": "4k"}) == Decode(8, 4000)
    assert phase_of({"kind": "decode", "batch": 8, "context": "4Ki"}) == Decode(8, 4096)
    with pytest.raises(ConfigError, match=r"Write e.g. '4096', '4k' \(4000\) or '4Ki' \(4096\)"):
        phase_of({"kind": "decode", "batch": 8, "context": "4 thousand"})
