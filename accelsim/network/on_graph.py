"""A collective laid over the graph of a system's levels, transfer by transfer: what the busiest link of a step carries.

Several groups may play at once, each on chips of its own; what they send over one link adds up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.hardware.level import SystemLevel
from accelsim.network.collectives.schedule import Schedule
from accelsim.network.topology.levels import LevelledTopology

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Load:
    """Bytes of one step over each of ``links`` links of a rank at one level.

    Attributes:
        level: The level.
        nbytes: Bytes over one link.
        links: Links that carry as much.
        share: What of the link's rate other flows leave.
        most_bytes_per_s: What the chip's channels can pass on, whatever the link.
        efficiency: What payload reaches of the link, where that is not the protocol's.
    """

    level: SystemLevel
    nbytes: int
    links: int = 1
    share: float = 1.0
    most_bytes_per_s: float = math.inf
    efficiency: float | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Pieces that follow each other over ``hops``; while it fills and drains, links idle.

    Attributes:
        nbytes: All that passes, in bytes.
        channels: Channels that share it.
        hops: Hops between groups of chips on the longest way there and back.
        depth: Ranks on the longest way from a leaf to the root.
    """

    nbytes: int
    channels: int
    hops: int
    depth: int


@dataclass(frozen=True, slots=True)
class SpreadStep:
    """Equal steps and what they load; the level that takes longest sets the pace.

    Attributes:
        repeat: Steps.
        latency_s: Latency of the links on the longest way of the step.
        loads: One or more.
        warnings: Why the number should be trusted less.
        crosses: Level whose links and software the step waits for; None for the outermost.
        pipeline: What it is a hop of; None for a step that ends before the next begins.
    """

    repeat: int
    latency_s: float
    loads: tuple[Load, ...]
    warnings: tuple[str, ...] = ()
    crosses: SystemLevel | None = None
    pipeline: Pipeline | None = None


@dataclass(frozen=True, eq=False)
class Routes:
    """The ways of a collective's messages between the chips of several groups.

    Attributes:
        which: Pair of ranks of each transfer of the schedule. int64[T].
        latency_s: Latency of the longest way of each pair, of all groups. float64[P].
        pair: Pair of each link crossed, groups one after another. int64[H].
        link: The link. int64[H].
    """

    which: IntArray
    latency_s: FloatArray
    pair: IntArray
    link: IntArray


def routes_of(schedule: Schedule, chips: IntArray, graph: LevelledTopology) -> Routes:
    """Ways of the transfers of ``schedule`` between the chips of each group.

    Args:
        schedule: Transfers between ranks, and switches where the algorithm has any.
        chips: Chip of each rank of each group. int64[groups, ranks].
        graph: All levels of the system as one topology.
    """
    topology = graph.topology
    switches = topology.num_chips + np.arange(schedule.num_switches)
    nodes = np.concatenate([chips, np.tile(switches, (len(chips), 1))], axis=1)
    num_ends = schedule.num_ranks + schedule.num_switches
    pairs, which = np.unique(schedule.src * num_ends + schedule.dst, return_inverse=True)
    ends = zip(nodes[:, pairs // num_ends].ravel().tolist(), nodes[:, pairs % num_ends].ravel().tolist(), strict=True)
    routes = [topology.route(src, dst) for src, dst in ends]
    latency_s = np.array([topology.latency_of(route) for route in routes]).reshape(len(chips), -1)
    crossed = np.repeat(np.tile(np.arange(len(pairs)), len(chips)), [len(route) for route in routes])
    return Routes(
        which=which,
        latency_s=latency_s.max(axis=0, initial=0.0),
        pair=crossed,
        link=np.fromiter(itertools.chain.from_iterable(routes), dtype=np.int64),
    )


def steps_on_graph(
    schedule: Schedule,
    routes: Routes,
    graph: LevelledTopology,
    levels: Sequence[SystemLevel],
    shared: FloatArray,
    warnings: tuple[str, ...] = (),
) -> tuple[SpreadStep, ...]:
    """Bytes over the busiest link of each level, as if it had the level's bandwidth, by step; equal ones joined.

    Args:
        schedule: What every group plays.
        routes: Its ways.
        graph: Links of the levels.
        levels: The levels, as loads name them.
        shared: Chips that take turns at each link, where they share a port. float64[links].
        warnings: Of every step.
    """
    from scipy.sparse import csr_matrix

    topology = graph.topology
    rated = np.array([level.link.bandwidth_bytes_per_s for level in levels])[graph.level]
    num_steps, num_pairs = int(schedule.step.max(initial=-1)) + 1, len(routes.latency_s)
    moved = csr_matrix((schedule.nbytes, (schedule.step, routes.which)), shape=(num_steps, num_pairs))
    over = csr_matrix((np.ones(len(routes.link)), (routes.pair, routes.link)), shape=(num_pairs, topology.num_links))
    load = (moved @ over).toarray() * (rated / topology.capacity_bytes_per_s * shared)
    busiest = np.stack([load[:, graph.level == index].max(axis=1, initial=0.0) for index in range(len(levels))], 1)
    waits = np.zeros(num_steps)
    np.maximum.at(waits, schedule.step, routes.latency_s[routes.which])
    found: list[SpreadStep] = []
    for wait_s, tops in zip(waits.tolist(), np.ceil(busiest).astype(np.int64).tolist(), strict=True):
        loads = tuple(Load(level, top) for level, top in zip(levels, tops, strict=True))
        step = SpreadStep(1, wait_s, loads, warnings)
        if found and replace(found[-1], repeat=1) == step:
            found[-1] = replace(found[-1], repeat=found[-1].repeat + 1)
        else:
            found.append(step)
    return tuple(found)
