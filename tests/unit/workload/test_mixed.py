"""Mixed passes: how spans are written, and what their graphs compute, by hand."""

from __future__ import annotations

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError, PlanError, ShapeError
from accelsim.mapping.footprint import kv_cache_bytes
from accelsim.workload.build import build_traversal, build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.model import Model
from accelsim.workload.operator import Operator
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.phase import Decode, Mixed, Prefill, phase_of
from accelsim.workload.recipe import Recipe
from accelsim.workload.traversal import Span, Traversal


@pytest.fixture(scope="module")
def llama() -> Model:
    return load_model("llama3-8b")


@pytest.fixture(scope="module")
def deepseek() -> Model:
    return load_model("deepseek-v3")


def decoder(workload: Workload) -> OperatorGraph:
    return workload.segments[1].graph


def operators(workload: Workload) -> dict[str, Operator]:
    return {operator.name: operator for segment in workload.segments for operator in segment.graph}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1+4096x31", Span(1, 4096, 31)),
        ("512+2048", Span(512, 2048)),
        ("300", Span(300)),
        ("300x2", Span(300, 0, 2)),
        (" 512+1024... ", Span(512, 1024, goes_on=True)),
        ("8+8x2...", Span(8, 8, 2, goes_on=True)),
    ],
)
def test_a_span_is_new_plus_cached_times_count(text: str, span: Span) -> None:
    assert Span.parse(text) == span
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["", "x3", "1+", "1+2x", "1-2", "a", "1+2x3..", "1+2,,3"])
def test_a_text_that_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not NEW\+CACHEDxCOUNT. Write e.g. 1\+4096x31"):
        Mixed(text)


