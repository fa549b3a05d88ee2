import pytest

from accelsim.mapping.execution.spatial.stream import Shape, build_stream
from accelsim.workload.phase import Decode, Prefill


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


@pytest.mark.parametrize(("phase", "chunk"), [(Prefill(2, 37), 5), (Decode(7, 9, steps=3), 2)])
def test_no_token_is_lost(phase, chunk):
    stream = build_stream(phase, chunk)
    assert sum(stream.shapes[u].tokens for u in stream.unit_shape) == phase.tokens
