"""Groups of a job on tiles, or an error that names the change of the job with which they would fit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from accelsim.errors import CapacityError
from accelsim.mapping.execution.spatial.groups import GRANULARITIES
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET, SpatialRun, fits_on_tiles, price_book, run_on_tiles
from accelsim.mapping.execution.spatial.settle import Searching
from accelsim.mapping.job import Job
from accelsim.workload.graph import Workload
from accelsim.workload.routing import RANDOM


def map_groups(job: Job, fullest: Workload, budget: int = PLACER_BUDGET) -> SpatialRun:
    """Groups of the job's operators on tiles; ``fullest`` is the pass that holds most.

    Args:
        job: Model, system and plan as values.
        fullest: Operators of the pass that fills SRAM most.
        budget: Evaluations that the placer may make.

    Raises:
        CapacityError: They do not fit; the text names a change of the job that does.
    """
    book = price_book(job)
    try:
        return run_on_tiles(job, fullest.segments, book, Searching(budget))
    except CapacityError as error:
        if not job.gives_advice:
            raise
        change = next(_changes_that_fit(job, book), None)
        fix = f"Of the job: {change} fits." if change else "No half, quarter ... of the batch or length fits."
        raise CapacityError(f"{error} {fix}") from error


def _changes_that_fit(job: Job, book: PriceBook) -> Iterator[str]:
    """Changes of one thing with which the groups fit by their sizes: chunk, granularity, batch, length."""

    def fits(changed: Job) -> bool:
        recipe = replace(job.recipe, routing=RANDOM)  # what must be held does not depend on it
        return fits_on_tiles(changed, job.model.build(changed.phase.fullest(), recipe).segments, book)

    def with_plan(**keys: object) -> Job:
        return replace(job, plan=job.plan.replace(**keys))

    if job.plan.chunk not in (None, 1) and fits(with_plan(chunk=1)):
        yield "chunk=1"
    for finer in GRANULARITIES[GRANULARITIES.index(job.plan.granularity) + 1 :]:
        if fits(with_plan(granularity=finer)):
            yield f"granularity={finer}"
    for halves in job.phase.smaller():
        yield from itertools.islice((change for change, phase in halves if fits(replace(job, phase=phase))), 1)
