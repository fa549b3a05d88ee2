"""Does it fit: an error that says what is missing, where and by how much."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System
from accelsim.mapping.execution.whole_chip.regions import RegionLayout, lay_out
from accelsim.mapping.footprint import footprint
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.mapping.tiers.fit import shortage
from accelsim.mapping.tiers.keys import TIER_KEYS
from accelsim.mapping.tiers.placing import TierPlacement, place_tensors
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.model import Model
from accelsim.workload.recipe import Recipe
from accelsim.workload.traversal import Traversal


def check_capacity(job: Job, fullest: Workload) -> tuple[str, ...]:
    """Warnings about memory; none if all fits.

    Args:
        job: Whose plan and system are checked.
        fullest: One rank's share of the pass that holds most.

    Raises:
        CapacityError: It does not fit and the job does not say to go on.
    """
    problem = _problem(fullest, job.plan, job.system)
    if problem is None:
        return ()
    where = f"{job.model.name} on {job.system.name}:{job.system.num_chips}, plan {job.plan}"
    if job.ignore_capacity:
        return (warn("capacity-ignored", f"{where}: {problem.text}"),)
    raise CapacityError(f"{where}: {problem.text}", problem.short_bytes)


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


def placed(workload: Workload, plan: Plan, chip: Chip) -> TierPlacement | None:
    """Where the tensors of a rank's share lie; None where the chip has one memory, or regions keep all in SRAM.

    Args:
        workload: The share, of the pass that holds most.
        plan: May name memories.
        chip: The chip.

    Raises:
        PlanError: The plan names a memory that there is not, or one behind the SRAM of regions.
    """
    placement = place_tensors(workload, chip, plan)
    if not chip.behind:
        return None
    if plan.region is None:
        return placement
    named = [key.name for key in TIER_KEYS if getattr(plan, key.name) not in (None, chip.main_memory)]
    if named:
        raise PlanError(f"plan: with region= all stays in SRAM; leave {' and '.join(named)} out, or region.")
    return None


@dataclass(frozen=True, slots=True)
class _Problem:
    """What does not fit, and the bytes that are missing."""

    text: str
    short_bytes: float


def _problem(workload: Workload, plan: Plan, system: System) -> _Problem | None:
    """What does not fit, or None."""
    placement = placed(workload, plan, system.chip)
    if placement is not None:
        lacking = shortage(placement, system.chip)
        return None if lacking is None else _Problem(lacking, placement.short_bytes)
    need = footprint(workload, system.chip)
    if need.short_bytes:
        text = f"needs {need} per chip: {format_quantity(need.short_bytes, 'bytes')} short."
        return _Problem(text, need.short_bytes)
    if system.chip.memories:
        return None
    layout = lay_out(workload, system.chip, plan)
    return None if layout.fits else _layout_problem(layout)


def _layout_problem(layout: RegionLayout) -> _Problem:
    short = layout.largest_block_bytes - layout.region_bytes
    if short > 0:
        text = f"one block needs more SRAM than a region of {layout.region} cores has"
        return _Problem(f"{text}: {format_quantity(short, 'bytes')} short.", short)
    short = (layout.num_regions - layout.available) * layout.region_bytes
    text = (
        f"its blocks fill {layout.num_regions} regions of {layout.region} cores, "
        f"the chip has cores for {layout.available}"
    )
    return _Problem(f"{text}: {format_quantity(short, 'bytes')} of SRAM short.", short)
