"""Plans worth trying for ``--plan auto``: few, each sensible, the simulation decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System
from accelsim.mapping.plan import Plan
from accelsim.workload.axes import ParallelAxes
from accelsim.workload.graph import Workload

#: Sides of the square regions tried on a machine whose main memory is its cores' SRAM, as shares of the short side.
REGION_SHARES = (0.4, 0.48, 0.56, 0.64, 0.72, 0.8, 0.88, 0.96, 1.0)


def candidate_plans(sample: Workload, system: System, batch: int) -> tuple[Plan, ...]:
    """Tensor-parallel degrees that divide the model, each with the most replicas that divide the batch.

    A degree may leave chips idle: fewer chips that exchange less can be faster, and some models do not divide over all.
    With experts, these are divided like the rest, over the tensor-parallel group, or over all ranks.

    Args:
        sample: A workload with all axes that ranks can share.
        system: The machine.
        batch: Sequences that replicas can share.
    """
    return tuple(
        Plan(tp=plan.tp, dp=plan.dp, ep=plan.ep, region=region)
        for plan in degree_plans(sample, system, batch)
        for region in _candidate_regions(system.chip, sample.weight_bytes // plan.tp)
    )


def degree_plans(sample: Workload, system: System, batch: int) -> Iterable[Plan]:
    """Degrees of parallelism that divide the model, each with the most replicas that divide the batch.

    Args:
        sample: A workload with all axes that ranks can share.
        system: The machine.
        batch: Sequences that replicas can share.
    """
    axes = ParallelAxes.of(sample)
    return dict.fromkeys(plan for tp in _degrees(axes, system.num_chips) for plan in _of(axes, system, tp, batch))


def lighter_plans(sample: Workload, plan: Plan) -> Iterator[Plan]:
    """The plan without a region, and with experts divided over its tensor-parallel group or all its ranks.

    Args:
        sample: A workload with all axes that ranks can share.
        plan: The plan.
    """
    if plan.region is not None:
        yield plan.replace(region=None)
    num_experts = ParallelAxes.of(sample).num_experts
    yield from (plan.replace(ep=ep) for ep in (plan.tp, plan.tp * plan.dp) if plan.ep < ep <= num_experts)


def lighter_training(plan: Plan) -> Iterator[Plan]:
    """The plan with states divided over replicas, and with more computed again.

    Args:
        plan: The plan.
    """
    divided = plan.replace(zero="1") if plan.dp > 1 else plan
    found = (divided, *(divided.replace(recompute=mode) for mode in ("selective", "full")))
    yield from (one for one in dict.fromkeys(found) if one != plan)


def _degrees(axes: ParallelAxes, chips: int) -> list[int]:
    """Degrees that divide heads and widths, the largest first; the vocabulary is padded."""
    return [tp for tp in range(min(chips, axes.most), 0, -1) if axes.divides(tp)]


def _of(axes: ParallelAxes, system: System, tp: int, batch: int) -> Iterator[Plan]:
    most = system.num_chips // tp
    dp = max(degree for degree in range(1, min(most, batch) + 1) if batch % degree == 0)
    yield Plan(tp=tp, dp=dp)
    if axes.num_experts:
        yield from (Plan(tp=tp, dp=dp, ep=ep) for ep in (tp, tp * dp) if 1 < ep <= axes.num_experts)


def _candidate_regions(chip: Chip, weight_bytes: int) -> list[tuple[int, int] | None]:
    streams = bool(chip.behind) and weight_bytes > chip.sram_bytes  # a region keeps its layers in SRAM
    if chip.memories or streams:
        return [None]
    short, long = sorted(chip.core_grid)
    squares: list[tuple[int, int] | None] = [
        (side, side) for side in sorted({max(1, round(short * share)) for share in REGION_SHARES})
    ]
    holds_all = short == long and not chip.behind  # the largest square is the grid; KV cache could not stream to it
    return squares if holds_all else [*squares, None]
