"""Groups of a job on tiles, or an error that names the change of the job with which they would fit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from accelsim.errors import CapacityError
from accelsim.mapping.execution.spatial.groups import GRANULARITIES
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET, SpatialMapper, SpatialRun
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.workload.build import build_traversal
from accelsim.workload.graph import Workload
from accelsim.workload.phase import Phase
from accelsim.workload.routing import RANDOM


def map_groups(job: Job, fullest: Workload, budget: int = PLACER_BUDGET) -> SpatialRun:
    """Groups of the job's operators on tiles; ``fullest`` is the pass that holds most.

    Raises:
        CapacityError: They do not fit; the text names a change of the job that does.
    """
    mapper = SpatialMapper(job.model, job.system, job.phase, job.recipe, fullest.segments, job.constraints)
    try:
        return mapper.run(job.plan, job.seed, budget)
    except CapacityError as error:
        change = next(_changes_that_fit(job), None)
        fix = f"Of the job: {change} fits." if change else "No half, quarter ... of the batch or length fits."
        raise CapacityError(f"{error} {fix}") from error


def _changes_that_fit(job: Job) -> Iterator[str]:
    """Changes of one thing with which the groups fit by their sizes: chunk, granularity, batch, length."""

    def fits(plan: Plan, phase: Phase) -> bool:
        largest = build_traversal(job.model, phase.fullest(), replace(job.recipe, routing=RANDOM)).segments
        return SpatialMapper(job.model, job.system, phase, job.recipe, largest, job.constraints).fits(plan)

    if job.plan.chunk not in (None, 1) and fits(job.plan.replace(chunk=1), job.phase):
        yield "chunk=1"
    for finer in GRANULARITIES[GRANULARITIES.index(job.plan.granularity) + 1 :]:
        if fits(job.plan.replace(granularity=finer), job.phase):
            yield f"granularity={finer}"
    for halves in job.phase.smaller():
        yield from itertools.islice((change for change, smaller in halves if fits(job.plan, smaller)), 1)
