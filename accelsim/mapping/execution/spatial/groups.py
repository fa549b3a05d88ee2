"""A model as a chain of groups: operators that share a rectangle of tiles, and what flows between them.

All layers are unfolded: each copy of a block gets rectangles of its own, because its weights stay there.  Groups of
the same part of a block (``attn`` of every layer) are alike, so whatever depends on the part alone is kept once.

Groups that were cut into pieces (:mod:`~accelsim.mapping.execution.spatial.pieces`) stand one behind another: they work
side by side, and what they hand to the sum behind them is added up on its way.

Groups may share a rectangle (:mod:`~accelsim.mapping.execution.spatial.sharing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.block import Block, BlockPart, part_names
from accelsim.mapping.execution.spatial.pieces import whole_name
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.operator import Operator

IntArray = npt.NDArray[np.int64]

GRANULARITIES = ("layer", "block", "operator")


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
        total: Name of the sum that the tensor is a summand of, which is added up on the way; empty for others.
    """

    producer: int
    consumer: int
    segment: int
    tensor: str
    depth: int = 2
    is_feedback: bool = False
    total: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Parts whose groups work side by side and get equal rectangles: the pieces of a group, or one part alone.

    Attributes:
        part: The part with the largest share, by which all are priced.
        parts: All of them.
        groups: Groups of all of them.
        passes: Times that a unit passes such groups.
    """

    part: int
    parts: tuple[int, ...]
    groups: int
    passes: int


@dataclass(frozen=True)
class Pipeline:
    """Parts, groups in model order, and the flows between them."""

    parts: tuple[BlockPart, ...]
    groups: tuple[TileGroup, ...]
    flows: tuple[Flow, ...]

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The parts by what works side by side, in order."""
        members: dict[tuple[int, str, bool], list[int]] = {}
        for at, part in enumerate(self.parts):
            members.setdefault((part.segment, whole_name(part.name), part.is_piece), []).append(at)
        stages = _stages(self.groups, self.parts)
        passed: dict[int, set[int]] = {}
        for stage, group in zip(stages, self.groups, strict=True):
            passed.setdefault(group.part, set()).add(stage)
        return tuple(
            Family(
                part=max(parts, key=lambda at: self.parts[at].resident_bytes),
                parts=tuple(parts),
                groups=sum(self.copies[at] for at in parts),
                passes=max(len(passed[at]) for at in parts),
            )
            for parts in members.values()
        )

    def part_of(self, group: int) -> BlockPart:
        """The part that a group is a copy of."""
        return self.parts[self.groups[group].part]

    @property
    def last_segment(self) -> int:
        """Segment that a prompt need not go through but for its last token."""
        return self.parts[-1].segment

    @cached_property
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
    exits: dict[int, tuple[int, Block]] = {}  # of each segment, the first group of its last copy, and its block
    wires = Workload("", tuple(segments), tokens=1).wires
    copies: Counter[str] = Counter()
    for segment in segments:  # layers of one kind may stand in several runs
        copies[segment.name] += segment.repeat
    numbers: Counter[str] = Counter()
    for index, segment in enumerate(segments):
        first_part = len(parts)
        block = Block(index, segment, granularity)
        parts += block.parts
        for _ in range(segment.repeat):
            base = len(groups)
            number = f"{segment.name}{numbers[segment.name]}" if copies[segment.name] > 1 else segment.name
            numbers[segment.name] += 1
            groups += [
                TileGroup(number + name.removeprefix(segment.name), first_part + part)
                for name, part in block.members.items()
            ]
            if leaving is not None and block.entering is not None:
                flows += [Flow(leaving, base + i, index, block.entering) for i in block.readers(block.entering)]
            for wire in wires:
                if wire.reader == index and wire.source is not None and wire.result is not None:
                    at, source = exits[wire.source]
                    writer = at + source.writer_of(wire.result.name)
                    tensor = wire.tensor.name
                    flows += [Flow(writer, base + i, index, tensor) for i in block.readers(tensor)]
            flows += [
                Flow(base + i, base + j, index, tensor, total=block.totals.get(tensor, ""))
                for i, j, tensor in block.inner
            ]
            leaving = base + block.writer
            exits[index] = base, block
    if is_decode and leaving is not None:
        flows.append(Flow(leaving, 0, 0, segments[0].graph.entering[0].name, is_feedback=True))
    stages = _stages(groups, parts)
    return Pipeline(tuple(parts), tuple(groups), tuple(_with_depth(flow, stages) for flow in flows))


