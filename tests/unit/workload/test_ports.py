"""Workloads whose segments are no chain: ports, what they keep in memory, and runs of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from two_towers import (
    BATCH,
    DECODERS,
    ENCODERS,
    FFN,
    HIDDEN,
    PATCHES,
    PIXELS,
    TOKENS,
    VOCAB,
    activation,
    added,
    decoder,
    encoder,
    product,
    two_towers,
)

from accelsim import (
    Case,
    ConfigError,
    OperatorGraph,
    Plan,
    Prefill,
    Workload,
    build_workload,
    load_model,
    load_system,
    simulate,
)
from accelsim.errors import PlanError, ShapeError
from accelsim.mapping.execution.spatial.groups import build_pipeline
from accelsim.mapping.footprint import activation_peaks, peak_activation_bytes
from accelsim.mapping.fuse import fuse
from accelsim.mapping.parallel.pipeline import deal, sends
from accelsim.mapping.shard import shard
from accelsim.workload.graph import Port, Segment
from accelsim.workload.operators.collective import Collective
from accelsim.workload.tensor import Axis

MEMORY_BYTES = BATCH * PATCHES * HIDDEN * 2
STREAM_BYTES = BATCH * TOKENS * HIDDEN * 2
SYSTEM = "nvidia-dgx-h100"


def with_ports(*ports: Port) -> Workload:
    """The towers with other ports at the blocks of the text."""
    *before, text, head = two_towers().segments
    return replace(two_towers(), segments=(*before, replace(text, ports=ports), head))


def test_a_port_joins_the_last_copy_of_its_source_to_every_copy_that_reads() -> None:
    (words, memory) = two_towers().wires
    assert (words.source, words.reader, words.result) == (None, 2, None)
    assert (memory.source, memory.reader, memory.tensor.name) == (1, 3, "memory")
    assert memory.result is not None
    assert memory.result.name == "mlp.add.out"


def test_a_chain_has_no_wires() -> None:
    chain = Workload("chain", (Segment(encoder(), 3),), tokens=BATCH * PATCHES)
    assert chain.wires == ()
    assert activation_peaks(chain) == (peak_activation_bytes(encoder()),)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (Port("memory", "image.blok"), "no segment 'image.blok' runs before"),
        (Port("memory", "head"), "no segment 'head' runs before. Before it: image.embed, image.block, text.embed"),
        (Port("memori", "image.block"), "no activation of that name enters. Entering: text.in, memory"),
        (Port("memory", "image.block", "mlp.up.out"), "is read, but 'mlp.up.out' is"),
        (Port("memory", "image.block", "nothing"), "'image.block' has no single result nothing"),
    ],
)
def test_ports_that_lead_nowhere_are_refused(port: Port, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        with_ports(port)


def test_two_tensors_on_the_chain_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"text.in, memory enter 'text.block'; one can come from what runs before it"):
        with_ports()


def test_parameters_are_those_of_all_towers() -> None:
    block = 2 * HIDDEN * FFN
    expected = PIXELS * HIDDEN + HIDDEN * HIDDEN + ENCODERS * block + DECODERS * (block + 4 * HIDDEN**2)
    assert two_towers().num_parameters == expected + HIDDEN * VOCAB == two_towers().num_active_parameters


def test_what_is_read_later_stays_in_memory_until_then() -> None:
    peaks = activation_peaks(two_towers())
    alone = [peak_activation_bytes(segment.graph) for segment in two_towers().segments]
    # the words wait from the beginning to their embedding, which counts them itself
    assert peaks[0] == alone[0] + STREAM_BYTES
    assert peaks[1] == alone[1] + STREAM_BYTES
    assert peaks[2] == alone[2] + MEMORY_BYTES
    # memory stays in the text blocks to their end; most is alive in attention: x, q, k, v and the result beside it
    assert peaks[3] == MEMORY_BYTES + 3 * STREAM_BYTES + 2 * MEMORY_BYTES
    assert peaks[4] == alone[4]


def test_segments_run_one_after_another_in_their_order() -> None:
    whole = simulate(two_towers(), f"{SYSTEM}:1", plan="tp=1", what_ifs=False)
    parts = [
        simulate(Workload(s.name, (replace(s, ports=()),), 1), f"{SYSTEM}:1", plan="tp=1", what_ifs=False).latency_s
        for s in two_towers().segments
    ]
    assert whole.latency_s == pytest.approx(sum(parts), rel=1e-12)
    assert whole.phase == {"kind": "pass", "tokens": BATCH * TOKENS}


def test_axes_with_our_names_are_divided_over_ranks() -> None:
    share = shard(two_towers(), Plan(tp=2))
    names = {op.name for segment in share.segments for op in segment.graph if isinstance(op, Collective)}
    assert names == {"mlp.down.all_reduce", "cross.back.all_reduce", "logits.all_gather"}
    assert [segment.ports for segment in share.segments] == [segment.ports for segment in two_towers().segments]
    assert simulate(two_towers(), SYSTEM, plan="tp=2", what_ifs=False).plan == Plan(tp=2)


def test_a_result_that_is_read_whole_elsewhere_and_divided_here_is_refused() -> None:
    inside = activation("inside", Axis.of("batch", BATCH), Axis.of("patches", PATCHES), Axis.of("width", FFN))
    reader = Segment(OperatorGraph("reader", (product("read", inside, Axis.of("hidden", HIDDEN)),)))
    reader = replace(reader, ports=(Port("inside", "image.block", "mlp.up.out"),))
    workload = Workload("inside out", (Segment(encoder()), reader), tokens=1)
    with pytest.raises(PlanError, match=r"'mlp.up.out' is read whole by another segment, divided by tp=2 here"):
        shard(workload, Plan(tp=2))
    assert shard(workload, Plan(tp=1)) == workload


def test_fusion_writes_what_others_read() -> None:
    first = added("first", *(activation(name, Axis.of("batch", BATCH), Axis.of("hidden", HIDDEN)) for name in "xy"))
    second = added("second", first.outputs[0], first.inputs[0])
    graph = OperatorGraph("block", (first, second))
    (plain,), (exporting,) = fuse(graph), fuse(graph, frozenset({"first.out"}))
    assert [tensor.name for tensor in plain.outputs] == ["second.out"]
    assert [tensor.name for tensor in exporting.outputs] == ["first.out", "second.out"]


@pytest.mark.parametrize(
    ("stages", "sent"),
    [
        # 3 encoders, the embedding of the text and 2 decoders: 6 layers
        (2, [MEMORY_BYTES]),  # cut behind the encoders: the text starts from its own words
        (3, [MEMORY_BYTES, MEMORY_BYTES + STREAM_BYTES]),  # inside the encoders; in front of the decoders
        (6, [MEMORY_BYTES] * 3 + [MEMORY_BYTES + STREAM_BYTES] * 2),
    ],
)
def test_a_cut_sends_all_that_later_stages_read(stages: int, sent: list[int]) -> None:
    workload, plan = two_towers(), Plan(pp=stages)
    parts = deal(workload, stages)
    assert [send.nbytes for send in sends(workload, parts, plan.mesh)] == sent
    assert sum(part.num_parameters for part in parts) == workload.num_parameters
    assert simulate(workload, SYSTEM, plan=f"pp={stages}", what_ifs=False).latency_s > 0


def test_a_stage_holds_what_passes_through_it() -> None:
    parts = deal(two_towers(), 6)
    # stage 3 embeds the text while the encoded image is on its way to stage 4
    assert [sum(t.size_bytes for t in part.carried) for part in parts] == [0, 0, 0, MEMORY_BYTES, 0, 0]
    assert parts[4].segments[0].ports == (Port("memory"),)


def test_a_flow_leads_from_the_last_encoder_to_every_decoder_on_tiles() -> None:
    pipeline = build_pipeline(two_towers().segments, "layer", is_decode=False)
    names = [group.name for group in pipeline.groups]
    flows = {(names[flow.producer], names[flow.consumer], flow.tensor): flow.depth for flow in pipeline.flows}
    last = f"image.block{ENCODERS - 1}"
    assert flows[last, "text.block0", "memory"] == 2 + 1  # it bypasses the embedding of the text
    assert flows[last, "text.block1", "memory"] == 2 + 2
    assert (last, "text.embed", "words") not in flows
    assert flows["text.embed", "text.block0", "text.in"] == 2


def test_two_towers_run_on_tiles_as_one_unit() -> None:
    result = simulate(two_towers(), "cerebras-cs2", plan="execution=spatial,granularity=layer", what_ifs=False)
    assert result.latency_s > 0


def test_a_workload_of_a_model_runs_like_the_model() -> None:
    phase = Prefill(1, 64)
    given = build_workload(load_model("gpt2-xl"), phase)
    one = simulate(given, f"{SYSTEM}:2", plan="tp=1", what_ifs=False)
    other = simulate("gpt2-xl", f"{SYSTEM}:2", phase, plan="tp=1", what_ifs=False)
    assert one.latency_s == other.latency_s
    assert one.footprint == other.footprint
    assert one.types == other.types


def test_a_graph_alone_is_a_pass_of_the_tokens_its_axes_name() -> None:
    result = simulate(decoder(), f"{SYSTEM}:1", plan="auto", what_ifs=False)
    assert result.tokens == BATCH * TOKENS
    assert result.model == "text.block"
    assert Workload.of(decoder(), tokens=7).tokens == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "fp8"}, "dtype: two towers is a workload without a model"),
        ({"attention": "standard", "routing": "balanced"}, "attention, routing: two towers is a workload without"),
        ({"plan": "dp=2"}, "one pass, which 2 replicas cannot share"),
        ({"phase": Prefill(1, 64)}, "made for one pass of 8 tokens, asked for one of 64"),
    ],
)
def test_what_needs_a_model_is_refused_in_words(options: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, PlanError), match=words):
        simulate(two_towers(), SYSTEM, **options)  # type: ignore[arg-type]


def test_a_phase_of_as_many_tokens_may_be_named() -> None:
    result = simulate(two_towers(), f"{SYSTEM}:1", Prefill(BATCH, TOKENS), plan="tp=1", what_ifs=False)
    assert result.phase == {"kind": "prefill", "batch": BATCH, "prompt": TOKENS}


def test_the_key_of_a_case_follows_what_the_workload_holds() -> None:
    case = Case.of(two_towers(), load_system(SYSTEM), plan="tp=1")
    assert case.key() == Case.of(two_towers(), SYSTEM, plan="tp=1").on(load_system(SYSTEM)).key()
    more = replace(two_towers(), segments=tuple(replace(s, repeat=s.repeat + 1) for s in two_towers().segments))
    assert case.but(model=more).key() != case.key()


def test_a_workload_has_no_file_form(tmp_path: object) -> None:
    case = Case.of(two_towers(), SYSTEM, plan="tp=1")
    with pytest.raises(ConfigError, match="two towers is a workload that was made in Python and has no file form"):
        case.save(f"{tmp_path}/case.yaml")
    with pytest.raises(ConfigError, match="has no file form"):
        Case.from_dict(case.to_dict())
