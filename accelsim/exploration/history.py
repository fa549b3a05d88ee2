"""What was done to a placement, step by step: each placement with what the simulator says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from accelsim.mapping.execution.spatial.report import PlacementReport, explain, placement_of
from accelsim.mapping.execution.spatial.run import SpatialRun
from accelsim.workload.phase import Phase


@dataclass(frozen=True, slots=True)
class Settings:
    """What the placement is made from.

    Attributes:
        placer: Name of a placer, or a placement file.
        seed: Its seed.
        phase: Prefill or decode.
        grid: Rows and columns of tiles of the chip.
    """

    placer: str
    seed: int
    phase: Phase
    grid: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Step:
    """One placement with what the simulator says of it.

    Attributes:
        settings: What it was made from.
        run: The mapping.
        latency_s: Simulated time of the phase.
        done: What was done to get here, for people.
        is_placed: Whether a placer made it, not a swap.
    """

    settings: Settings
    run: SpatialRun
    latency_s: float
    done: str
    is_placed: bool

    @cached_property
    def report(self) -> PlacementReport:
        """Hops, bytes x hops, gap to the bound, hottest links."""
        return explain(self.run)


@dataclass
class History:
    """The steps so far, the last one being the placement as it is.

    Attributes:
        model: Name of the model that is placed.
        steps: At least one once the exploration has begun.
    """

    model: str
    steps: list[Step] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What is placed where, for people."""
        placement = placement_of(self.now.run, self.model, self.now.settings.seed)
        return f"{placement.model} on {placement.system}"

    @property
    def now(self) -> Step:
        """The placement as it is."""
        return self.steps[-1]

    @property
    def before(self) -> Step | None:
        """The placement before the last change; None if there was none."""
        return self.steps[-2] if len(self.steps) > 1 else None

    @property
    def placed(self) -> Step:
        """The last placement that a placer made."""
        return next(step for step in reversed(self.steps) if step.is_placed)

    @property
    def num_undoable(self) -> int:
        """Changes that can be taken back."""
        return len(self.steps) - 1

    def undo(self) -> None:
        """Take the last change back; without one nothing happens."""
        if len(self.steps) > 1:
            self.steps.pop()
