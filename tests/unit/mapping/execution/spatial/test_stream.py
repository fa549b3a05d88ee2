import pytest

from accelsim.mapping.execution.spatial.stream import Shape, build_stream, longest_unit
from accelsim.workload.phase import Decode, Mixed, Prefill


def test_a_prompt_is_cut_into_chunks_and_only_the_last_has_logits():
    stream = build_stream(Prefill(1, 10), chunk=4)
    assert stream.shapes == (Shape(1, 4, 0, False), Shape(1, 4, 4, False), Shape(1, 2, 8, True))
    assert stream.in_flight == 3


def test_prompts_follow_one_another_with_shapes_shared():
    stream = build_stream(Prefill(3, 8), chunk=4)
    assert len(stream.shapes) == 2
    assert stream.unit_shape.tolist() == [0, 1, 0, 1, 0, 1]


def test_decode_cuts_the_batch_and_a_step_is_a_period():
    stream = build_stream(Decode(5, 100, steps=2), chunk=2)
    assert [(s.batch, s.past_len) for s in stream.shapes] == [(2, 100), (1, 100), (2, 101), (1, 101)]
    assert stream.unit_shape.tolist() == [0, 0, 1, 2, 2, 3]
    assert (stream.period, stream.in_flight) == (3, 3)


@pytest.mark.parametrize(
    ("phase", "chunk"), [(Prefill(2, 37), 5), (Decode(7, 9, steps=3), 2), (Mixed("1+9x7,37,5+8"), 3)]
)
def test_no_token_is_lost(phase, chunk):
    stream = build_stream(phase, chunk)
    assert sum(stream.shapes[u].tokens for u in stream.unit_shape) == phase.tokens


def test_a_mixed_pass_streams_decodes_side_by_side_and_pieces_of_prompts_one_by_one():
    stream = build_stream(Mixed("1+100x3,1+200,5+40x2,4+8..."), chunk=3)
    assert [stream.shapes[u] for u in stream.unit_shape] == [
        Shape(3, 1, 100, True),
        Shape(1, 1, 200, True),
        Shape(1, 3, 8, False),
        Shape(1, 1, 11, False),  # its prompt goes on
        *[Shape(1, 3, 40, False), Shape(1, 2, 43, True)] * 2,
    ]
    assert (stream.period, stream.in_flight) == (0, 8)
    assert stream.cached_before == 3 * 100 + 200 + 2 * 40 + 8


def test_the_longest_unit_is_a_whole_batch_or_a_whole_piece():
    assert longest_unit(Mixed("1+100x9,5")) == 9
    assert longest_unit(Mixed("1+100x9,50")) == 50
    assert (longest_unit(Decode(4, 0)), longest_unit(Prefill(4, 1)), longest_unit(Prefill(4, 9))) == (4, 1, 9)


@pytest.mark.parametrize(("phase", "tokens"), [(Prefill(2, 8), 0), (Decode(2, 8, 3), 16), (Mixed("1+8x2,4+3"), 19)])
def test_what_is_cached_before_the_first_unit(phase, tokens):
    assert build_stream(phase, 2).cached_before == tokens
