"""Work that tensor parallelism does more than once: heads of which there are fewer than ranks lie on several."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.warning import warn
from accelsim.workload.axes import HEAD_AXES
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

_HELD = (Role.WEIGHT, Role.KV_CACHE)


def replicated_heads(workload: Workload, plan: Plan) -> tuple[str, ...]:
    """The warning of a plan under which ranks repeat heads; none where every head lies on one rank.

    Args:
        workload: One replica's operators of a pass, undivided.
        plan: Its ``tp`` divides the heads.
    """
    tp, blocks = plan.tp, [segment.graph for segment in workload.segments]
    heads = [_fewest_heads(tensor) for block in blocks for tensor in _held(block)]
    if min(heads, default=tp) >= tp:
        return ()
    share = shard(workload, plan)
    local = [segment.graph for segment in share.segments]
    repeats = [segment.repeat for segment in workload.segments]
    all_bytes = tp * sum(n * tensor.size_bytes for n, one in zip(repeats, local, strict=True) for tensor in _held(one))
    pairs = list(zip(repeats, blocks, local, strict=True))
    more_bytes = sum(n * _more_bytes(whole, part, tp) for n, whole, part in pairs)
    more_flops = sum(n * _more_flops(whole, part, tp) for n, whole, part in pairs)
    few = f"{min(heads)} KV heads" if min(heads) > 1 else "one KV head (or latent)"
    text = (
        f"tp={tp} is more than {few}, each on {tp / min(heads):g} ranks: "
        f"{more_bytes / all_bytes:.1%} of the bytes of weights and KV cache and {more_flops / (tp * share.flops):.1%} "
        "of the FLOPs of all ranks are done again"
    )
    return (warn("replicated-heads", text.replace("%", " %")),)


def _held(block: OperatorGraph) -> Iterator[Tensor]:
    yield from block.weights
    yield from block.kv_caches


def _fewest_heads(tensor: Tensor) -> float:
    """Heads of the part of an axis that has fewest; infinite without such an axis."""
    return min((n for axis in tensor.axes if axis.name in HEAD_AXES for n, _ in axis.parts), default=float("inf"))


def _more_bytes(whole: OperatorGraph, share: OperatorGraph, tp: int) -> int:
    """What ranks hold of heads beyond one copy, all ranks of a group."""
    sizes = {tensor.name: tensor.size_bytes for tensor in _held(share)}
    repeated = (tensor for tensor in _held(whole) if _fewest_heads(tensor) < tp)
    return sum(tp * sizes[tensor.name] - tensor.size_bytes for tensor in repeated)


def _more_flops(whole: OperatorGraph, share: OperatorGraph, tp: int) -> int:
    """What ranks compute of heads beyond once."""
    flops = {operator.name: operator.flops for operator in share}
    return sum(tp * flops[op.name] - op.flops for op in whole if _repeats(op, tp))


def _repeats(operator: Operator, tp: int) -> bool:
    return any(_fewest_heads(tensor) < tp for tensor in (*operator.inputs, *operator.outputs))
