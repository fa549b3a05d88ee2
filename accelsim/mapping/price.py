"""Price every operator of one rank's share by the cost model or the network, before any schedule."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.cost.base import COST_MODELS, OperatorCost, Region
from accelsim.hardware.system import System
from accelsim.network.collective import CollectiveCost, price_collective
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective


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

    def __init__(self, system: System, region: Region) -> None:
        self._system = system
        self._region = region
        self._model = COST_MODELS.get(system.chip.cost_model)()
        self._operators: dict[Operator, OperatorCost | CollectiveCost] = {}
        self._blocks: dict[Segment, PricedBlock] = {}

    def price(self, workload: Workload) -> tuple[PricedBlock, ...]:
        """Each block of ``workload`` priced; equal blocks are one object."""
        return tuple(self._block(segment) for segment in workload.segments)

    def _block(self, segment: Segment) -> PricedBlock:
        block = self._blocks.get(segment)
        if block is None:
            predecessors: list[set[int]] = [set() for _ in segment.graph.operators]
            for producer, consumer, _ in segment.graph.edges:
                predecessors[consumer].add(producer)
            block = self._blocks[segment] = PricedBlock(
                segment.name,
                segment.repeat,
                tuple(PricedOperator(operator, self._cost(operator)) for operator in segment.graph),
                tuple(tuple(sorted(indices)) for indices in predecessors),
            )
        return block

    def _cost(self, operator: Operator) -> OperatorCost | CollectiveCost:
        cost = self._operators.get(operator)
        if cost is None:
            if isinstance(operator, Collective):
                cost = price_collective(operator, self._system)
            else:
                cost = self._model.cost(operator, self._system.chip, self._region)
            self._operators[operator] = cost
        return cost
