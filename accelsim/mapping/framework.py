"""What a framework adds in series to a pass, as operators of their own on the timeline.

The gaps of a launch profile (:class:`~accelsim.hardware.profile.LaunchProfile`) are times in which the chip has nothing
to do and that no kernel hides: the work of the framework around a layer, the wait of ranks for one another at a
collective, and, once a pass, sampling and the preparation of the next one.  A block ends with an operator of kind
``framework`` that holds its layer's gap and those of its collectives; the last block of a pass ends with the pass's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from accelsim.cost.cost import Cost
from accelsim.cost.residual import FITTED, Residual
from accelsim.hardware.profile import LaunchProfile
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import HOST
from accelsim.workload.operator import Operator

#: Of gaps, which the fit of a profile takes as they are in the mean over its runs.
_RESIDUAL = Residual("framework", 0.2, FITTED)


@dataclass(frozen=True)
class Framework(Operator):
    """The chip waits for the framework; nothing is computed or moved."""

    kind: ClassVar[str] = "framework"


def with_framework(
    passes: Sequence[tuple[PricedBlock, ...]], profile: LaunchProfile, sequences: int
) -> list[tuple[PricedBlock, ...]]:
    """The priced passes with the gaps of a profile at the end of blocks and of passes.

    Args:
        passes: Blocks of each pass or series of passes.
        profile: States the gaps.
        sequences: Sequences of one pass, each of which a token is sampled for.
    """
    if not profile.has_gaps:
        return list(passes)
    adding = _Adding(profile)
    end_s = profile.step_gap_s + sequences * profile.sequence_gap_s
    return [tuple(adding.through(blocks, end_s)) for blocks in passes]


class _Adding:
    """Adds gaps to blocks; equal blocks stay one object, so that they share a graph."""

    def __init__(self, profile: LaunchProfile) -> None:
        self._profile = profile
        self._known: dict[tuple[PricedBlock, float], PricedBlock] = {}
        self._operators: dict[float, PricedOperator] = {}

    def through(self, blocks: Sequence[PricedBlock], end_s: float) -> Iterator[PricedBlock]:
        """The blocks of a pass, whose last copy ends with ``end_s`` more."""
        for block in blocks[:-1]:
            yield self._with_gap(block, 0.0)
        last = blocks[-1]
        if end_s and last.repeat > 1:
            yield self._with_gap(replace(last, repeat=last.repeat - 1), 0.0)
            last = replace(last, repeat=1)
        yield self._with_gap(last, end_s)

    def _with_gap(self, block: PricedBlock, further_s: float) -> PricedBlock:
        key = block, further_s
        if key not in self._known:
            collectives = sum(not one.cost.on_cores for one in block.operators)
            gap_s = self._profile.layer_gap_s + collectives * self._profile.collective_gap_s + further_s
            self._known[key] = self._ending(block, gap_s) if gap_s else block
        return self._known[key]

    def _ending(self, block: PricedBlock, gap_s: float) -> PricedBlock:
        """The block with one more operator, which waits for all that nothing else waits for."""
        if gap_s not in self._operators:
            cost = Cost(gap_s, {}, {HOST: gap_s}, HOST, residual=_RESIDUAL)
            self._operators[gap_s] = PricedOperator(Framework(Framework.kind, (), ()), cost)
        read = {before for waits in block.predecessors for before in waits}
        ends = tuple(index for index in range(len(block.operators)) if index not in read)
        operators = (*block.operators, self._operators[gap_s])
        return replace(block, operators=operators, predecessors=(*block.predecessors, ends))
