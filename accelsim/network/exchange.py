"""What the exchange of tokens between experts takes in a run where a level has kernels of its own for it.

The fastest of the measured kernels (:mod:`accelsim.network.expert_kernels`) of the level that the group spans is taken,
with the tokens of the fullest rank in place of an even share.  Elsewhere the exchange is an ``all_to_all`` of one copy
per token and rank (:mod:`accelsim.network.pricing`).
"""

from __future__ import annotations

import math

from accelsim.cost.call import Call, FoldedStep, LevelSteps
from accelsim.cost.cost import Cost
from accelsim.hardware.level import SystemLevel
from accelsim.hardware.system import System
from accelsim.network.expert_kernels import ExchangeCost, ExpertExchange, expert_exchange
from accelsim.network.residual import rated
from accelsim.workload.operators.exchange import Exchange


def has_expert_kernels(operator: Exchange, system: System) -> bool:
    """Whether the outermost level that the group spans has measured kernels.

    Args:
        operator: Dispatch or combine, with its group.
        system: Where it runs.
    """
    span = system.group(operator.group.size, operator.group.stride)
    return bool(span) and bool(span[-1].level.spec.expert_kernels)


def price_exchange(operator: Exchange, system: System) -> Cost:
    """Cost of an exchange by the kernels of the level that the group spans.

    Args:
        operator: Dispatch or combine; ``load`` is how much fuller the fullest rank is than the mean.
        system: Where it runs; the level that the group spans has kernels.

    Raises:
        ConfigError: The group is larger than the system.
    """
    span = system.group(operator.group.size, operator.group.stride)
    asked = ExpertExchange(
        direction=operator.direction,
        tokens=max(1, math.ceil(operator.tokens * operator.load)),
        hidden=operator.hidden,
        topk=operator.top_k,
        num_experts=-(-operator.num_experts // operator.num_ranks) * operator.num_ranks,
        ranks=operator.num_ranks,
        dispatch_bytes=operator.dtype.bits / 8,
    )
    kernels = span[-1].level.spec.expert_kernels
    costs = [expert_exchange(asked, system, kernel, operator.group.stride) for kernel in kernels]
    cost = min(costs, key=lambda cost: cost.seconds)
    pace = next(part.level for part in span if part.level.name == cost.level)
    return rated(_as_call(operator, cost, pace), system)


def _as_call(operator: Exchange, cost: ExchangeCost, pace: SystemLevel) -> Cost:
    """The call as one step over the level that sets the pace, behind everything that is not bytes on its links."""
    nbytes = math.ceil(cost.sent_bytes[cost.level])
    latency_s = min(pace.link.latency_s, cost.parts_s["links"])
    moving_s = cost.parts_s["links"] - latency_s
    rate = nbytes / moving_s if moving_s else math.inf
    return Cost.of_call(
        Call(operator.function, operator.nbytes, operator.num_ranks, cost.kernel, protocol=operator.direction),
        cost.seconds - cost.parts_s["links"],
        [LevelSteps(cost.level, (FoldedStep(nbytes, 1),), 1, latency_s, rate, pace.link.energy_j_per_byte)],
        cost.warnings,
        {level: round(n) for level, n in cost.sent_bytes.items() if level != cost.level},
    )
