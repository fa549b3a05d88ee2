"""Operator graphs: an immutable DAG of operators whose edges are the tensors one writes and another reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from accelsim.arguments import checked_call, expect
from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

if TYPE_CHECKING:  # importing networkx takes 0.1 s, which most runs can save
    import networkx as nx


@checked_call('OperatorGraph("mine", operators)')
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

    @cached_property
    def entering(self) -> tuple[Tensor, ...]:
        """Activations that operators read and none writes, each once."""
        written = {tensor.name for operator in self.operators for tensor in operator.outputs}
        found = {
            tensor.name: tensor
            for operator in self.operators
            for tensor in operator.inputs
            if tensor.role is Role.ACTIVATION and tensor.name not in written
        }
        return tuple(found.values())

    @cached_property
    def leaving(self) -> tuple[Tensor, ...]:
        """Activations that operators write and none reads: the results, in order."""
        read = {tensor.name for operator in self.operators for tensor in operator.inputs}
        outputs = (tensor for operator in self.operators for tensor in operator.outputs)
        return tuple(t for t in outputs if t.role is Role.ACTIVATION and t.name not in read)

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


@dataclass(frozen=True, slots=True)
class Port:
    """An activation that every copy of a segment reads, and where it comes from.

    Attributes:
        tensor: Its name in the graph that reads it.
        source: Name of the segment whose last copy writes it; the latest one before the reader, where several have the
            name.  None: it is there from the beginning (token ids of a second tower).
        result: Its name in the graph that writes it; None: the source's only result.
    """

    tensor: str
    source: str | None = None
    result: str | None = None


@dataclass(frozen=True)
class Segment:
    """``repeat`` copies of one graph in a row; copy ``i`` feeds its result to copy ``i + 1``, the last to what follows.

    Attributes:
        graph: The block.
        repeat: Copies.
        ports: What the copies read from elsewhere than the copy or the segment before.
    """

    graph: OperatorGraph
    repeat: int = 1
    ports: tuple[Port, ...] = ()

    @property
    def name(self) -> str:
        """Name of the repeated graph."""
        return self.graph.name

    @property
    def chained(self) -> tuple[Tensor, ...]:
        """Activations that enter from the copy or the segment before: those that no port names."""
        ports = {port.tensor for port in self.ports}
        return tuple(tensor for tensor in self.graph.entering if tensor.name not in ports)


@dataclass(frozen=True, slots=True)
class Wire:
    """A port with both of its ends.

    Attributes:
        source: Index of the segment that writes; None: it is there from the beginning.
        reader: Index of the segment that reads.
        result: The tensor as the source knows it; None without a source.
        tensor: The tensor as the reader knows it.
    """

    source: int | None
    reader: int
    result: Tensor | None
    tensor: Tensor


@checked_call("Workload.of(graph)")
@dataclass(frozen=True)
class Workload:
    """A small graph of repeated blocks: what one pass of the model (a prefill, one decode step) computes.

    Segments stand in the order in which they run, one after another, so that each comes after what it reads.  Without
    ports they are a chain.

    Attributes:
        name: Model and phase, for reports.
        segments: E.g. embedding x 1, decoder x 32, head x 1.
        tokens: Tokens this pass advances (batch x prompt in prefill, batch in a decode step).
        tied_weights: Names of weights that appear in several segments and are stored once (tied embeddings).
        warnings: What the model's description mentions and this workload does not cover.
        reduce: Element type of partial sums on their way between chips; None: as they are computed.
        carried: Activations that are held throughout, on their way from an earlier part of a pipeline to a later one.

    Raises:
        ShapeError: A port reads what no segment before writes, or something of another size.
    """

    name: str
    segments: tuple[Segment, ...]
    tokens: int
    tied_weights: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reduce: DType | None = None
    carried: tuple[Tensor, ...] = ()

    def __post_init__(self) -> None:
        if any(segment.ports for segment in self.segments):
            self._check_wires()

    @classmethod
    def of(cls, graph: OperatorGraph, tokens: int | None = None) -> Workload:
        """One graph as a workload.

        Args:
            graph: The whole pass.
            tokens: Tokens it advances, for throughput; None reads them off what enters: its axes ``batch`` and
                ``q_len``, or ``tokens``; 1 if it has none of them.
        """
        expect(graph, OperatorGraph, "workload", 'Workload.of(OperatorGraph("mine", operators))')
        sizes = {axis.name: axis.size for tensor in graph.entering for axis in tensor.axes}
        read = sizes.get("tokens") or sizes.get("batch", 1) * sizes.get("q_len", 1)
        return cls(graph.name, (Segment(graph),), tokens or read)

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        """What ports read, by reader; a chain has none."""
        return tuple(self._wire(port, at) for at, segment in enumerate(self.segments) for port in segment.ports)

    def exported(self, segment: int) -> frozenset[str]:
        """Tensors of a segment that ports of others read."""
        return frozenset(wire.result.name for wire in self.wires if wire.source == segment and wire.result is not None)

    def _wire(self, port: Port, reader: int) -> Wire:
        """Both ends of a port."""
        where = f"workload {self.name!r}: port {port.tensor!r} of {self.segments[reader].name!r}"
        read = [t for t in self.segments[reader].graph.entering if t.name == port.tensor]
        if not read:
            raise ShapeError(
                f"{where}: no activation of that name enters. Entering: {_names(self.segments[reader].graph.entering)}."
            )
        if port.source is None:
            return Wire(None, reader, None, read[0])
        sources = [at for at, segment in enumerate(self.segments[:reader]) if segment.name == port.source]
        if not sources:
            known = ", ".join(dict.fromkeys(segment.name for segment in self.segments[:reader])) or "none"
            raise ShapeError(f"{where}: no segment {port.source!r} runs before. Before it: {known}.")
        graph = self.segments[sources[-1]].graph
        written = [t for operator in graph for t in operator.outputs if t.name == port.result]
        results = graph.leaving if port.result is None else tuple(written)
        if len(results) != 1:
            raise ShapeError(f"{where}: {port.source!r} has no single result {port.result or ''}. Name one of its own.")
        if results[0].num_elements != read[0].num_elements:
            raise ShapeError(f"{where}: {read[0].shape} is read, but {results[0].name!r} is {results[0].shape}.")
        return Wire(sources[-1], reader, results[0], read[0])

    def _check_wires(self) -> None:
        """Refuse ports that lead nowhere, and more than one tensor on a chain."""
        for at, segment in enumerate(self.segments):
            for port in segment.ports:
                self._wire(port, at)
        for at, segment in enumerate(self.segments):
            if at and len(segment.chained) > 1:
                raise ShapeError(
                    f"workload {self.name!r}: {_names(segment.chained)} enter {segment.name!r}; one can come from what "
                    "runs before it. Name ports for the others."
                )

    @property
    def flops(self) -> int:
        """Floating-point operations of the pass."""
        return sum(segment.repeat * segment.graph.flops for segment in self.segments)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights of the model: each repeated block has its own, tied weights count once."""
        return sum(segment.repeat * tensor.size_bytes for segment, tensor in self.stored_weights)

    @property
    def num_parameters(self) -> int:
        """Elements of all weights, counted like ``weight_bytes``."""
        return sum(segment.repeat * tensor.num_elements for segment, tensor in self.stored_weights)

    @property
    def num_active_parameters(self) -> int:
        """Elements of the weights that one token meets, counted like ``weight_bytes``."""
        return sum(segment.repeat * segment.graph.activated[tensor.name] for segment, tensor in self.stored_weights)

    @property
    def stored_weights(self) -> Iterator[tuple[Segment, Tensor]]:
        """Every weight with its segment; tied ones once."""
        tied: set[str] = set()
        for segment in self.segments:
            for tensor in segment.graph.weights:
                if tensor.name not in tied:
                    yield segment, tensor
                if tensor.name in self.tied_weights:
                    tied.add(tensor.name)


def _names(tensors: Iterable[Tensor]) -> str:
    return ", ".join(tensor.name for tensor in tensors) or "none"