def by_part(segments: Sequence[Segment]) -> dict[tuple[int, str], tuple[Operator, ...]]:
    """Operators of every part that there can be in one pass, by segment and name.

    Args:
        segments: Graphs of all blocks in one pass.
    """
    found: dict[tuple[int, str], list[Operator]] = {}
    for at, segment in enumerate(segments):
        for operator in segment.graph:
            for name in dict.fromkeys(part_names(segment.graph, operator)):
                found.setdefault((at, name), []).append(operator)
    return {key: tuple(operators) for key, operators in found.items()}


def check_grouped(pipeline: Pipeline, segments: Sequence[Segment]) -> None:
    """Refuse a pass with operators that no group has.

    Args:
        pipeline: Groups that were cut from the largest pass.
        segments: Graphs of another pass.

    Raises:
        PlanError: It has some, because groups are single operators of another pass.
    """
    names = {name for part in pipeline.parts for name in part.alike}
    for segment in segments:
        for operator in segment.graph:
            if names.isdisjoint(part_names(segment.graph, operator)):
                raise PlanError(
                    f"granularity=operator: {segment.name}.{operator.name} is computed for some of the tokens only "
                    "(latent attention has two forms), so it has no tiles of its own. Use granularity=block."
                )


def flow_bytes(flows: Sequence[Flow], segments: Sequence[Segment]) -> IntArray:
    """Bytes of each flow in one pass: what its consumer reads. int64[F].

    Args:
        flows: Tensors on their way from group to group.
        segments: Graphs of the pass, which say how large they are.
    """
    read = [{t.name: t.size_bytes for operator in segment.graph for t in operator.inputs} for segment in segments]
    return np.array([read[flow.segment].get(flow.tensor, 0) for flow in flows], dtype=np.int64)


def buffer_bytes(pipeline: Pipeline, segments: Sequence[Segment]) -> IntArray:
    """Bytes of the buffers of each group: what waits in front of it, and two of each result. int64[groups].

    Args:
        pipeline: Groups, and what flows between them.
        segments: Graphs of the pass with the largest units.
    """
    sizes = flow_bytes(pipeline.flows, segments)
    # A sum comes once, whatever the number of those who send.
    arriving = {(flow.consumer, flow.total or flow.tensor): at for at, flow in enumerate(pipeline.flows)}
    found = np.zeros(len(pipeline.groups), dtype=np.int64)
    for (consumer, _), at in arriving.items():
        found[consumer] += pipeline.flows[at].depth * sizes[at]
    # A result is there once, whatever the number of those who read it.
    leaving = {(flow.producer, flow.segment, flow.tensor): at for at, flow in enumerate(pipeline.flows)}
    for (producer, _, _), at in leaving.items():
        found[producer] += 2 * sizes[at]
    return found


def _stages(groups: Sequence[TileGroup], parts: Sequence[BlockPart]) -> list[int]:
    """Number of each group along the way of a unit; pieces of one group stand side by side."""
    stages: list[int] = []
    before = None
    for group in groups:
        here = whole_name(group.name), parts[group.part].is_piece
        stages.append(stages[-1] + (here != before) if stages else 0)
        before = here
    return stages


def _with_depth(flow: Flow, stages: Sequence[int]) -> Flow:
    """Buffers of a flow: two, and as many more as stages lie between its ends.

    A tensor that bypasses groups (a residual around its branch) waits until the branch has caught up; with fewer
    buffers than groups passed, the branch could not be kept busy.
    """
    if flow.is_feedback:
        return flow
    return replace(flow, depth=2 + max(0, stages[flow.consumer] - stages[flow.producer] - 1))
