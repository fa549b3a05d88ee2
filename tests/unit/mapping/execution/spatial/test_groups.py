import pytest

from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.groups import buffer_bytes, build_pipeline, by_part, check_grouped, flow_bytes
from accelsim.mapping.execution.spatial.pieces import cut
from accelsim.workload.build import build_traversal, build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode, Mixed, Prefill
from accelsim.workload.traversal import Traversal


@pytest.fixture(scope="module")
def prefill(tiny):
    return build_workload(tiny, Prefill(1, 64)).segments


@pytest.mark.parametrize(
    ("granularity", "num_groups"),
    # embedding and head are one or two operators; each of 4 layers has 12 operators in two halves
    [("layer", 1 + 4 + 1), ("block", 1 + 4 * 2 + 1), ("operator", 1 + 4 * 11 + 2)],
)
def test_granularity_sets_the_number_of_groups(prefill, granularity, num_groups):
    assert len(build_pipeline(prefill, granularity, is_decode=False).groups) == num_groups


@pytest.mark.parametrize("granularity", ["layer", "block", "operator"])
def test_every_weight_and_every_operator_is_in_exactly_one_group(tiny, prefill, granularity):
    pipeline = build_pipeline(prefill, granularity, is_decode=False)
    workload = build_workload(tiny, Prefill(1, 64))
    held = sum(pipeline.part_of(i).weight_bytes for i in range(len(pipeline.groups)))
    operators = by_part(prefill)
    parts = [pipeline.part_of(i) for i in range(len(pipeline.groups))]
    flops = sum(operator.flops for part in parts for operator in operators[part.segment, part.name])
    assert held == workload.weight_bytes
    assert flops == workload.flops


def test_each_layer_hands_one_hidden_vector_per_token_to_the_next(tiny, prefill):
    pipeline = build_pipeline(prefill, "layer", is_decode=False)
    sizes = flow_bytes(pipeline.flows, prefill).tolist()
    # 64 tokens x 512 x 2 bytes between layers; the head gets the last token only
    assert sizes == [64 * 512 * 2] * 4 + [512 * 2]


def test_a_result_waits_in_two_buffers_whatever_the_number_of_its_readers(prefill):
    pipeline = build_pipeline(cut(prefill, {"decoder.mlp": 4}), "block", is_decode=False)
    names = [group.name for group in pipeline.groups]
    attn = names.index("decoder0.attn")
    readers = [flow for flow in pipeline.flows if flow.producer == attn]
    assert len(readers) == 5  # four pieces, and the residual
    hidden = 64 * 512 * 2  # 64 tokens of 512 elements in 16 bit
    # two wait in front of attention, two of its results behind it
    assert buffer_bytes(pipeline, cut(prefill, {"decoder.mlp": 4}))[attn] == 4 * hidden


def test_a_residual_that_bypasses_groups_gets_a_buffer_for_each_of_them(prefill):
    pipeline = build_pipeline(prefill, "operator", is_decode=False)
    names = [group.name for group in pipeline.groups]
    source, target = names.index("embedding.embed.tokens"), names.index("decoder0.attn.add")
    (flow,) = [f for f in pipeline.flows if (f.producer, f.consumer) == (source, target)]
    assert flow.depth == 2 + (target - source - 1)


def test_decode_sends_the_sampled_token_back_to_the_embedding(tiny):
    segments = build_workload(tiny, Decode(3, 16)).segments
    pipeline = build_pipeline(segments, "layer", is_decode=True)
    back = pipeline.flows[-1]
    assert (back.producer, back.consumer, back.is_feedback) == (len(pipeline.groups) - 1, 0, True)
    assert flow_bytes([back], segments) == 3 * 4  # one int32 per sequence


def test_an_unknown_granularity_lists_the_known_ones(prefill):
    with pytest.raises(PlanError, match=r"unknown granularity 'head'\. Allowed: layer, block, operator."):
        build_pipeline(prefill, "head", is_decode=False)


#: What a unit computes: the first piece of a prompt, a later one, a batch of decodes.
UNITS = [Traversal.uniform(1, 64), Traversal.uniform(1, 64, 64), Traversal.uniform(8, 1, 128)]


@pytest.mark.parametrize("unit", UNITS, ids=["first piece", "later piece", "decodes"])
@pytest.mark.parametrize("phase", [Prefill(2, 128), Mixed("1+128x8,128")], ids=str)
@pytest.mark.parametrize("granularity", ["layer", "block"])
def test_a_unit_in_another_form_than_the_largest_pass_loses_no_operator(granularity, phase, unit):
    model = load_model("deepseek-v3")
    pipeline = build_pipeline(build_workload(model, phase).segments, granularity, is_decode=False)
    segments = build_traversal(model, unit).segments
    operators = by_part(segments)
    found = sum(len(operators[part.segment, part.name]) for part in pipeline.parts)
    assert found == sum(len(segment.graph) for segment in segments)
    check_grouped(pipeline, segments)


def test_operators_that_no_group_has_are_refused():
    model = load_model("deepseek-v3")
    pipeline = build_pipeline(build_workload(model, Prefill(2, 128)).segments, "operator", is_decode=False)
    check_grouped(pipeline, build_traversal(model, UNITS[0]).segments)
    with pytest.raises(PlanError, match=r"attn\.absorb is computed for some of the tokens only.*Use granularity=block"):
        check_grouped(pipeline, build_traversal(model, UNITS[1]).segments)
