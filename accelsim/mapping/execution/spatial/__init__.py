"""Spatial execution: groups of operators own rectangles of tiles, weights stay there and activations stream.

The passes, each old value -> new value, are called in a row by ``run``: ``divide`` cuts a model into ``groups`` and
these into ``pieces``, ``stream`` a phase into units that walk through them, ``chunk`` chooses the length of units and
shares out the tiles (``sizing``);
``settle`` places the groups (``placing``) on rectangles that hold them; ``fill`` counts SRAM, ``lowering`` makes the
task graph, ``booking`` lists what ran.  What operators cost is asked of one ``PriceBook`` (``prices``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from accelsim.mapping.execution.base import KERNELS_KEY, Execution, register_execution
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.keys import DP
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import Count, PlanKey, Word
from accelsim.workload.steps import StepSeries

PLACER = PlanKey(
    "placer", Word(), "Who finds the rectangles of the groups; see accelsim show placers. Default: stacks."
)
CHUNK = PlanKey(
    "chunk",
    Count(),
    "Tokens of a prompt, or requests that decode, that walk through the rectangles together; "
    "default: the number with the smallest estimated latency.",
)
GRANULARITY = PlanKey(
    "granularity", Word(), "What shares a rectangle: layer, block (attention, MLP) or operator.", default="block"
)
PIECES = PlanKey(
    "pieces",
    Count(),
    "Rectangles that the operators of a group are divided over by heads, columns, experts or rows of tables; "
    "default: 1, or as many as it takes to fit.",
)
RECTANGLES = PlanKey(
    "rectangles",
    Word(("own", "shared")),
    "Whether each group owns a rectangle of tiles, or the groups of a chip run one after another on all of its tiles; "
    "default: own, on chips of one core shared.",
)
CHIPS = PlanKey("chips", Count(), "Chips that the groups of a replica may fill; default: its share of all.")
OBJECTIVE = PlanKey(
    "objective",
    Word(("byte_hops", "latency")),
    "What placers make least: latency (estimated seconds) or byte_hops (bytes x hops).",
    default="latency",
)


@register_execution("spatial")
class Spatial(Execution):
    """Groups of operators on rectangles of tiles, through which units of activations walk one behind another."""

    keys: ClassVar[tuple[PlanKey, ...]] = (
        DP,
        PLACER,
        CHUNK,
        GRANULARITY,
        PIECES,
        RECTANGLES,
        CHIPS,
        OBJECTIVE,
        KERNELS_KEY,
    )
    places_groups: ClassVar[bool] = True

    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """Groups, sizes, placement, prices, and one task graph in which everything overlaps, of one replica for all.

        Args:
            job: Model, system and plan as values.
            passes: All passes of the phase; the last one holds most and sizes the groups.
        """
        from accelsim.mapping.execution.spatial.run import map_groups

        run, replicas = map_groups(job, passes[-1].last), job.plan.dp
        return Mapped(
            plan=run.plan,
            program=run.program,
            num_chips=run.floor.num_chips * replicas,
            footprint=run.footprint,
            overlapped=run.overlapped.times(replicas),
            warnings=run.warnings,
            on_tiles=run,
        )

    def candidates(self, job: Job) -> Iterable[Plan]:
        """A few on chips of tiles that keep all in their SRAM."""
        if job.system.chip.memories or (job.system.chip.noc is None and job.system.chip.num_cores > 1):
            return ()
        from accelsim.mapping.execution.spatial.candidates import candidate_plans

        return candidate_plans(replace(job, plan=Plan(execution="spatial")))

    def check_fit(self, job: Job) -> None:
        """Sizes of the groups, with the share of a chip that layouts reach; the layout itself takes a search."""
        from accelsim.mapping.execution.spatial.run import check_sizes

        check_sizes(job)

    def lighter(self, job: Job) -> Iterable[Plan]:
        """Shorter units, tiles that groups share, smaller groups."""
        from accelsim.mapping.execution.spatial.groups import GRANULARITIES

        if job.plan.rectangles != "shared" and job.constraints is None:
            yield job.plan.replace(rectangles="shared")
        if job.plan.chunk not in (None, 1):
            yield job.plan.replace(chunk=1)
        for finer in GRANULARITIES[GRANULARITIES.index(job.plan.granularity) + 1 :]:
            yield job.plan.replace(granularity=finer)
