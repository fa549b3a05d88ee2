"""The pipeline: build, shard, place, price, lower, run, report.  Who reads only this file understands the program."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from accelsim.catalog import Catalog
from accelsim.dtypes import DType, Types
from accelsim.engine.run import EngineName
from accelsim.errors import AccelsimError, PlanError
from accelsim.hardware.profile import DEFAULT_PROFILE, GRAPH, LaunchProfile
from accelsim.hardware.relieve import relieve
from accelsim.hardware.system import System
from accelsim.job import choose_dtype, choose_profile, load_inputs
from accelsim.mapping.execution.spatial.advice import map_groups
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET, SpatialRun
from accelsim.mapping.job import Job
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.placement.constraints import PlacementConstraints, as_constraints
from accelsim.mapping.plan import Plan
from accelsim.mapping.ranks import ChipGraph, RankPlacement, rank_traffic
from accelsim.mapping.ranks import place_ranks as arrange_ranks
from accelsim.mapping.servers import HOST
from accelsim.mapping.shard import shard
from accelsim.play import Played, choose_plan, play
from accelsim.report import manifest_of, report
from accelsim.results.books import keep_books
from accelsim.results.bottleneck import WhatIf, causes_to_relieve
from accelsim.results.result import Result
from accelsim.workload.build import build_traversal
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import AttentionName, Recipe
from accelsim.workload.routing import RANDOM, Routing

NUM_WHAT_IFS, WHAT_IF_FACTOR = 2, 2.0


def simulate(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str = "auto",
    *,
    dtype: DType | None = None,
    attention: AttentionName = "flash",
    profile: LaunchProfile | str = DEFAULT_PROFILE,
    engine: EngineName = "auto",
    overrides: Sequence[tuple[str, str]] = (),
    ignore_capacity: bool = False,
    strict: bool = False,
    seed: int = 0,
    constraints: PlacementConstraints | str | None = None,
    routing: Routing = RANDOM,
    what_ifs: bool = True,
    catalog: Catalog | None = None,
) -> Result:
    """Simulate one phase of a model on a system and say how long it takes, what moves, and what limits.

    Args:
        model: A :class:`Model`, a name, or a path to a YAML or an unchanged Hugging Face ``config.json``.
        system: A :class:`System`, or a name or path with an optional ``:CHIPS``.
        phase: :class:`Prefill` or :class:`Decode`.
        plan: A :class:`Plan`, its text form, or ``"auto"``: the fastest of a few candidates that fits.
        dtype: Element type of weights and activations; None takes the model's own, or the 16-bit type the chip has.
        attention: ``flash`` (one operator) or ``standard`` (scores written to memory and read back).
        profile: How a host gets kernels to a GPU: ``graph`` (captured), ``eager`` (dispatched one by one), ``compiled``
            (captured, chains of row operators fused), a :class:`LaunchProfile` or a file.
        engine: ``auto``, ``simpy`` or ``compiled``.
        overrides: ``(path, value)`` pairs such as ``("chip.sram_per_core", "64 KiB")``.
        ignore_capacity: Go on with a named warning when the model does not fit.
        strict: Fail if the result carries a warning.
        seed: Seed of placers that draw random numbers; recorded in the manifest.
        constraints: Pins, forbidden tiles and what lies together in spatial execution, or a file of them.
        routing: How tokens spread over experts, where the model has any.
        what_ifs: Simulate the two what-ifs of the bottleneck sentence.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        ConfigError: Bad input; the text says where and how to fix it.
        CapacityError: The model does not fit and ``ignore_capacity`` is off.
        AccelsimError: ``strict``, and the result carries warnings.
    """
    catalog = catalog or Catalog()
    model, system, inputs = load_inputs(model, system, overrides, catalog)
    profile, profile_inputs = choose_profile(profile, overrides, catalog)
    dtype = choose_dtype(model, system, dtype)
    asked = as_constraints(constraints)
    inputs |= dict([asked.source]) if asked is not None and asked.source is not None else {}
    recipe = Recipe(Types.of(dtype), attention, routing=routing)
    job = Job(model, system, phase, Plan(), recipe, engine, ignore_capacity, seed, asked, profile)
    job = replace(job, plan=choose_plan(job, plan))
    check_placer(job.plan.placer)

    played = play(job)
    job = replace(job, plan=played.mapped.plan)
    ledger = keep_books(played.mapped, played.timeline, system.chip.main_memory)
    tried = (_what_if(job, played, cause) for cause in (causes_to_relieve(ledger) if what_ifs else ()))
    alternatives = list(itertools.islice((found for found in tried if found is not None), NUM_WHAT_IFS))
    result = report(
        job, played, ledger, alternatives, manifest_of(inputs | profile_inputs, seed, overrides, profile.name)
    )
    if strict and result.warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {w}" for w in result.warnings))
    return result


def place(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str = "execution=spatial",
    *,
    dtype: DType | None = None,
    overrides: Sequence[tuple[str, str]] = (),
    seed: int = 0,
    constraints: PlacementConstraints | str | None = None,
    budget: int = PLACER_BUDGET,
    catalog: Catalog | None = None,
) -> SpatialRun:
    """Map a phase of a model on a system's tiles without running it; arguments as of :func:`simulate`.

    ``budget`` is the number of evaluations that the placer may make.

    Raises:
        ConfigError: Bad input, or a plan that is not spatial.
        CapacityError: The model does not fit.
        PlacementError: Constraints that cannot be met.
    """
    model, system, _ = load_inputs(model, system, overrides, catalog or Catalog())
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    if plan.execution != "spatial":
        raise PlanError(f"plan: only execution=spatial places groups on tiles, got {plan.execution!r}.")
    check_placer(plan.placer)
    asked = as_constraints(constraints)
    recipe = Recipe(Types.of(choose_dtype(model, system, dtype)))
    job = Job(model, system, phase, plan, recipe, seed=seed, constraints=asked)
    return map_groups(job, build_traversal(model, phase.fullest(), recipe), budget)


def place_ranks(
    model: Model | str,
    system: System | str,
    phase: Phase,
    plan: Plan | str,
    placers: Sequence[str] = ("annealing",),
    *,
    dtype: DType | None = None,
    overrides: Sequence[tuple[str, str]] = (),
    seed: int = 0,
    budget: int = PLACER_BUDGET,
    catalog: Catalog | None = None,
) -> tuple[RankPlacement, ...]:
    """Place the ranks of a tensor-parallel plan on the chips of a system, once by each placer (or file of chips).

    Other arguments as of :func:`simulate`; the traffic is that of the pass with most tokens cached, of all replicas.

    Raises:
        PlanError: The plan exchanges nothing between ranks, or is spatial.
        PlacementError: More ranks than chips.
    """
    model, system, _ = load_inputs(model, system, overrides, catalog or Catalog())
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    for placer in placers:
        check_placer(placer)
    recipe = Recipe(Types.of(choose_dtype(model, system, dtype)))
    workload = build_traversal(model, phase.replica(plan.dp).fullest(), recipe)
    traffic, graph = rank_traffic(shard(workload, plan), plan, system), ChipGraph(system)
    return tuple(arrange_ranks(traffic, graph, placer, seed, budget) for placer in placers)


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