@pytest.mark.parametrize(("text", "what"), [("0+4", "new must be >= 1"), ("1+4x0", "count must be >= 1")])
def test_spans_without_work_are_refused(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        Mixed(text)


def test_no_span_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one span"):
        Mixed([])


def test_a_pass_of_which_no_sequence_has_logits_is_refused() -> None:
    assert Mixed("8...,8").fullest().num_logits == 1
    with pytest.raises(ConfigError, match="no sequence has logits"):
        Mixed("8+8x2...,16...")


def test_texts_spans_and_tuples_say_the_same_whatever_their_order() -> None:
    phases = [
        Mixed("1+4096x31,512+2048"),
        Mixed([Span(512, 2048), Span(1, 4096, 31)]),
        Mixed([(512, 2048), (1, 4096, 11), (1, 4096, 20)]),
    ]
    assert len(set(phases)) == 1
    assert str(phases[0]) == "mixed spans=1+4096x31,512+2048"


def test_sizes_of_a_mixed_pass_are_sums_over_its_spans() -> None:
    phase = Mixed("1+4096x31,512+2048")
    assert (phase.tokens, phase.sequences, phase.length) == (31 + 512, 32, 4097)
    assert phase.fullest().positions == 31 * 4097 + 2560
    assert phase.fullest().past == 31 * 4096 + 2048


@pytest.mark.parametrize("phase", [Mixed("1+9x2,4..."), Prefill(2, 64), Decode(2, 64, 3)], ids=str)
def test_a_phase_is_its_plain_form(phase: Mixed | Prefill | Decode) -> None:
    assert phase_of(phase.plain()) == phase


def test_a_plain_form_that_misses_a_size_or_has_another_is_refused() -> None:
    assert phase_of({"kind": "decode", "context": 8}) == Decode(1, 8, 1)
    with pytest.raises(ConfigError, match="phase decode: context must be given"):
        phase_of({"kind": "decode"})
    with pytest.raises(ConfigError, match=r"phase mixed has no 'batch'\. It has: spans\."):
        phase_of({"kind": "mixed", "batch": 4, "spans": "8"})
    with pytest.raises(ConfigError, match="Did you mean 'mixed'"):
        phase_of({"kind": "mixt", "spans": "8"})


def test_replicas_get_as_many_sequences_of_every_span() -> None:
    phase = Mixed("1+4096x30,512+2048x2")
    assert phase.replica(2) == Mixed("1+4096x15,512+2048")
    assert phase.alike == 2
    with pytest.raises(PlanError, match=r"dp=4 does not divide the 30 sequences of span 1\+4096x30"):
        phase.replica(4)


def test_less_of_a_mixed_pass_has_fewer_sequences_or_shorter_ones() -> None:
    fewer, shorter = (list(steps) for steps in Mixed("1+8x4,6").smaller())
    assert [phase.plain()["spans"] for phase in fewer] == ["1+8x2,6+0", "1+8,6+0"]
    assert [phase.plain()["spans"] for phase in shorter][:2] == ["1+4x4,3+0", "1+0,1+2x4"]


def test_operators_on_tokens_see_the_tokens_of_all_spans(llama: Model) -> None:
    found = operators(build_workload(llama, Mixed("1+4096x31,512+2048")))
    assert found["attn.qkv"].flops == 2 * 543 * 4096 * (4096 + 1024 + 1024)
    assert found["mlp.down"].flops == 2 * 543 * 14336 * 4096
    assert found["attn.norm"].outputs[0].shape == (543, 4096)


def test_attention_sees_every_sequence_with_its_own_past(llama: Model) -> None:
    attention = operators(build_workload(llama, Mixed("1+4096x31,512+2048")))["attn.attention"]
    pairs = 31 * 4097 + 512 * 2048 + 512 * 513 // 2
    assert attention.flops == 4 * 128 * 32 * pairs
    assert attention.reads == 543 * 4096 * 2 + (31 * 4097 + 2560) * 2 * 1024 * 2  # queries; keys and values


def test_the_cache_holds_the_tokens_of_all_sequences(llama: Model) -> None:
    graph = decoder(build_workload(llama, Mixed("1+4096x31,512+2048")))
    assert kv_cache_bytes(graph) == (31 * 4097 + 2560) * 2 * 1024 * 2


def test_logits_are_those_of_the_last_token_of_each_sequence_unless_its_prompt_goes_on(llama: Model) -> None:
    def rows(spans: str, recipe: Recipe | None = None) -> int:
        logits = operators(build_workload(llama, Mixed(spans), recipe))["head.logits"].outputs[0]
        return logits.num_elements // llama.vocab_size

    assert rows("1+4096x31,512+2048") == 32
    assert rows("1+4096x31,512+2048...") == 31
    assert rows("1+4096x31,512+2048...", Recipe.of(DType.BF16, logits="all")) == 543


def test_a_window_keeps_its_last_positions_of_every_sequence() -> None:
    model = load_model("mistral-7b")
    assert model.sliding_window == 4096
    found = operators(build_workload(model, Mixed("1+9000x2,1+100,8+5000")))["attn.attention"]
    assert isinstance(found, RaggedAttention)
    assert found.spans == (Span(1, 100), Span(1, 4095, 2), Span(8, 4095))
    assert found.attended_pairs == 101 + 2 * 4096 + 8 * 4096


def test_standard_attention_over_unequal_sequences_is_refused(llama: Model) -> None:
    standard = Recipe.of(DType.BF16, attention="standard")
    with pytest.raises(ConfigError, match="attention=standard over sequences of unequal lengths is not modelled"):
        build_workload(llama, Mixed("1+8,4"), standard)
    assert build_workload(llama, Mixed("1+8x2"), standard).flops == build_workload(llama, Decode(2, 8), standard).flops


def test_a_ragged_attention_whose_tensors_hold_other_tokens_is_refused() -> None:
    right = RaggedAttention.of([Span(1, 9), Span(4)], heads=4, kv_heads=2, head_dim=8)
    with pytest.raises(ShapeError, match="spans of 6 new tokens"):
        RaggedAttention("a", right.inputs, right.outputs, (Span(2, 8), Span(4)))
    with pytest.raises(ShapeError, match="spans of 15 positions, but 14 keys"):
        RaggedAttention("a", right.inputs, right.outputs, (Span(1, 10), Span(4)))
    with pytest.raises(ShapeError, match="a window of 9 sees fewer cached positions"):
        RaggedAttention("a", right.inputs, right.outputs, right.spans, window=9)


def test_latent_attention_absorbs_decodes_and_expands_prompts_in_one_pass(deepseek: Model) -> None:
    found = operators(build_workload(deepseek, Mixed("1+4096x31,512+2048,300")))
    # absorbed: 31 queries against 4097 latents of 576 elements, values of 512, for 128 heads
    assert found["attn.attention"].flops == 2 * (576 + 512) * 128 * 31 * 4097
    # expanded: keys of 128 + 64 elements, values of 128
    pairs = 512 * 2048 + 512 * 513 // 2 + 300 * 301 // 2
    assert found["attn.attention_pieces"].flops == 2 * (192 + 128) * 128 * pairs
    assert found["attn.kv_b_pieces"].flops == 2 * 812 * 512 * 128 * 256
    assert found["attn.kv_b_past_pieces"].flops == 2 * 2048 * 512 * 128 * 256
    assert found["attn.out"].flops == 2 * 843 * 128 * 128 * 7168
    assert found["attn.kv_a"].flops == 2 * 843 * 7168 * 576


def test_latent_caches_of_both_forms_are_counted_once(deepseek: Model) -> None:
    graph = decoder(build_workload(deepseek, Mixed("1+4096x31,512+2048,300")))
    assert kv_cache_bytes(graph) == (31 * 4097 + 2560 + 300) * 576 * 2


@pytest.mark.parametrize(("new", "form"), [(170, "attn.absorb"), (171, "attn.kv_b_past")])
def test_a_piece_takes_the_form_with_fewer_operations(deepseek: Model, new: int, form: str) -> None:
    # 512 x (128 + 128) multiply-adds expand one position for a head; each query saves 2 x 512 - 128 - 128 of them
    assert 170 * 768 <= 512 * 256 < 171 * 768
    assert form in operators(build_traversal(deepseek, Traversal.uniform(1, new, 1000)))


def test_all_latent_decodes_are_one_absorbed_attention(deepseek: Model) -> None:
    found = operators(build_workload(deepseek, Mixed("1+500x16,1+4000x16")))
    assert found["attn.attention"].flops == 2 * (576 + 512) * 128 * 16 * (501 + 4001)
    assert "attn.join" not in found
