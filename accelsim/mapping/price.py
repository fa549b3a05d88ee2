"""Price every operator of one rank's share by the cost model or the network, before any schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.cost.base import COST_MODELS, OperatorCost, Region
from accelsim.hardware.system import System
from accelsim.network.collective import CollectiveCost
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention


@dataclass(frozen=True, slots=True)
class PricedOperator:
    """An operator of a block with its price on the machine.

    Attributes:
        operator: One rank's share.
        cost: Seconds and bytes on the cores, or the transfer steps of a collective.
    """

    operator: Operator
    cost: OperatorCost | CollectiveCost


@dataclass(frozen=True, slots=True, eq=False)
class PricedBlock:
    """A repeated block with each operator priced.

    Attributes:
        name: Name of the block's graph.
        repeat: Copies in a row.
        operators: In topological order.
        predecessors: For each operator, indices of the operators whose results it reads.
    """

    name: str
    repeat: int
    operators: tuple[PricedOperator, ...]
    predecessors: tuple[tuple[int, ...], ...]


class Pricer:
    """Prices blocks on one system; remembers operators and blocks, because layers and decode steps repeat them."""

    def __init__(self, system: System, region: Region, seats: Seats | None = None) -> None:
        self._system = system
        self._region = region
        self._network = NetworkPricer(system, seats)
        self._model = COST_MODELS.get(system.chip.cost_model)()
        self._operators: dict[Operator, PricedOperator] = {}
        # Operators and segments already seen, by identity: finding an object is quicker than comparing its tensors.
        self._seen: dict[int, tuple[Operator, PricedOperator]] = {}
        self._seen_segments: dict[int, tuple[Segment, PricedBlock]] = {}
        self._predecessors: dict[tuple[str, ...], tuple[tuple[int, ...], ...]] = {}
        self._blocks: dict[tuple[str, int, tuple[int, ...]], PricedBlock] = {}

    def price_all(self, workloads: Sequence[Workload]) -> list[tuple[PricedBlock, ...]]:
        """Each block of each pass priced; attentions of all passes at once where the cost model can."""
        together = getattr(self._model, "costs", None)
        if together is not None:
            graphs = {id(s.graph): s.graph for workload in workloads for s in workload.segments}
            new = dict.fromkeys(op for graph in graphs.values() for op in graph if isinstance(op, Attention))
            attentions = [op for op in new if op not in self._operators]
            if len(attentions) > 1:
                costs = together(attentions, self._system.chip, self._region)
                for operator, cost in zip(attentions, costs, strict=True):
                    self._operators[operator] = PricedOperator(operator, cost)
        return [self.price(workload) for workload in workloads]

    def price(self, workload: Workload) -> tuple[PricedBlock, ...]:
        """Each block of ``workload`` priced; equal blocks are one object."""
        return tuple(self._block(segment) for segment in workload.segments)

    def _block(self, segment: Segment) -> PricedBlock:
        if id(segment) in self._seen_segments:
            return self._seen_segments[id(segment)][1]
        operators = tuple(self.priced(operator) for operator in segment.graph)
        key = segment.name, segment.repeat, tuple(id(priced) for priced in operators)
        block = self._blocks.get(key)
        if block is None:
            names = segment.name, *(priced.operator.name for priced in operators)
            if names not in self._predecessors:  # the steps of a decode are wired alike
                self._predecessors[names] = _predecessors(segment.graph)
            block = PricedBlock(segment.name, segment.repeat, operators, self._predecessors[names])
            self._blocks[key] = block
        self._seen_segments[id(segment)] = segment, block
        return block

    def priced(self, operator: Operator) -> PricedOperator:
        """The price of an operator; equal operators have one object."""
        seen = self._seen.get(id(operator))
        if seen is not None:
            return seen[1]
        priced = self._operators.get(operator)
        if priced is None:
            priced = self._operators[operator] = PricedOperator(operator, self._cost(operator))
        self._seen[id(operator)] = operator, priced
        return priced

    def _cost(self, operator: Operator) -> OperatorCost | CollectiveCost:
        if self._network.prices(operator):
            return self._network.cost(operator)
        return self._model.cost(operator, self._system.chip, self._region)


def _predecessors(graph: OperatorGraph) -> tuple[tuple[int, ...], ...]:
    """For each operator, indices of the operators whose results it reads."""
    found: list[set[int]] = [set() for _ in graph.operators]
    for producer, consumer, _ in graph.edges:
        found[consumer].add(producer)
    return tuple(tuple(sorted(indices)) for indices in found)
