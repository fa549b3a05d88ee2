"""Collectives that libraries pipeline between groups of chips: trees, reduction in the switches inside, chains.

A **tree** joins groups (the double binary tree), and inside a group a chain its chips, as NCCL's does. Pieces follow
each other, so that a hop's latency is paid once a way, not once a piece: ``2 log2 groups`` hops between groups and
``2 (chips - 1)`` inside. Of two groups one is the root, so that the buffer passes a group's ports once each way; of
more every group is inside one tree and a leaf of the other: twice. The busiest chip of a channel has as children one or
two groups and the chain, and up to one parent; for each byte it reads what children send and its own, writes to the
parent, and back: ``2 children + 2 parents + 2`` passes, which a channel takes in turn.

**Reduction in switches** inside (NVLS) puts a tree across (NVLSTree), or goes on in the switches outside (SHARP).
A **chain** (broadcast and reduce by ring) passes every rank once.

Source:
    NVIDIA NCCL 2.29, ``src/graph/trees.cc``, ``src/device/all_reduce.h``; passes counted here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from accelsim.cost.call import Call
from accelsim.hardware.level import AlgorithmSpec, ChannelSpec, GroupLevel
from accelsim.network.channels import tree_channels
from accelsim.network.library import find_library
from accelsim.network.on_graph import Load, Pipeline, SpreadStep
from accelsim.network.spread import free_share, ports_of

#: Topologies between groups and inside them on which pipelines meet nowhere but in ports.
_OUTSIDE = frozenset({"switch"})
_INSIDE = frozenset({"switch", "fully_connected"})


def pipelined_steps(call: Call, span: Sequence[GroupLevel]) -> tuple[SpreadStep, ...] | None:
    """Steps of a call that its library pipelines over channels; None where it does not.

    Args:
        call: Kind, algorithm, bytes and library.
        span: Levels that its ranks span, innermost first.
    """
    steps = _PIPELINED.get(f"{call.kind}/{call.algorithm}")
    channels = find_library(span[-1].level, call.library).channels
    is_known = span[-1].level.topology in _OUTSIDE and all(part.level.topology in _INSIDE for part in span[:-1])
    return steps(call, span, channels) if steps is not None and channels is not None and is_known else None


def needs_groups(call: Call, span: Sequence[GroupLevel]) -> bool:
    """Whether the algorithm of the call, as the outermost level has it, is one of groups of chips, not of single ones.

    Args:
        call: Kind, algorithm and library.
        span: Levels that its ranks span, innermost first.
    """
    own = find_library(span[-1].level, call.library).algorithms.get(call.algorithm, AlgorithmSpec())
    return own.across is not None


def _tree(call: Call, span: Sequence[GroupLevel], channels: ChannelSpec) -> tuple[SpreadStep, ...]:
    *inside, outer = span
    chips, groups = math.prod(part.members for part in inside), outer.members
    passes = 2 * (_children(groups) + int(chips > 1)) + 2 * int(groups > 2) + 2
    within = [Load(part.level, math.ceil(2 * call.nbytes * (chips - 1) / chips)) for part in inside]
    return (*_chain_hops(inside, 2), *_across(call, span, channels, within, passes))


def _in_switches(call: Call, span: Sequence[GroupLevel], channels: ChannelSpec) -> tuple[SpreadStep, ...] | None:
    *inside, outer = span
    if not inside or any(call.algorithm not in part.level.collectives.algorithms for part in inside):
        return None
    own = find_library(outer.level, call.library).algorithms.get(call.algorithm, AlgorithmSpec())
    chips = math.prod(part.members for part in inside)
    within = [
        Load(
            part.level,
            math.ceil(call.nbytes * (1 + 1 / chips)),
            efficiency=own.inner_efficiency or _switch_efficiency(part, call.algorithm),
        )
        for part in inside
    ]
    if own.across == "double_binary_tree":
        return _across(call, span, channels, within, 0)
    port_bytes = math.ceil(call.nbytes / ports_of(outer.level, chips))
    return (SpreadStep(1, outer.level.link.latency_s, (*within, Load(outer.level, port_bytes))),)


def _chain(call: Call, span: Sequence[GroupLevel], channels: ChannelSpec) -> tuple[SpreadStep, ...]:
    outer = span[-1]
    chips = math.prod(part.members for part in span[:-1])
    hops, ports = outer.members - 1, ports_of(outer.level, chips)
    within = tuple(Load(part.level, math.ceil(call.nbytes / hops)) for part in span[:-1])
    load = Load(outer.level, math.ceil(call.nbytes / hops / ports), share=free_share(outer))
    count = tree_channels(channels, ports, outer.level.link.bandwidth_bytes_per_s)
    pipeline = Pipeline(call.nbytes, count, hops, chips * outer.members - 1)
    across = SpreadStep(hops, outer.level.link.latency_s, (*within, load), pipeline=pipeline)
    return (*_chain_hops(span[:-1], outer.members), across)


def _across(
    call: Call, span: Sequence[GroupLevel], channels: ChannelSpec, within: Sequence[Load], passes: int
) -> tuple[SpreadStep, ...]:
    """Hops up and down the double tree of groups, each with its part of the bytes."""
    outer = span[-1]
    level, chips = outer.level, math.prod(part.members for part in span[:-1])
    hops = 2 * math.ceil(math.log2(outer.members))
    ports, rate = ports_of(level, chips), level.link.bandwidth_bytes_per_s
    count = tree_channels(channels, ports, rate)
    port_bytes = call.nbytes * _children(outer.members) / ports
    most = math.inf
    if passes and channels.tree_bandwidth_bytes_per_s is not None and call.nbytes:
        most = count * channels.tree_bandwidth_bytes_per_s * port_bytes / (passes * call.nbytes)
    load = Load(level, math.ceil(port_bytes / hops), share=free_share(outer), most_bytes_per_s=most)
    inner = tuple(Load(one.level, math.ceil(one.nbytes / hops), efficiency=one.efficiency) for one in within)
    pipeline = Pipeline(call.nbytes, count, hops, hops // 2 + chips - 1) if passes else None
    return (SpreadStep(hops, level.link.latency_s, (*inner, load), pipeline=pipeline),)


def _children(groups: int) -> int:
    """Groups below the busiest one of a binary tree."""
    return min(2, groups - 1)


def _chain_hops(inside: Sequence[GroupLevel], times: int) -> list[SpreadStep]:
    """Hops along the chips of a group, ``times`` over, at each level; their bytes pass while others cross outside."""
    found, above = [], math.prod(part.members for part in inside)
    for part in inside:
        above //= part.members
        hops = times * (part.members - 1) * above
        found.append(SpreadStep(hops, part.level.link.latency_s, (Load(part.level, 0),), crosses=part.level))
    return found


def _switch_efficiency(part: GroupLevel, algorithm: str) -> float:
    spec = part.level.collectives
    protocols = spec.algorithms[algorithm].protocols or spec.protocols
    return max((protocol.efficiency for protocol in protocols.values()), default=1.0)


_Steps = Callable[[Call, Sequence[GroupLevel], ChannelSpec], tuple[SpreadStep, ...] | None]
_PIPELINED: Mapping[str, _Steps] = {
    "all_reduce/double_binary_tree": _tree,
    "all_reduce/in_network": _in_switches,
    "broadcast/ring": _chain,
    "reduce/ring": _chain,
}
