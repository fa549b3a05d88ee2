"""Price every operator of one rank's share by the cost model or the network, before any schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.hardware.system import System
from accelsim.mapping.booking import Booking
from accelsim.mapping.known import Known
from accelsim.mapping.tiers.placing import TierPlacement
from accelsim.mapping.tiers.streaming import Streaming
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.steps import OperatorSeries, StepSeries


@dataclass(frozen=True, slots=True, eq=False)
class PricedOperator:
    """An operator of a block with its price on the machine.

    Attributes:
        operator: One rank's share.
        cost: Seconds and bytes on the cores, or between chips.
    """

    operator: Operator
    cost: Cost


@dataclass(frozen=True, slots=True, eq=False)
class PricedSteps:
    """An operator that grows from step to step of a decode, priced in each.

    Attributes:
        operators: One rank's share in each step.
        costs: Its prices.
        price: Prices one operator alone.
    """

    operators: OperatorSeries
    costs: CostColumns
    price: Callable[[Operator], PricedOperator]

    def at(self, step: int) -> PricedOperator:
        """The operator of one step with all that its price says."""
        return self.price(self.operators.at(step))

    def figures(self, step: int) -> PricedOperator:
        """The operator of one step with the figures of its price, which are at hand."""
        return PricedOperator(self.operators.at(step), self.costs.at(step))


@dataclass(frozen=True, slots=True, eq=False)
class PricedBlock:
    """A repeated block with each operator priced, in one pass or in every step of a series.

    Attributes:
        name: Name of the block's graph.
        repeat: Copies in a row.
        operators: In topological order; those that grow as they are in the first step.
        predecessors: For each operator, indices of the operators whose results it reads.
        count: Steps that it stands for.
        growing: Operators that differ from step to step, by index.
    """

    name: str
    repeat: int
    operators: tuple[PricedOperator, ...]
    predecessors: tuple[tuple[int, ...], ...]
    count: int = 1
    growing: Mapping[int, PricedSteps] = field(default_factory=dict)

    def at(self, step: int) -> PricedBlock:
        """The block in one step, with all that its prices say."""
        return self._with({index: steps.at(step) for index, steps in self.growing.items()})

    def figures(self, step: int) -> PricedBlock:
        """The block in one step, with the figures of its prices, which are at hand."""
        return self._with({index: steps.figures(step) for index, steps in self.growing.items()})

    def _with(self, own: Mapping[int, PricedOperator]) -> PricedBlock:
        if not own:
            return self
        operators = tuple(own.get(index, one) for index, one in enumerate(self.operators))
        return PricedBlock(self.name, self.repeat, operators, self.predecessors)

    def last_of_growing(self) -> Iterator[PricedOperator]:
        """The operators that grow as they are in the last step: what growth leaves, it has left there."""
        return (steps.at(self.count - 1) for steps in self.growing.values())

    def bookings(self, count: int) -> Iterator[Booking]:
        """What ran, each step ``count`` times."""
        for index, one in enumerate(self.operators):
            times = count if index in self.growing else count * self.count
            yield Booking.of(self.name, one.operator, one.cost, times)
        for steps in self.growing.values():
            for step in range(1, self.count):
                one = steps.figures(step)
                yield Booking.of(self.name, one.operator, one.cost, count)


class Pricer:
    """Prices blocks on one system; remembers operators and blocks, because layers and passes repeat them."""

    def __init__(
        self,
        system: System,
        region: Region,
        seats: Seats | None = None,
        known: Known | None = None,
        tiers: TierPlacement | None = None,
    ) -> None:
        known = known or Known()
        streams = tiers is not None and tiers.streams
        self._streaming = Streaming(system.chip, region, tiers, self._alone) if streams and tiers else None
        self._system = system
        self._region = region
        self._network = NetworkPricer(system, seats)
        self._on_cores = known.on_cores(system.chip, region)
        self._between_ranks = known.between_ranks(system, seats)
        self._model = COST_MODELS.get(system.chip.cost_model)()
        self._operators: dict[Operator, PricedOperator] = {}
        self._blocks: dict[tuple[str, int, tuple[PricedOperator, ...]], PricedBlock] = {}

    def price(self, workload: Workload) -> tuple[PricedBlock, ...]:
        """Each block of ``workload`` priced, all operators together; equal blocks are one object."""
        self.learn([workload])
        return tuple(self._block(segment) for segment in workload.segments)

    def price_series(self, series: StepSeries) -> tuple[PricedBlock, ...]:
        """Each block of a series of steps priced in all of them."""
        blocks = self.price(series.first)
        if series.count == 1:
            return blocks
        steps: dict[PricedBlock, PricedBlock] = {}
        for block, growing in zip(blocks, series.growing, strict=True):
            if block not in steps:
                priced = {index: self._steps(operators) for index, operators in growing.items()}
                steps[block] = replace(block, count=series.count, growing=priced)
        return tuple(steps[block] for block in blocks)

    def learn(self, workloads: Iterable[Workload]) -> None:
        """Price the operators on cores that are not known in one call."""
        known = self._on_cores.alone
        operators = (operator for one in workloads for segment in one.segments for operator in segment.graph)
        on_cores = (operator for operator in dict.fromkeys(operators) if not self._network.prices(operator))
        if new := [operator for operator in on_cores if operator not in known]:
            known.update(zip(new, self._model.costs(new, self._system.chip, self._region), strict=True))

    def _block(self, segment: Segment) -> PricedBlock:
        operators = tuple(self.priced(operator) for operator in segment.graph)
        key = segment.name, segment.repeat, operators
        if key not in self._blocks:
            self._blocks[key] = PricedBlock(segment.name, segment.repeat, operators, _predecessors(segment.graph))
        return self._blocks[key]

    def priced(self, operator: Operator) -> PricedOperator:
        """The price of an operator; equal operators have one object."""
        found = self._operators.get(operator)
        if found is None:
            found = self._operators[operator] = PricedOperator(operator, self._cost(operator))
        return found

    def _steps(self, operators: OperatorSeries) -> PricedSteps:
        """The price of an operator in every step; in one call where the cost model can."""
        if self._streaming is not None:
            return PricedSteps(operators, self._one_by_one(operators), self.priced)
        key = operators.first, operators.growth, operators.count
        if key not in self._on_cores.steps:
            together = getattr(self._model, "series", None)
            costs: CostColumns | None = together and together(operators, self._system.chip, self._region)
            self._on_cores.steps[key] = costs or self._one_by_one(operators)
        return PricedSteps(operators, self._on_cores.steps[key], self.priced)

    def _one_by_one(self, operators: OperatorSeries) -> CostColumns:
        """The definition of a price in every step."""
        costs = (self._cost(operators.at(step)) for step in range(operators.count))
        return CostColumns.of(list(costs))

    def _cost(self, operator: Operator) -> Cost:
        if self._network.prices(operator):
            between = self._between_ranks.alone.get(operator)
            if between is None:
                between = self._between_ranks.alone[operator] = self._network.cost(operator)
            return between
        return self._alone(operator) if self._streaming is None else self._streaming.cost(operator)

    def _alone(self, operator: Operator) -> Cost:
        """The price on cores with all operands at hand."""
        found = self._on_cores.alone.get(operator)
        if found is None:
            found = self._model.cost(operator, self._system.chip, self._region)
            self._on_cores.alone[operator] = found
        return found


def _predecessors(graph: OperatorGraph) -> tuple[tuple[int, ...], ...]:
    """For each operator, indices of the operators whose results it reads."""
    found: list[set[int]] = [set() for _ in graph.operators]
    for producer, consumer, _ in graph.edges:
        found[consumer].add(producer)
    return tuple(tuple(sorted(indices)) for indices in found)
