"""One block cut into parts: which of its operators share a rectangle, and which tensors cross between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.pieces import group_of, is_piece, whole_name
from accelsim.workload.graph import OperatorGraph, Segment
from accelsim.workload.operator import Operator
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.tree_sum import TreeSum
from accelsim.workload.tensor import Role, Tensor


@dataclass(frozen=True, slots=True)
class BlockPart:
    """The operators of a block that share a rectangle.

    Attributes:
        segment: Index of the block in the model's segments.
        block: Its name.
        name: ``decoder.attn``, ``decoder.attn.qkv``, ``head`` ...
        operators: Names of its operators, in order.
        weight_bytes: Weights that stay in the rectangle.
        kv_bytes: KV cache that stays there, at the end of the phase, all sequences.
        alike: Names of the groups of one block that are copies of it, ``name`` the first: pieces with equal shares.
        is_piece: Whether it works side by side with the other pieces of its group.
    """

    segment: int
    block: str
    name: str
    operators: tuple[str, ...]
    weight_bytes: int
    kv_bytes: int
    alike: tuple[str, ...]
    is_piece: bool = False

    @property
    def resident_bytes(self) -> int:
        """Weights and KV cache."""
        return self.weight_bytes + self.kv_bytes


class Block:
    """Groups of one block, the parts they are copies of, and how tensors cross between them.

    Attributes:
        members: Index into ``parts`` of each group, by its name.
        parts: Distinct parts.
        entering: Tensor that comes from the block before.
        inner: Groups that write and read a tensor, and its name.
        totals: Sum that each summand goes into, by tensor.
    """

    def __init__(self, index: int, segment: Segment, granularity: str) -> None:
        graph = segment.graph
        found: dict[str, list[Operator]] = {}
        is_alone = len({whole_name(group_of(operator.name)) for operator in graph}) == 1
        for operator in graph:
            found.setdefault(_part_name(graph.name, operator, granularity, is_alone), []).append(operator)
        found = dict(_pieces_first(found))
        alike: dict[object, list[str]] = {}
        for name, operators in found.items():
            alike.setdefault(_likeness(name, operators), []).append(name)
        self.parts = tuple(_part(index, segment.name, names, found[names[0]]) for names in alike.values())
        part_of = {name: at for at, names in enumerate(alike.values()) for name in names}
        self.members = {name: part_of[name] for name in found}
        self._graph = graph
        self._place = place = {operator.name: i for i, part in enumerate(found.values()) for operator in part}
        self.entering = _entering(segment)
        self.writer = place[_writer_of(graph, graph.leaving[-1].name).name]
        self.totals = {t.name: op.name for op in graph if op.kind == TreeSum.kind for t in op.inputs}
        names = [operator.name for operator in graph]
        crossing = {
            (place[names[i]], place[names[j]], tensor.name): None
            for i, j, tensor in graph.edges
            if place[names[i]] != place[names[j]]
        }
        self.inner = tuple(crossing)
        for i, j, tensor_name in self.inner:
            if i > j:
                writer, reader = (list(self.members)[at] for at in (i, j))
                raise PlanError(
                    f"granularity={granularity}: {reader} reads {tensor_name} of {writer}, which comes after it. "
                    "Use granularity=operator."
                )

    def readers(self, tensor: str) -> tuple[int, ...]:
        """Parts that read a tensor."""
        return tuple(sorted(self._readers.get(tensor, ())))

    @cached_property
    def _readers(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for operator in self._graph:
            for tensor in operator.inputs:
                found.setdefault(tensor.name, set()).add(self._place[operator.name])
        return found

    def writer_of(self, tensor: str) -> int:
        """The part that writes a tensor."""
        return self._place[_writer_of(self._graph, tensor).name]


def _writer_of(graph: OperatorGraph, tensor: str) -> Operator:
    return next(operator for operator in graph if any(t.name == tensor for t in operator.outputs))


def _part_name(block: str, operator: Operator, granularity: str, is_alone: bool) -> str:
    """The part that an operator is in; the group of a block that has one only is called after it (``is_alone``)."""
    if granularity == "layer":
        return block
    if granularity == "operator":
        return f"{block}.{operator.name}"
    group = group_of(operator.name)
    return block + group.removeprefix(whole_name(group)) if is_alone else f"{block}.{group}"


def part_names(graph: OperatorGraph, operator: Operator) -> tuple[str, str, str]:
    """Names of the part that an operator is in, whatever the granularity.

    Args:
        graph: Graph of its block.
        operator: The operator.
    """
    group = group_of(operator.name)
    piece = graph.name + group.removeprefix(whole_name(group))
    return piece, f"{graph.name}.{group}", f"{graph.name}.{operator.name}"


def _pieces_first(found: dict[str, list[Operator]]) -> Iterator[tuple[str, list[Operator]]]:
    """The groups in their order, but what is left of a group behind the last of its pieces."""
    last_piece = {whole_name(name): name for name in found if is_piece(name)}
    for name, operators in found.items():
        if name not in last_piece:
            yield name, operators
        if last_piece.get(whole := whole_name(name)) == name and whole in found:
            yield whole, found[whole]


def _likeness(name: str, operators: Sequence[Operator]) -> object:
    """Equal for the pieces of one group that have equal shares, and for nothing else.

    Pieces of experts get unequal numbers of tokens, which differ from unit to unit.
    """
    if not is_piece(name) or any(operator.kind == Experts.kind for operator in operators):
        return name
    shapes = tuple(tuple(tensor.axes for tensor in (*operator.inputs, *operator.outputs)) for operator in operators)
    return whole_name(name), shapes


def _part(segment: int, block: str, names: Sequence[str], operators: Sequence[Operator]) -> BlockPart:
    return BlockPart(
        segment=segment,
        block=block,
        name=names[0],
        operators=tuple(operator.name for operator in operators),
        weight_bytes=sum(t.size_bytes for t in _resident(operators, Role.WEIGHT)),
        kv_bytes=sum(t.held_bytes for t in _resident(operators, Role.KV_CACHE) if t.has_axis("kv_len")),
        alike=tuple(names),
        is_piece=is_piece(names[0]),
    )


def _resident(operators: Sequence[Operator], role: Role) -> Iterator[Tensor]:
    yield from {t.name: t for op in operators for t in op.inputs if t.role is role}.values()


def _entering(segment: Segment) -> str | None:
    """The activation that comes from the block before; None if all come through ports."""
    if not segment.graph.entering:
        raise PlanError(f"{segment.name}: no activation enters this block, so nothing can stream through it.")
    return segment.chained[0].name if segment.chained else None
