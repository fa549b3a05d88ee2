"""A job: everything that decides a run, as values; what the stages of mapping work on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from accelsim.engine.run import EngineName
from accelsim.hardware.profile import GRAPH, LaunchProfile
from accelsim.hardware.system import System
from accelsim.mapping.known import Known, Passes
from accelsim.mapping.placement.constraints import PlacementConstraints
from accelsim.mapping.plan import Plan
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.subject import Subject


@dataclass(frozen=True)
class Job:
    """A case with everything that it names looked up: what is computed, where, how.

    Attributes:
        model: The model, or a workload that is given.
        system: The machine.
        phase: On which tokens.
        plan: How the work is divided and run.
        recipe: How the model is computed.
        engine: Which engine plays the tasks.
        ignore_capacity: Go on with a warning when the model does not fit.
        seed: Of placers that draw random numbers.
        constraints: What placements must respect, in spatial execution.
        profile: How a host gets kernels to a GPU.
        warnings: What of the case was not taken as it was stated.
        known: What was worked out for it or for jobs that it was made from.
    """

    model: Subject
    system: System
    phase: Phase
    plan: Plan
    recipe: Recipe
    engine: EngineName = "auto"
    ignore_capacity: bool = False
    seed: int = 0
    constraints: PlacementConstraints | None = None
    profile: LaunchProfile = GRAPH
    warnings: tuple[str, ...] = ()
    known: Known = field(default_factory=Known, repr=False, compare=False)

    def on_tokens(self, phase: Phase) -> Job:
        """The same on other tokens; caches that keep room for all of them keep it for these.

        Args:
            phase: The tokens.
        """
        reserve = phase.fullest().length if self.recipe.kv_reserve else 0
        return replace(self, phase=phase, recipe=replace(self.recipe, kv_reserve=reserve))

    @property
    def passes(self) -> Passes:
        """What one replica computes.

        Raises:
            PlanError: Replicas cannot get equal shares of the phase.
        """
        return self.known.passes(self.model, self.phase.replica(self.plan.dp), self.recipe)
