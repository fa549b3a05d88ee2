"""Expert parallelism as a rewrite of one operator: a rank's experts, and the exchange of tokens around them.

Attention and everything else stays divided by ``tp`` (and its batch by ``dp``); only the experts are divided anew, over
``ep`` neighbouring ranks (tp fastest, then dp):

- ``ep`` divides ``tp``: the ranks of the group hold all tokens already.  Each works on those of its experts, every
  expert further divided by ``tp / ep`` along its width, and an ``all_reduce`` over ``tp`` sums up.
- ``tp`` divides ``ep``: the group spans ``ep / tp`` replicas of attention.  A rank sends its part (``1 / tp``) of its
  replica's tokens to the ranks of their experts (``moe.dispatch``), works on what it receives, sends results back
  (``moe.combine``), adds them up (``moe.gather``), and ``tp`` ranks gather their parts.

Ranks differ only in how many tokens come their way; the fullest one is described, and the others wait for it.
Experts that do not divide evenly are rounded up likewise (docs/assumptions.md#moe-fullest-rank).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from accelsim.errors import PlanError
from accelsim.mapping.plan import Plan
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.exchange import Exchange
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.router import Combine
from accelsim.workload.routing import copies
from accelsim.workload.tensor import Axis, Tensor


def check_experts(plan: Plan, has_experts: bool) -> None:
    """Refuse degrees of expert parallelism that fit neither ``tp`` nor the ranks.

    Args:
        plan: Degrees of parallelism, of which ``ep`` is looked at.
        has_experts: Whether any operator of the model is a layer of experts.

    Raises:
        PlanError: ``ep`` without experts, or one that is neither a divisor nor a multiple of ``tp`` within the ranks.
    """
    if plan.ep == 1:
        return
    if not has_experts:
        raise PlanError(f"plan: ep={plan.ep}, but the model has no experts. Leave ep out.")
    ranks = plan.tp * plan.dp
    allowed = [ep for ep in range(1, ranks + 1) if ranks % ep == 0 and (ep % plan.tp == 0 or plan.tp % ep == 0)]
    if plan.ep not in allowed:
        listed = ", ".join(map(str, allowed))
        raise PlanError(
            f"plan: ep={plan.ep} does not fit tp={plan.tp}, dp={plan.dp}: experts are divided over a divisor of tp, or "
            f"over whole groups of tp ranks. Use one of: {listed}."
        )


def share_experts(operator: Experts, plan: Plan) -> Experts:
    """The experts of the fullest rank of a group that holds all tokens; its result is a partial sum over ``tp``.

    Args:
        operator: All experts of a layer.
        plan: Degrees of parallelism; ``ep`` divides ``tp``.
    """
    inside = plan.tp // plan.ep
    local = operator.shard({"experts": plan.ep, "ffn": inside, "gate_up": inside})
    return replace(local, ranks=plan.ep)


def exchange_experts(operator: Experts, plan: Plan) -> Iterator[Operator]:
    """The experts of the fullest rank of a group that spans replicas, with the exchange around them.

    Args:
        operator: All experts of a layer, with the tokens of one replica.
        plan: Degrees of parallelism; ``tp`` divides ``ep``.

    Returns:
        Dispatch, the experts, combine, and with ``tp`` above 1 the collective that gives every rank all of its
        replica's tokens.
    """
    x, result, ep = operator.x, operator.outputs[0], plan.ep
    hidden, group = x.axes[-1], plan.mesh.joined("ep", ("tp", "dp"), ep)
    own = -(-operator.tokens // plan.tp)
    experts = replace(operator.shard({"experts": ep}), ranks=ep, tokens=operator.tokens * ep // plan.tp)
    rows = math.ceil(own * copies(operator.num_experts, operator.top_k, ep) * experts.load)
    routed = Axis.of("routed", rows), hidden
    sent = x if plan.dispatch in (None, x.dtype) else replace(x, dtype=plan.dispatch, scales=None)
    back = result.dtype

    def move(direction: str, source: Tensor, target: str) -> Exchange:
        return Exchange(
            f"moe.{direction}", (source,), (replace(source, name=target),), "all_to_all", group,
            direction, own, operator.top_k, operator.num_experts, experts.load,
        )  # fmt: skip

    dispatch = move("dispatch", replace(sent, axes=routed), "moe.received")
    yield dispatch
    received = replace(dispatch.outputs[0], dtype=x.dtype, scales=x.scales)  # converted as it arrives
    yield replace(
        experts,
        inputs=(received, *experts.inputs[1:]),
        outputs=(Tensor("moe.experts.partial", routed, back),),
        is_dispatched=True,
    )
    yield move("combine", Tensor("moe.experts.partial", routed, back), "moe.returned")
    mine = result if plan.tp == 1 else Tensor("moe.gather.out", (Axis.of("tokens", own), hidden), back)
    yield Combine("moe.gather", (Tensor("moe.returned", routed, back),), (mine,))
    if plan.tp > 1:
        whole = replace(result, axes=(Axis.of("tokens", operator.tokens), hidden))
        yield Collective("moe.all_gather", (mine,), (whole,), "all_gather", plan.mesh.group("tp"))
