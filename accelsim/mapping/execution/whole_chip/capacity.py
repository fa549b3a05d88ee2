"""Does it fit: an error that says what is missing, where, by how much, and the smallest change that would fit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from accelsim.dtypes import Format
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.system import System
from accelsim.mapping.execution.whole_chip.regions import RegionLayout, lay_out
from accelsim.mapping.footprint import footprint
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.mapping.types import choose_types
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.axes import ParallelAxes
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.routing import RANDOM
from accelsim.workload.traversal import Traversal
from accelsim.workload.types import TypeOptions


def check_capacity(job: Job, fullest: Workload) -> tuple[str, ...]:
    """Warnings about memory; none if all fits.

    Args:
        job: Whose changes are tried where it does not fit.
        fullest: One rank's share of the pass that holds most.

    Raises:
        CapacityError: It does not fit and the job does not say to go on.
    """
    problem = _problem(fullest, job.plan, job.system)
    if problem is None:
        return ()
    where = f"{job.model.name} on {job.system.name}:{job.system.num_chips}, plan {job.plan}"
    if job.ignore_capacity:
        return (warn("capacity-ignored", f"{where}: {problem}"),)
    if not job.gives_advice:
        raise CapacityError(f"{where}: {problem}")
    fix = next(_changes_that_fit(job), None)
    advice = (
        f"Smallest change that fits: {fix}." if fix else "No larger tp, smaller batch or region of this system fits."
    )
    raise CapacityError(f"{where}: {problem} {advice}")


def kv_capacity_tokens(model: Model, system: System, plan: Plan, recipe: Recipe, batch: int = 1) -> int:
    """Most tokens that each of ``batch`` sequences can hold in the KV cache beside weights and activations.

    The model's own limit of positions is not looked at.  0 if not even the weights fit.

    Args:
        model: The model, undivided.
        system: The machine, whose chip's memory is filled.
        plan: How the model is divided.
        recipe: Element types, that of the cache among them.
        batch: Sequences on one replica, all equally long.
    """
    free = model.model_copy(update={"max_position_embeddings": _MOST_TOKENS})

    def fits(context: int) -> bool:
        workload = free.build(Traversal.uniform(batch, 1, context), recipe)
        return _problem(shard(workload, plan), plan, system) is None

    low, high = 0, 1
    while high < _MOST_TOKENS and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


_MOST_TOKENS = 1 << 30


def _problem(workload: Workload, plan: Plan, system: System) -> str | None:
    """What does not fit, or None."""
    need = footprint(workload, system.chip)
    if need.short_bytes:
        return f"needs {need} per chip: {format_quantity(need.short_bytes, 'bytes')} short."
    if system.chip.memories:
        return None
    layout = lay_out(workload, system.chip, plan)
    return None if layout.fits else _layout_problem(layout)


def _layout_problem(layout: RegionLayout) -> str:
    if layout.largest_block_bytes > layout.region_bytes:
        short = format_quantity(layout.largest_block_bytes - layout.region_bytes, "bytes")
        return f"one block needs more SRAM than a region of {layout.region} cores has: {short} short."
    short = format_quantity((layout.num_regions - layout.available) * layout.region_bytes, "bytes")
    return (
        f"its blocks fill {layout.num_regions} regions of {layout.region} cores, "
        f"the chip has cores for {layout.available}: {short} of SRAM short."
    )


def _changes_that_fit(job: Job) -> Iterator[str]:
    """Changes of one thing that fit, the smallest of each kind first: region, ep, tp, batch, length, dtype."""
    model, phase, plan, system = job.model, job.phase, job.plan, job.system
    axes = ParallelAxes.of(model.sample)
    recipe = replace(job.recipe, routing=RANDOM, attention="flash")

    def fits(plan: Plan, phase: Phase, recipe: Recipe = recipe) -> bool:
        try:
            workload = shard(model.build(phase.replica(plan.dp).fullest(), recipe), plan)
        except PlanError:
            return False
        return _problem(workload, plan, system) is None

    if plan.region is not None and fits(plan.replace(region=None), phase):
        yield "no region (the whole grid)"
    for ep in (plan.tp, plan.num_ranks) if axes.num_experts else ():
        if ep > plan.ep and fits(plan.replace(ep=ep), phase):
            yield f"ep={ep}"
            break
    tp = plan.tp * 2
    while tp <= axes.most:
        if fits(plan.replace(tp=tp), phase):
            chips = tp * plan.dp
            yield f"tp={tp}" if chips <= system.num_chips else f"tp={tp} on {chips} chips"
            break
        tp *= 2
    fewer = next(phase.smaller())
    yield from itertools.islice((change for change, smaller in fewer if fits(plan, smaller)), 1)
    for name in () if model.is_fixed else _SMALLER_TYPES:
        smaller = Format.parse(name)
        if smaller.bits_per_element >= job.recipe.types.narrowest.weights.bits_per_element:
            continue
        if smaller.quantises_inputs and smaller.element not in system.chip.matrix_flops_per_cycle:
            continue
        types = choose_types(model, system.chip, TypeOptions(smaller)).types
        kv = min(types.kv, job.recipe.types.kv, key=lambda dtype: dtype.bits)
        if fits(plan, phase, replace(recipe, types=replace(types, kv=kv))):
            yield f"dtype={name}"
            break


#: Types that are worth a try where a model does not fit, the widest first.
_SMALLER_TYPES = ("fp8", "int8", "int4")
