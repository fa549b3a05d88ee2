"""The pipeline: build, shard, place, price, lower, run, report.  Who reads only this file understands the program."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.errors import AccelsimError
from accelsim.hardware.profile import GRAPH
from accelsim.hardware.relieve import relieve
from accelsim.hardware.system import System
from accelsim.mapping.execution.spatial.advice import map_groups
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET, SpatialRun
from accelsim.mapping.job import Job
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.plan import Plan, spatial_plan
from accelsim.mapping.ranks import ChipGraph, RankPlacement, rank_traffic
from accelsim.mapping.ranks import place_ranks as arrange_ranks
from accelsim.mapping.servers import HOST
from accelsim.mapping.shard import shard
from accelsim.play import Played, choose_plan, play
from accelsim.report import report
from accelsim.results.books import keep_books
from accelsim.results.bottleneck import WhatIf, causes_to_relieve
from accelsim.results.provenance import Provenance
from accelsim.results.result import Result
from accelsim.workload.build import build_traversal
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase

NUM_WHAT_IFS, WHAT_IF_FACTOR = 2, 2.0


def simulate(
    case: Case | Model | str,
    system: System | str | None = None,
    phase: Phase | None = None,
    plan: Plan | str | None = None,
    *,
    what_ifs: bool = True,
    catalog: Catalog | None = None,
    **options: Any,
) -> Result:
    """Simulate one phase of a model on a system and say how long it takes, what moves, and what limits.

    Args:
        case: A :class:`Case`; or the model: a :class:`Model`, a name, or a path to a YAML or an unchanged Hugging Face
            ``config.json``.
        system: A :class:`System`, or a name or path with an optional ``:CHIPS``.
        phase: E.g. :class:`Prefill` or :class:`Decode`.
        plan: A :class:`Plan`, its text form, or ``"auto"``: the fastest of a few candidates that fits.
        what_ifs: Simulate the two what-ifs of the bottleneck sentence.
        catalog: Where names are looked up; None is the packaged catalog.
        options: Further options of a :class:`Case`, e.g. ``dtype="fp8"``, ``seed=1``, ``ignore_capacity=True``.

    Raises:
        ConfigError: Bad input; the text says where and how to fix it.
        CapacityError: The model does not fit and ``ignore_capacity`` is off.
        AccelsimError: ``strict``, and the result carries warnings.

    Examples:
        >>> from accelsim import Decode, simulate
        >>> result = simulate("llama3-8b", "nvidia-h100-sxm", Decode(batch=1, context=2048))
        >>> result.bottleneck.cause
        'hbm'
    """
    case = Case.of(case, system, phase, plan, **options)
    loaded = case.load(catalog)
    job = replace(loaded.job, plan=choose_plan(loaded.job, case.plan))
    check_placer(job.plan.placer)

    played = play(job)
    job = replace(job, plan=played.mapped.plan)
    ledger = keep_books(played.mapped, played.timeline, job.system.chip.main_memory)
    tried = (_what_if(job, played, cause) for cause in (causes_to_relieve(ledger) if what_ifs else ()))
    alternatives = list(itertools.islice((found for found in tried if found is not None), NUM_WHAT_IFS))
    result = report(job, played, ledger, alternatives, Provenance(case, loaded.inputs))
    if case.strict and result.warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {w}" for w in result.warnings))
    return result


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
        CapacityError: The model does not fit.
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
    return map_groups(job, build_traversal(job.model, job.phase.fullest(), job.recipe), budget)


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
    workload = build_traversal(job.model, job.phase.replica(job.plan.dp).fullest(), job.recipe)
    traffic, graph = rank_traffic(shard(workload, job.plan), job.plan, job.system), ChipGraph(job.system)
    return tuple(arrange_ranks(traffic, graph, placer, job.seed, budget) for placer in placers)


def _what_if(job: Job, played: Played, cause: str) -> WhatIf | None:
    """The same run with the resource behind ``cause`` twice as fast; None if no resource stands behind it."""
    if cause == HOST:
        faster_s = play(replace(job, profile=GRAPH)).timeline.makespan_s
        return WhatIf("a captured graph", faster_s, played.timeline.makespan_s / faster_s)
    relieved = relieve(job.system, cause, WHAT_IF_FACTOR)
    if relieved is None:
        return None
    system, change = relieved
    faster_s = play(replace(job, system=system, ignore_capacity=True)).timeline.makespan_s
    return WhatIf(change, faster_s, played.timeline.makespan_s / faster_s)
