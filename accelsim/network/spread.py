"""How the steps of an algorithm load the links of the levels that a group spans, before any protocol is chosen.

* A **ring** lies on a switch in rank order and loads each port once. On a torus or mesh the group's block has as many
  rings without a shared link as :attr:`Topology.num_rings` says, each with its share of the bytes. Over several levels
  one ring per rank of the inner level crosses outside, so that all ports of a node carry it.
* **All pairs** at once load a port of a level with what goes to members outside the inner group and inside this one.
* An algorithm that follows the **grid** uses the links of every dimension of the group's block at once.
* Anything else is laid over the graph of the levels, transfer by transfer, and the busiest link of a step counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.errors import ConfigError
from accelsim.hardware.level import GroupLevel, SystemLevel
from accelsim.network.collectives.base import CollectiveAlgorithm
from accelsim.network.on_graph import Load, SpreadStep, routes_of, steps_on_graph
from accelsim.network.topology.base import build_topology
from accelsim.network.topology.faults import faults_of_block
from accelsim.network.topology.levels import join_levels
from accelsim.warning import warn

#: Ranks up to which an algorithm is laid over the graph transfer by transfer; all pairs of them have a route each.
MAX_RANKS_ON_GRAPH = 128
_PORTS = "switch"
#: Where what a ring loads depends on the routes.
_IRREGULAR = frozenset({"awgr", "dragonfly", "fat_tree", "graph", "rail_fat_tree"})


def spread(
    algorithm: CollectiveAlgorithm, nbytes: int, span: Sequence[GroupLevel], on_graph: bool = True
) -> tuple[SpreadStep, ...] | None:
    """Steps of ``algorithm`` for ``nbytes`` over the ranks that ``span`` describes; None where it does not suit.

    Args:
        algorithm: Member of the registry.
        nbytes: Size of the call.
        span: Levels that the group spans, innermost first.
        on_graph: Whether it may be laid over the graph, which takes longer and is exact only in lock step.
    """
    blocks = [block_of(part) for part in span]
    levels = [block for block, _ in blocks]
    warnings = tuple(text for _, texts in blocks for text in texts)
    num_ranks = math.prod(part.members for part in span)
    if algorithm.topologies and (len(levels) > 1 or levels[0].topology not in algorithm.topologies):
        return None
    if not algorithm.fits((num_ranks,)):
        return None
    if algorithm.follows_grid:
        return _on_grid(algorithm, nbytes, levels, warnings)
    folded = algorithm.folded(nbytes, (num_ranks,))
    on_known_links = all(level.topology not in _IRREGULAR and not level.spec.faults for level in levels)
    if algorithm.pattern == "ring" and (on_known_links or num_ranks > MAX_RANKS_ON_GRAPH):
        return _as_rings(algorithm, folded, span, levels, (*warnings, *_not_seen(levels)))
    if len(levels) == 1 and levels[0].topology == _PORTS and not warnings and on_known_links:
        halves = 2 if algorithm.opt_in else 1  # to the switch and no further
        latency_s = levels[0].link.latency_s / halves
        return tuple(SpreadStep(step.repeat, latency_s, (Load(span[0].level, step.nbytes),)) for step in folded)
    if (
        algorithm.pattern == "pairs"
        and on_known_links
        and all(_pair_share(level, 1, num_ranks) is not None for level in levels)
    ):
        return _as_pairs(folded, span, levels, warnings)
    if not on_graph or num_ranks > MAX_RANKS_ON_GRAPH:
        return None
    return _on_graph(algorithm, nbytes, span, levels, warnings)


def _not_seen(levels: Sequence[SystemLevel]) -> tuple[str, ...]:
    """Faults that rings without a graph leave out, one text per level."""
    return tuple(
        warn(
            "faults-unseen",
            f"{level.name}: {len(level.spec.faults)} dead or slow links are not seen by rings of more than "
            f"{MAX_RANKS_ON_GRAPH} ranks.",
        )
        for level in levels
        if level.spec.faults
    )


def _spread(
    folded: Sequence[FoldedStep],
    latency_s: float,
    shares: Sequence[tuple[SystemLevel, float, int]],
    warnings: tuple[str, ...],
) -> tuple[SpreadStep, ...]:
    """The steps with their share of the bytes, and how many links carry it alike, on each level."""

    def loads(nbytes: int) -> tuple[Load, ...]:
        return tuple(Load(level, math.ceil(nbytes * share), links) for level, share, links in shares)

    return tuple(SpreadStep(step.repeat, latency_s, loads(step.nbytes), warnings) for step in folded)


def _as_rings(
    algorithm: CollectiveAlgorithm,
    folded: Sequence[FoldedStep],
    span: Sequence[GroupLevel],
    levels: Sequence[SystemLevel],
    warnings: tuple[str, ...],
) -> tuple[SpreadStep, ...]:
    num_ranks = math.prod(part.members for part in span)
    both_ways = algorithm.links((num_ranks,))
    loads: list[tuple[Load, float]] = []
    hops: list[tuple[SystemLevel, float, float]] = []
    inner = 1
    for part, level in zip(span, levels, strict=True):
        topology = build_topology(level)
        rings = topology.num_rings if both_ways == 1 else min(both_ways, topology.num_rings)
        load = Load(part.level, 0, rings, free_share(part) if part is span[-1] else 1.0)
        loads.append((load, both_ways / (rings * ports_of(part.level, inner))))
        outside = 0 if part is span[-1] else num_ranks // (inner * part.members)
        hops.append((part.level, topology.ring_hops * level.link.latency_s, (num_ranks // inner - outside) / num_ranks))
        inner *= part.members
    return tuple(
        SpreadStep(repeat, latency_s, tuple(_filled(load, step.nbytes * part) for load, part in loads), warnings, level)
        for step in folded
        for level, latency_s, repeat in _divided(step.repeat, hops)
    )


def _filled(load: Load, nbytes: float) -> Load:
    return replace(load, nbytes=math.ceil(nbytes))


def _divided(repeat: int, hops: Sequence[tuple[SystemLevel, float, float]]) -> Iterator[tuple[SystemLevel, float, int]]:
    """Steps in the proportion of the hops at each level, outermost first and rounded up; no level without steps.

    Without channels outside, every step waits for the slowest hop.
    """
    outer = hops[-1][0]
    if outer.collectives.channels is None:
        yield outer, max(latency_s for _, latency_s, _ in hops), repeat
        return
    left = repeat
    for level, latency_s, share in reversed(hops):
        mine = left if level is hops[0][0] else min(left, math.ceil(repeat * share))
        left -= mine
        if mine:
            yield level, latency_s, mine


def free_share(part: GroupLevel) -> float:
    """What few long flows have of a port: less where all ports of more than two members send and routes collide.

    Args:
        part: A level and how much of it a group uses.
    """
    return part.level.spec.full_load if part.is_full and part.members > 2 else 1.0


def ports_of(level: SystemLevel, inner: int) -> int:
    """Ports that ``inner`` ranks of a group have towards a level.

    Args:
        level: A level; ``ports_per_group`` may bound its ports.
        inner: Ranks of the group below one member of the level.
    """
    return min(inner, level.spec.ports_per_group or inner)


def _on_grid(
    algorithm: CollectiveAlgorithm, nbytes: int, levels: Sequence[SystemLevel], warnings: tuple[str, ...]
) -> tuple[SpreadStep, ...] | None:
    """On a block of two or more dimensions whose extents above two all wrap; its slowest link sets the pace."""
    block = levels[0]
    left = min((fault.capacity_fraction for fault in block.spec.faults), default=1.0)
    dimensions = sum(extent > 1 for extent in block.shape)
    wraps = all(wrap for extent, wrap in zip(block.shape, block.wrap, strict=True) if extent > 2)
    if warnings or dimensions < 2 or not wraps or left == 0:
        return None
    links = algorithm.links(block.shape)
    return tuple(
        SpreadStep(step.repeat, block.link.latency_s, (Load(block, math.ceil(step.nbytes / left), links),))
        for step in algorithm.folded(nbytes, block.shape)
    )


def _as_pairs(
    folded: Sequence[FoldedStep],
    span: Sequence[GroupLevel],
    levels: Sequence[SystemLevel],
    warnings: tuple[str, ...],
) -> tuple[SpreadStep, ...]:
    num_ranks = math.prod(part.members for part in span)
    shares, inner, latency_s = [], 1, 0.0
    for part, level in zip(span, levels, strict=True):
        share, links, hops = _pair_share(level, inner, num_ranks) or (1.0, 1, 1)
        shares.append((part.level, share * inner / ports_of(part.level, inner), links))
        latency_s = max(latency_s, hops * level.link.latency_s)
        inner *= part.members
    return _spread(folded, latency_s, shares, warnings)


def _pair_share(level: SystemLevel, inner: int, num_ranks: int) -> tuple[float, int, int] | None:
    """Of what a rank sends to all others, the part over the busiest link of the level; links it uses alike; most hops.

    Known for a switch and a full mesh at any level, and for a torus of a single level.
    """
    others, outside = num_ranks - 1, inner * (level.size - 1)
    if level.topology == _PORTS:
        return outside / others, 1, 1
    if level.topology == "fully_connected":
        return inner / others, level.size - 1, 1
    wraps = all(wrap or extent <= 2 for extent, wrap in zip(level.shape, level.wrap, strict=True))
    if level.topology in ("torus", "ring") and wraps and inner == 1 and num_ranks == level.size:
        # every chip is alike: a link of a direction carries as many ways as its hops in one chip's ways to all others
        ways = [level.size // extent * math.comb(extent // 2 + 1, 2) for extent in level.shape if extent > 1]
        return max(ways) / others, 1, sum(extent // 2 for extent in level.shape)
    return None


def _on_graph(
    algorithm: CollectiveAlgorithm,
    nbytes: int,
    span: Sequence[GroupLevel],
    levels: Sequence[SystemLevel],
    warnings: tuple[str, ...],
) -> tuple[SpreadStep, ...]:
    """The graph of blocks that the group fills, its ranks one after another on their chips."""
    joined = join_levels(levels)
    inner = np.cumprod([1, *(part.members for part in span[:-1])])
    shared = [chips / ports_of(level, int(chips)) for level, chips in zip(levels, inner, strict=True)]
    schedule = algorithm.schedule(nbytes, (joined.topology.num_chips,))
    routes = routes_of(schedule, np.arange(joined.topology.num_chips)[None], joined)
    steps = steps_on_graph(schedule, routes, joined, levels, np.array(shared)[joined.level], warnings)
    # Loads name the levels as a whole, not the blocks cut from them.
    whole = {part.level.name: part.level for part in span}
    return tuple(
        replace(step, loads=tuple(replace(load, level=whole[load.level.name]) for load in step.loads)) for step in steps
    )


def require(algorithm: str, kind: str, steps: tuple[SpreadStep, ...] | None) -> tuple[SpreadStep, ...]:
    """The steps, if there are any.

    Args:
        algorithm: What was asked for, for the error.
        kind: Its collective, for the error.
        steps: What the algorithm gave; None where it does not suit the group.

    Raises:
        ConfigError: The algorithm does not suit the group.
    """
    if steps is None:
        raise ConfigError(
            f"{kind}: {algorithm} does not suit this group of ranks: it needs another topology (torus_bucket needs a "
            "block of two or more dimensions that wraps, in_network a switch), another number of ranks "
            f"(halving_doubling needs a power of two), or at most {MAX_RANKS_ON_GRAPH} ranks. Use 'auto'."
        )
    return steps


def block_of(part: GroupLevel) -> tuple[SystemLevel, tuple[str, ...]]:
    """The level cut to the block of members that the group fills; chips are numbered last dimension fastest."""
    level = part.level
    if len(level.shape) == 1:
        full = part.members == level.size
        spec = faults_of_block(level, (part.members,), part.stride)
        return SystemLevel(level.name, spec, (part.members,), (full and level.wrap[0],)), ()
    shape, stride, remaining = [1] * len(level.shape), part.stride, part.members
    for axis in reversed(range(len(level.shape))):
        extent = level.shape[axis]
        if stride % extent == 0:
            stride //= extent
        elif stride == 1 and (remaining % extent == 0 or remaining <= extent):
            shape[axis] = min(extent, remaining)
            remaining //= shape[axis]
    if remaining == 1:
        wrap = tuple(w and n == full for w, n, full in zip(level.wrap, shape, level.shape, strict=True))
        return SystemLevel(level.name, faults_of_block(level, tuple(shape)), tuple(shape), wrap), ()
    text = f"{part.members} ranks, {part.stride} apart, are no block of {level}; priced as a line of neighbours"
    options = {}
    if part.stride == 1:
        options = {"closing_hops": _closing_hops(part)}
        text += f" along a snake whose ends are {options['closing_hops']} hops apart"
    text += ", whose links are whole." if level.spec.faults else "."
    line = level.spec.model_copy(update={"topology": "line", "size": part.members, "options": options, "faults": ()})
    return SystemLevel(level.name, line, (part.members,), (False,)), (warn("ranks-apart", text),)


def _closing_hops(part: GroupLevel) -> int:
    """Most hops between two chips of the smallest box of whole rows that holds the group's first chips."""
    hops, left = 0, part.members
    for extent, wraps in zip(reversed(part.level.shape), reversed(part.level.wrap), strict=True):
        used = min(extent, left)
        hops += used // 2 if wraps and used == extent else used - 1
        left = -(-left // extent)
    return hops
