"""A model as a chain of groups: operators that share a rectangle of tiles, and what flows between them.

All layers are unfolded: each copy of a block gets rectangles of its own, because its weights stay there.  Groups of
the same part of a block (``attn`` of every layer) are alike, so whatever depends on the part alone is kept once.

Not modelled: two groups on one rectangle, a block split over more rectangles than it has operators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accelsim.errors import PlanError
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

GRANULARITIES = ("layer", "block", "operator")


@dataclass(frozen=True, slots=True)
class BlockPart:
    """The operators of a block that share a rectangle.

    Attributes:
        segment: Index of the block in the model's segments.
        name: ``decoder.attn``, ``decoder.attn.qkv``, ``head`` ...
        operators: Names of its operators, in order.
        weight_bytes: Weights that stay in the rectangle.
        kv_bytes: KV cache that stays there, at the end of the phase, all sequences.
    """

    segment: int
    name: str
    operators: tuple[str, ...]
    weight_bytes: int
    kv_bytes: int

    @property
    def resident_bytes(self) -> int:
        """Weights and KV cache."""
        return self.weight_bytes + self.kv_bytes


@dataclass(frozen=True, slots=True)
class TileGroup:
    """One copy of a part: what gets a rectangle.

    Attributes:
        name: ``decoder3.attn``; the number is left out where the block is not repeated.
        part: Index into the parts.
    """

    name: str
    part: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor that one group hands to another.

    Attributes:
        producer: Index of the group that writes it.
        consumer: Index of the group that reads it.
        segment: Segment whose graph knows the tensor as ``tensor``: the consumer's.
        tensor: Name of the tensor there.
        depth: Units that wait in front of the consumer at most; more than two where the flow bypasses other groups.
        is_feedback: The sampled token on its way to the next step.
    """

    producer: int
    consumer: int
    segment: int
    tensor: str
    depth: int = 2
    is_feedback: bool = False


@dataclass(frozen=True)
class Pipeline:
    """Parts, groups in model order, and the flows between them."""

    parts: tuple[BlockPart, ...]
    groups: tuple[TileGroup, ...]
    flows: tuple[Flow, ...]

    def part_of(self, group: int) -> BlockPart:
        """The part that a group is a copy of."""
        return self.parts[self.groups[group].part]

    @property
    def last_segment(self) -> int:
        """Segment that a prompt need not go through but for its last token."""
        return self.parts[-1].segment

    @property
    def copies(self) -> tuple[int, ...]:
        """Groups of each part."""
        counts = [0] * len(self.parts)
        for group in self.groups:
            counts[group.part] += 1
        return tuple(counts)


def build_pipeline(segments: Sequence[Segment], granularity: str, is_decode: bool) -> Pipeline:
    """Groups and flows of a model whose largest pass is ``segments``.

    Args:
        segments: All sequences at the end of the phase: what the SRAM has to hold.
        granularity: ``layer`` (a block is one group), ``block`` (attention, MLP), ``operator``.
        is_decode: Add the way of the sampled token back to the embedding.

    Raises:
        PlanError: Unknown granularity, or one that makes a group wait for a later one.
    """
    if granularity not in GRANULARITIES:
        raise PlanError(f"plan: unknown granularity {granularity!r}. Allowed: {', '.join(GRANULARITIES)}.")
    parts: list[BlockPart] = []
    groups: list[TileGroup] = []
    flows: list[Flow] = []
    leaving: int | None = None
    exits: dict[int, tuple[int, _Block]] = {}  # of each segment, the first group of its last copy, and its block
    wires = Workload("", tuple(segments), tokens=1).wires
    copies: Counter[str] = Counter()
    for segment in segments:  # layers of one kind may stand in several runs
        copies[segment.name] += segment.repeat
    numbers: Counter[str] = Counter()
    for index, segment in enumerate(segments):
        first_part = len(parts)
        block = _Block(index, segment, granularity)
        parts += block.parts
        for _ in range(segment.repeat):
            base = len(groups)
            number = f"{segment.name}{numbers[segment.name]}" if copies[segment.name] > 1 else segment.name
            numbers[segment.name] += 1
            groups += [
                TileGroup(number + part.name.removeprefix(segment.name), first_part + i)
                for i, part in enumerate(block.parts)
            ]
            if leaving is not None and block.entering is not None:
                flows += [Flow(leaving, base + i, index, block.entering) for i in block.readers(block.entering)]
            for wire in wires:
                if wire.reader == index and wire.source is not None and wire.result is not None:
                    at, source = exits[wire.source]
                    writer = at + source.writer_of(wire.result.name)
                    tensor = wire.tensor.name
                    flows += [Flow(writer, base + i, index, tensor) for i in block.readers(tensor)]
            flows += [Flow(base + i, base + j, index, tensor) for i, j, tensor in block.inner]
            leaving = base + block.writer
            exits[index] = base, block
    if is_decode and leaving is not None:
        flows.append(Flow(leaving, 0, 0, segments[0].graph.entering[0].name, is_feedback=True))
    return Pipeline(tuple(parts), tuple(groups), tuple(_with_depth(flow, flows) for flow in flows))


def operators_of(part: BlockPart, segments: Sequence[Segment]) -> tuple[Operator, ...]:
    """The operators of a part in the graphs of one pass.

    They need not be those of the largest pass: latent attention takes another form for a piece of a prompt.

    Args:
        part: A part of a block, such as its attention.
        segments: Graphs of all blocks in one pass.
    """
    graph = segments[part.segment].graph
    return tuple(operator for operator in graph if part.name in _part_names(graph, operator))


