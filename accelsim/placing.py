"""Mapping without running: groups of operators on tiles, ranks of a plan on chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accelsim.advice import advise
from accelsim.arguments import checked_call
from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.errors import CapacityError
from accelsim.hardware.system import System
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET, SpatialRun, map_groups
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.plan import Plan, spatial_plan
from accelsim.mapping.ranks import ChipGraph, RankPlacement, rank_traffic
from accelsim.mapping.ranks import place_ranks as arrange_ranks
from accelsim.mapping.shard import shard
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase


@checked_call('place("llama3-8b", "cerebras-cs2", Decode(batch=1, context=2048), "granularity=layer")')
def place(
    case: Case | Model | str,
    system: System | str | None = None,
    phase: Phase | None = None,
    plan: Plan | str | None = None,
    *,
    budget: int = PLACER_BUDGET,
    catalog: Catalog | None = None,
    **options: Any,
) -> SpatialRun:
    """Map a phase of a model on a system's tiles without running it.

    Args:
        case: As of :func:`simulate`.
        system: As of :func:`simulate`.
        phase: As of :func:`simulate`.
        plan: With ``execution=spatial``, which goes without saying.
        budget: Evaluations that the placer may make.
        catalog: Where names are looked up; None is the packaged catalog.
        options: Further options of a :class:`Case`.

    Raises:
        ConfigError: Bad input, or a plan that is not spatial.
        CapacityError: The model does not fit; names changes with which it does.
        PlacementError: Constraints that cannot be met.

    Examples:
        >>> from accelsim import Decode, place
        >>> run = place("gpt2-xl", "cerebras-cs2", Decode(1, 64), "granularity=layer,chunk=1,placer=snake")
        >>> run.plan.execution, len(run.floor.spots)
        ('spatial', 50)
    """
    plans = {} if plan is None else {"plan": spatial_plan(plan)}
    case = Case.of(case, system, phase, **plans, **options)
    job = replace(case.load(catalog).job, plan=spatial_plan(case.plan))
    check_placer(job.plan.placer)
    try:
        fullest = job.model.build(job.phase.replica(job.plan.dp).fullest(), job.recipe)
        return map_groups(job, fullest, budget)
    except CapacityError as error:
        raise advise(error, case.but(plan=job.plan), catalog) from error


def place_ranks(
    case: Case, placers: Sequence[str] = ("annealing",), *, budget: int = PLACER_BUDGET, catalog: Catalog | None = None
) -> tuple[RankPlacement, ...]:
    """Place the ranks of a case's plan on the chips of its system, once by each placer (or file of chips).

    The traffic is that of the pass with most tokens cached, of all replicas.

    Args:
        case: With a plan of several ranks.
        placers: Names of placers, or placement files.
        budget: Evaluations that each placer may make.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        PlanError: The plan exchanges nothing between ranks, or is spatial.
        PlacementError: More ranks than chips.
    """
    job = case.load(catalog).job
    for placer in placers:
        check_placer(placer)
    workload = job.model.build(job.phase.replica(job.plan.dp).fullest(), job.recipe)
    traffic, graph = rank_traffic(shard(workload, job.plan), job.plan, job.system), ChipGraph(job.system)
    return tuple(arrange_ranks(traffic, graph, placer, job.seed, budget) for placer in placers)
