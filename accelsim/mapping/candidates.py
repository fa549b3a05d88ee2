"""Plans worth trying for ``--plan auto``: few, each sensible, the simulation decides."""

from __future__ import annotations

from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System
from accelsim.mapping.plan import Plan
from accelsim.workload.model import Model

#: Sides of the square regions tried on a machine whose main memory is its cores' SRAM, as shares of the short side.
REGION_SHARES = (0.4, 0.48, 0.56, 0.64, 0.72, 0.8, 0.88, 0.96, 1.0)


def candidate_plans(model: Model, system: System, batch: int) -> tuple[Plan, ...]:
    """Degrees that divide the model and use every chip, times the regions of a chip.

    Degrees that leave chips idle come in only where no combination uses all of them.
    """
    chips = system.num_chips
    splits = [tp for tp in range(1, chips + 1) if chips % tp == 0 and _splits(model, tp)]
    full = [Plan(tp=tp, dp=chips // tp) for tp in splits if batch % (chips // tp) == 0]
    plans = full or [Plan(tp=max(splits))]
    return tuple(
        Plan(tp=plan.tp, dp=plan.dp, region=region) for plan in plans for region in _candidate_regions(system.chip)
    )


def _splits(model: Model, tp: int) -> bool:
    heads, kv_heads = model.num_attention_heads, model.num_key_value_heads
    kv_fits = kv_heads % tp == 0 or tp % kv_heads == 0
    return heads % tp == 0 and kv_fits and model.intermediate_size % tp == 0 and model.vocab_size % tp == 0


def _candidate_regions(chip: Chip) -> list[tuple[int, int] | None]:
    if chip.memories:
        return [None]
    short, long = sorted(chip.core_grid)
    squares: list[tuple[int, int] | None] = [
        (side, side) for side in sorted({max(1, round(short * share)) for share in REGION_SHARES})
    ]
    return squares if short == long else [*squares, None]  # no square is the whole of a grid that is not one