def check_grouped(pipeline: Pipeline, segments: Sequence[Segment]) -> None:
    """Refuse a pass with operators that no group has.

    Args:
        pipeline: Groups that were cut from the largest pass.
        segments: Graphs of another pass.

    Raises:
        PlanError: It has some, because groups are single operators of another pass.
    """
    names = {part.name for part in pipeline.parts}
    for segment in segments:
        for operator in segment.graph:
            if names.isdisjoint(_part_names(segment.graph, operator)):
                raise PlanError(
                    f"granularity=operator: {segment.name}.{operator.name} is computed for some of the tokens only "
                    "(latent attention has two forms), so it has no tiles of its own. Use granularity=block."
                )


def flow_bytes(flow: Flow, segments: Sequence[Segment]) -> int:
    """Bytes of a flow in one pass: what its consumer reads.

    Args:
        flow: A tensor on its way from group to group.
        segments: Graphs of the pass, which say how large it is.
    """
    for operator in segments[flow.segment].graph:
        for tensor in operator.inputs:
            if tensor.name == flow.tensor:
                return tensor.size_bytes
    return 0


def buffer_bytes(pipeline: Pipeline, group: int, segments: Sequence[Segment]) -> int:
    """Bytes of the buffers of one group: what waits in front of it, and two of each result.

    Args:
        pipeline: Groups, and what flows between them.
        group: Index of the group.
        segments: Graphs of the pass with the largest units.
    """
    inward = sum(flow.depth * flow_bytes(flow, segments) for flow in pipeline.flows if flow.consumer == group)
    outward = sum(2 * flow_bytes(flow, segments) for flow in pipeline.flows if flow.producer == group)
    return inward + outward


class _Block:
    """Parts of one block and how tensors cross between them."""

    def __init__(self, index: int, segment: Segment, granularity: str) -> None:
        graph = segment.graph
        members: dict[str, list[Operator]] = {}
        for operator in graph:
            members.setdefault(_part_name(graph, operator, granularity), []).append(operator)
        self.parts = tuple(_part(index, name, operators) for name, operators in members.items())
        self._graph = graph
        self._place = place = {operator.name: i for i, part in enumerate(members.values()) for operator in part}
        self.entering = _entering(segment)
        self.writer = place[_writer_of(graph, graph.leaving[-1].name).name]
        names = [operator.name for operator in graph]
        crossing = {
            (place[names[i]], place[names[j]], tensor.name): None
            for i, j, tensor in graph.edges
            if place[names[i]] != place[names[j]]
        }
        self.inner = tuple(crossing)
        for i, j, tensor_name in self.inner:
            if i > j:
                raise PlanError(
                    f"granularity={granularity}: {self.parts[j].name} reads {tensor_name} of {self.parts[i].name}, "
                    "which comes after it. Use granularity=operator."
                )

    def readers(self, tensor: str) -> tuple[int, ...]:
        """Parts that read a tensor."""
        return tuple(sorted({self._place[op.name] for op in self._graph if any(t.name == tensor for t in op.inputs)}))

    def writer_of(self, tensor: str) -> int:
        """The part that writes a tensor."""
        return self._place[_writer_of(self._graph, tensor).name]


def _writer_of(graph: OperatorGraph, tensor: str) -> Operator:
    return next(operator for operator in graph if any(t.name == tensor for t in operator.outputs))


def _part_name(graph: OperatorGraph, operator: Operator, granularity: str) -> str:
    if granularity == "layer":
        return graph.name
    if granularity == "operator":
        return f"{graph.name}.{operator.name}"
    prefixes = list(dict.fromkeys(_prefix(op) for op in graph))
    return graph.name if len(prefixes) == 1 else f"{graph.name}.{_prefix(operator)}"


def _part_names(graph: OperatorGraph, operator: Operator) -> tuple[str, str, str]:
    """Names of the part that an operator is in, whatever the granularity."""
    return graph.name, f"{graph.name}.{_prefix(operator)}", f"{graph.name}.{operator.name}"


def _prefix(operator: Operator) -> str:
    return operator.name.partition(".")[0]


def _part(segment: int, name: str, operators: list[Operator]) -> BlockPart:
    return BlockPart(
        segment=segment,
        name=name,
        operators=tuple(operator.name for operator in operators),
        weight_bytes=sum(t.size_bytes for t in _resident(operators, Role.WEIGHT)),
        kv_bytes=sum(t.size_bytes for t in _resident(operators, Role.KV_CACHE) if t.has_axis("kv_len")),
    )


def _resident(operators: list[Operator], role: Role) -> Iterator[Tensor]:
    yield from {t.name: t for op in operators for t in op.inputs if t.role is role}.values()


def _entering(segment: Segment) -> str | None:
    """The activation that comes from the block before; None if all come through ports."""
    if not segment.graph.entering:
        raise PlanError(f"{segment.name}: no activation enters this block, so nothing can stream through it.")
    return segment.chained[0].name if segment.chained else None


def _with_depth(flow: Flow, flows: Sequence[Flow]) -> Flow:
    """Buffers of a flow: two, and as many more as groups lie between its ends.

    A tensor that bypasses groups (a residual around its branch) waits until the branch has caught up; with fewer
    buffers than groups passed, the branch could not be kept busy.
    """
    if flow.is_feedback:
        return flow
    passed = max(0, flow.consumer - flow.producer - 1)
    return Flow(flow.producer, flow.consumer, flow.segment, flow.tensor, 2 + passed) if passed else flow
