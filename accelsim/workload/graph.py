"""Operator graphs: an immutable DAG of operators whose edges are the tensors one writes and another reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

if TYPE_CHECKING:  # importing networkx takes 0.1 s, which most runs can save
    import networkx as nx


@dataclass(frozen=True)
class OperatorGraph:
    """A DAG of operators in topological order.

    An edge exists where an output tensor of one operator is an input tensor (same name) of a later one.  Tensors
    nobody writes are the graph's inputs: weights, the KV cache, and the activation that enters.

    Attributes:
        name: E.g. ``"decoder"``.
        operators: In an order in which each operator comes after those whose results it reads.

    Raises:
        ShapeError: Two operators share a name, two write one tensor, or one reads a tensor written later.
    """

    name: str
    operators: tuple[Operator, ...]

    def __post_init__(self) -> None:
        names = [operator.name for operator in self.operators]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ShapeError(f"graph {self.name!r}: operator names must be unique, twice: {', '.join(twice)}")
        written: dict[str, str] = {}
        later = {tensor.name for operator in self.operators for tensor in operator.outputs}
        for operator in self.operators:
            for tensor in operator.inputs:
                if tensor.name in later and tensor.name not in written:
                    raise ShapeError(f"graph {self.name!r}: {operator.name} reads {tensor.name!r} before it is written")
            for tensor in operator.outputs:
                if tensor.name in written:
                    raise ShapeError(
                        f"graph {self.name!r}: {tensor.name!r} is written by {written[tensor.name]} and {operator.name}"
                    )
                written[tensor.name] = operator.name

    def __iter__(self) -> Iterator[Operator]:
        return iter(self.operators)

    def __len__(self) -> int:
        return len(self.operators)

    @cached_property
    def edges(self) -> tuple[tuple[int, int, Tensor], ...]:
        """``(producer index, consumer index, tensor)`` of every edge, by consumer."""
        writer = {tensor.name: i for i, op in enumerate(self.operators) for tensor in op.outputs}
        return tuple(
            (writer[tensor.name], j, tensor)
            for j, op in enumerate(self.operators)
            for tensor in op.inputs
            if tensor.name in writer
        )

    @cached_property
    def networkx(self) -> nx.DiGraph[str]:
        """The graph over operator names; nodes carry ``operator``, edges carry ``tensors``."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        for operator in self.operators:
            graph.add_node(operator.name, operator=operator)
        for i, j, tensor in self.edges:
            source, target = self.operators[i].name, self.operators[j].name
            if graph.has_edge(source, target):
                graph.edges[source, target]["tensors"] += (tensor,)
            else:
                graph.add_edge(source, target, tensors=(tensor,))
        return graph

    @cached_property
    def flops(self) -> int:
        """Sum over the operators."""
        return sum(operator.flops for operator in self.operators)

    @cached_property
    def weights(self) -> tuple[Tensor, ...]:
        """Weight tensors, each once."""
        return self._inputs_with(Role.WEIGHT)

    @cached_property
    def kv_caches(self) -> tuple[Tensor, ...]:
        """KV-cache tensors, each once."""
        return self._inputs_with(Role.KV_CACHE)

    @cached_property
    def stored_positions(self) -> tuple[Tensor, ...]:
        """What the KV cache holds of each position, cached or new: its tensors along ``kv_len``, each once."""
        return tuple(tensor for tensor in self.kv_caches if tensor.has_axis("kv_len"))

    @cached_property
    def activated(self) -> dict[str, int]:
        """Elements of each weight, by name, that one token meets."""
        return {
            tensor.name: operator.activated(tensor)
            for operator in self.operators
            for tensor in operator.inputs
            if tensor.role is Role.WEIGHT
        }

    def _inputs_with(self, role: Role) -> tuple[Tensor, ...]:
        unique = {t.name: t for op in self.operators for t in (*op.inputs, *op.outputs) if t.role is role}
        return tuple(unique.values())

    def resized(self, operators: tuple[Operator, ...]) -> OperatorGraph:
        """The same graph with other extents: names and tensors are unchanged, so nothing is checked again."""
        graph = object.__new__(OperatorGraph)
        object.__setattr__(graph, "name", self.name)
        object.__setattr__(graph, "operators", operators)
        return graph

    def map(self, function: Callable[[Operator], Operator]) -> OperatorGraph:
        """The same graph with each operator replaced."""
        return OperatorGraph(self.name, tuple(function(operator) for operator in self.operators))


@dataclass(frozen=True)
class Segment:
    """``repeat`` copies of one graph in a row; copy ``i`` feeds its last tensor to copy ``i + 1``."""

    graph: OperatorGraph
    repeat: int = 1

    @property
    def name(self) -> str:
        """Name of the repeated graph."""
        return self.graph.name


@dataclass(frozen=True)
class Workload:
    """A short chain of repeated blocks: what one pass of the model (a prefill, one decode step) computes.

    Attributes:
        name: Model and phase, for reports.
        segments: E.g. embedding x 1, decoder x 32, head x 1.
        tokens: Tokens this pass advances (batch x prompt in prefill, batch in a decode step).
        tied_weights: Names of weights that appear in several segments and are stored once (tied embeddings).
        warnings: What the model's description mentions and this workload does not cover.
        reduce: Element type of partial sums on their way between chips; None: as they are computed.
    """

    name: str
    segments: tuple[Segment, ...]
    tokens: int
    tied_weights: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reduce: DType | None = None

    @property
    def flops(self) -> int:
        """Floating-point operations of the pass."""
        return sum(segment.repeat * segment.graph.flops for segment in self.segments)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights of the model: each repeated block has its own, tied weights count once."""
        return sum(segment.repeat * tensor.size_bytes for segment, tensor in self._stored_weights)

    @property
    def num_parameters(self) -> int:
        """Elements of all weights, counted like ``weight_bytes``."""
        return sum(segment.repeat * tensor.num_elements for segment, tensor in self._stored_weights)

    @property
    def num_active_parameters(self) -> int:
        """Elements of the weights that one token meets, counted like ``weight_bytes``."""
        return sum(segment.repeat * segment.graph.activated[tensor.name] for segment, tensor in self._stored_weights)

    @property
    def _stored_weights(self) -> Iterator[tuple[Segment, Tensor]]:
        tied: set[str] = set()
        for segment in self.segments:
            for tensor in segment.graph.weights:
                if tensor.name not in tied:
                    yield segment, tensor
                if tensor.name in self.tied_weights:
                    tied.add(tensor.name)
