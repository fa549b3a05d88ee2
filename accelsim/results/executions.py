"""What a run executed, whichever way it was lowered: operators with their cost and how often they ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelsim.cost.base import OperatorCost
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.network.collective import CollectiveCost
from accelsim.workload.operator import Operator

if TYPE_CHECKING:
    from accelsim.results.result import Result


@dataclass(frozen=True, slots=True)
class Execution:
    """Equal executions of one operator.

    Attributes:
        block: Block or part it belongs to.
        operator: One rank's share.
        cost: Of one execution on one rank.
        count: Executions on all chips together.
    """

    block: str
    operator: Operator
    cost: OperatorCost | CollectiveCost
    count: int


def executions(result: Result) -> Iterator[Execution]:
    """Everything that ran, stage after stage."""
    lowered = result.lowered
    if isinstance(lowered, LoweredPipeline):
        yield from (Execution(b.block, b.operator, b.cost, b.count) for b in lowered.bookings)
        return
    for stage, block in zip(lowered.program.stages, lowered.blocks, strict=True):
        count = stage.repeat * result.num_chips
        yield from (Execution(block.name, priced.operator, priced.cost, count) for priced in block.operators)
