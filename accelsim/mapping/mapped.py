"""What mapping hands on: one value from which the engine runs and all results are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelsim.cost.cost import Cost
from accelsim.engine.program import Program
from accelsim.engine.series import InTime, Series
from accelsim.errors import VerificationError
from accelsim.mapping.booking import Booking, Overlapped
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.schedule.cells import Cells
from accelsim.mapping.seating import Seating

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.run import SpatialRun


@dataclass(frozen=True, slots=True)
class ServerRoles:
    """Which servers of a program stand for what; a role that nothing has is None.

    Attributes:
        stream: Runs the operators of a chip one after another.
        comm: Runs its collectives.
        host: Hands operators to the chip.
    """

    stream: str | None = None
    comm: str | None = None
    host: str | None = None


@dataclass(frozen=True, eq=False)
class Mapped:
    """A job on its machine: what the engine runs, what that stands for, and what it needs.

    Tasks stand for operators in one of two ways.  Where operators run one after another, every stage of the program is
    a block and label ``i`` of its graph is operator ``i`` of the block.  Where they run side by side in one graph,
    ``overlapped`` lists what ran.

    Attributes:
        plan: The plan with everything filled in that it left open.
        program: What the engine runs.
        num_chips: Chips at work.
        footprint: Memory of the fullest chip.
        blocks: For each stage, as it is written, the block its labels stand for; empty if ``overlapped``.
        overlapped: What the only stage stands for, where it is no block.
        servers: Which servers stand for what.
        warnings: What makes the figures less certain.
        on_tiles: Groups of operators on their tiles, where the execution has such.
        seating: Chips of the ranks and what they gain, where the plan names who seats them.
        cells: Where the cells of a pipeline's stages are in the only graph, where there are stages.

    Raises:
        VerificationError: Stages, blocks and columns do not belong together.
    """

    plan: Plan
    program: Program
    num_chips: int
    footprint: Footprint
    blocks: tuple[PricedBlock, ...] = ()
    overlapped: Overlapped | None = None
    servers: ServerRoles = ServerRoles()
    warnings: tuple[str, ...] = ()
    on_tiles: SpatialRun | None = field(default=None, repr=False)
    seating: Seating | None = field(default=None, repr=False)
    cells: Cells | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise VerificationError(f"mapped by execution={self.plan.execution}: {problem}")

    def _problems(self) -> Iterator[str]:
        """What does not belong together."""
        stages = self.program.written
        if self.num_chips < 1:
            yield f"{self.num_chips} chips are at work"
        for role in (self.servers.stream, self.servers.comm, self.servers.host):
            if role is not None and role not in stages[0].graph.servers:
                yield f"no server is called {role!r}, but it has a role"
        if self.overlapped is None:
            if len(self.blocks) != len(stages):
                yield f"{len(self.blocks)} blocks stand for {len(stages)} stages"
            for stage, block in zip(stages, self.blocks, strict=False):
                if len(block.operators) < len(stage.graph.labels):
                    yield f"stage {stage.name}: a block of {len(block.operators)} operators has more labels"
        elif self.blocks or len(stages) != 1:
            yield "what overlaps is one stage without blocks"
        else:
            graph = stages[0].graph
            if len(self.overlapped.kinds) != len(graph.labels):
                yield f"{len(graph.labels)} labels have {len(self.overlapped.kinds)} kinds"
            if any(len(column) != graph.num_tasks for column in self.overlapped.alone_s.values()):
                yield f"times alone are not those of {graph.num_tasks} tasks"

    def bookings(self) -> Iterator[Booking]:
        """Everything that ran, stage after stage, all chips."""
        if self.overlapped is not None:
            yield from self.overlapped.bookings
            return
        for series, blocks in self.blocks_by_series:
            for stage, block in zip(series.stages, blocks, strict=True):
                yield from block.bookings(stage.repeat * self.num_chips)

    def prices(self) -> Iterator[tuple[str, Cost]]:
        """Name and cost of every operator that ran; what equal blocks share is named once."""
        if self.overlapped is not None:
            yield from ((one.name, one.cost) for one in self.overlapped.bookings if one.operator is not None)
            return
        for block in dict.fromkeys(self.blocks):
            yield from ((one.operator.name, one.cost) for one in (*block.operators, *block.last_of_growing()))

    def kinds(self, stage: int) -> tuple[str, ...]:
        """Kind of operator, or of what else the tasks do, for each label of a stage, counted in order of time."""
        if self.overlapped is not None:
            return self.overlapped.kinds
        return tuple(one.operator.kind for one in self.blocks_in_time[stage].operators)

    @property
    def blocks_by_series(self) -> Iterator[tuple[Series, tuple[PricedBlock, ...]]]:
        """Each series of stages with its blocks."""
        blocks = iter(self.blocks)
        return ((one, tuple(itertools.islice(blocks, len(one.stages)))) for one in self.program.series)

    @property
    def blocks_in_time(self) -> Sequence[PricedBlock]:
        """The block of every stage in order of time, with the figures of its prices."""
        by_series = [blocks for _, blocks in self.blocks_by_series]
        return InTime(self.program.series, lambda series, round_, place: by_series[series][place].figures(round_))
