"""Keys of a plan that say over how many chips what is divided, and where their ranks sit.

Ranks are numbered as the axes are ordered, innermost first (:class:`accelsim.mapping.mesh.Mesh`): by default tp, so
that tensor-parallel groups sit on neighbouring chips.  Rank ``r`` sits on chip ``r`` unless ``ranks`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from accelsim.dtypes import DType
from accelsim.mapping.plan_keys import Count, ElementType, PlanKey, Word
from accelsim.mapping.schedule.base import SCHEDULES
from accelsim.workload.training import RECOMPUTES


def _dispatch_rule(value: DType, values: Mapping[str, Any]) -> str | None:
    """Tokens travel to experts of other ranks only where these reach over several tensor-parallel groups."""
    if values["ep"] > values["tp"]:
        return None
    return f"dispatch has no meaning unless ep > tp, got ep={values['ep']}, tp={values['tp']}."


#: Order of the axes where a plan names none, innermost first.
DEFAULT_ORDER = "tp-dp-pp"


def _order_rule(value: str, values: Mapping[str, Any]) -> str | None:
    """Every axis once."""
    if sorted(value.split("-")) == sorted(DEFAULT_ORDER.split("-")):
        return None
    return f"order {value!r} does not name every axis once, innermost first. Write e.g. 'order={DEFAULT_ORDER}'."


def _pipeline_rule(name: str) -> Callable[[Any, Mapping[str, Any]], str | None]:
    """A key that only pipelines read."""
    return lambda _, values: None if values["pp"] > 1 else f"{name} has no meaning unless pp > 1."


def _schedule_rule(value: str, values: Mapping[str, Any]) -> str | None:
    """A schedule that is known, and a pipeline that plays it."""
    if value not in SCHEDULES:
        return f"unknown schedule {value!r}. Known: {', '.join(SCHEDULES.names())}."
    return _pipeline_rule("schedule")(value, values)


TP = PlanKey(
    "tp",
    Count(),
    "Tensor-parallel degree: heads, FFN and vocabulary are divided over tp chips (Megatron style).",
    default=1,
    counts_ranks=True,
)
DP = PlanKey(
    "dp",
    Count(),
    "Data-parallel degree: dp replicas of the model each take batch / dp sequences.",
    default=1,
    counts_ranks=True,
)
EP = PlanKey(
    "ep",
    Count(),
    "Expert-parallel degree: experts are divided over ep neighbouring ranks; a divisor or a multiple of tp.",
    default=1,
)
PP = PlanKey(
    "pp",
    Count(),
    "Pipeline-parallel degree: layers are dealt to pp stages, activations travel from stage to stage.",
    default=1,
    counts_ranks=True,
)
MICROBATCHES = PlanKey(
    "microbatches",
    Count(),
    "Pieces of a replica's batch that follow one another through the stages of a pipeline.",
    default=1,
    rule=_pipeline_rule("microbatches"),
)
SCHEDULE = PlanKey(
    "schedule",
    Word(),
    "Order in which the stages of a pipeline play microbatches: gpipe or 1f1b.",
    default="gpipe",
    rule=_schedule_rule,
)
DISPATCH = PlanKey(
    "dispatch",
    ElementType(),
    "Element type of tokens on their way to experts of other ranks, e.g. fp8; default: the activations'.",
    rule=_dispatch_rule,
)
ORDER = PlanKey(
    "order",
    Word(),
    "Order in which the axes number the ranks, innermost (neighbouring chips) first.",
    default=DEFAULT_ORDER,
    rule=_order_rule,
)
RANKS = PlanKey(
    "ranks",
    Word(),
    "Who seats the ranks on chips: a placer (accelsim show placers) or a file of accelsim place --save; "
    "default: rank r on chip r.",
)

RECOMPUTE = PlanKey(
    "recompute",
    Word(RECOMPUTES),
    "What of a layer training computes again on the way back: none, selective (scores of attention), full.",
    default="none",
)
ZERO = PlanKey(
    "zero",
    Word(("0", "1")),
    "Stage of ZeRO in training: 0, or 1 (optimizer states are divided over the dp replicas).",
    default="0",
)
SP = PlanKey(
    "sp",
    Word(("off", "on")),
    "Sequence parallelism in training: the tp ranks share the positions of norms, dropout and residual additions.",
    default="off",
)
#: Keys that training reads.
TRAINING_KEYS = (SP, ZERO, RECOMPUTE)

#: Keys that every execution over several ranks reads.
PARALLEL_KEYS = (TP, DP, PP, EP, DISPATCH, MICROBATCHES, SCHEDULE, ORDER, RANKS)
#: Keys other tools know that no stage here models yet: named in the error instead of being ignored.
NOT_MODELLED = ("cp", "vp", "offload")
