"""Blocks unfolded over every rank of a plan: each with its own stream, memory and real links.

:mod:`accelsim.mapping.lower` simulates one rank for all, which is exact while every rank does the same over the same
links.  Where that symmetry is broken (a dead or slow link) this lowering takes its place, and tests hold the two
together where it is not.  Compute operators become one task per rank; a collective becomes every transfer of its
schedule in every group, on the routes between the chips on which the ranks sit, with a barrier per rank and step.
Groups that play at once meet on the links that their routes share.

Built by numpy: the loops are over the operators of one block and the groups of one, never over ranks or transfers.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from accelsim.cost.cost import Cost
from accelsim.engine.clock import to_ticks
from accelsim.engine.taskgraph import TaskGraph, make_task_graph
from accelsim.engine.template import concatenate
from accelsim.errors import PlanError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.servers import COMM, STREAM
from accelsim.network.collectives.base import get_algorithm
from accelsim.network.collectives.schedule import Schedule
from accelsim.network.play import schedule_graph
from accelsim.network.seats import Seats
from accelsim.network.spread import block_of
from accelsim.network.topology.base import Topology
from accelsim.network.topology.levels import join_levels
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Machine:
    """Servers and links of the ranks: streams and comms by rank, memories by rank, then the topology's links."""

    system: System
    seats: Seats
    topology: Topology
    servers: tuple[str, ...]
    links: tuple[str, ...]
    capacity_bytes_per_s: npt.NDArray[np.float64]
    num_memories: int

    @property
    def num_ranks(self) -> int:
        return self.seats.num_ranks

    @property
    def ranks(self) -> IntArray:
        return np.arange(self.num_ranks)

    def graph(self, num_tasks: int, **columns: Any) -> TaskGraph:
        """A graph over these servers and links."""
        return make_task_graph(
            num_tasks, servers=self.servers, links=self.links, capacity_bytes_per_s=self.capacity_bytes_per_s, **columns
        )


@dataclass(frozen=True, eq=False)
class _Tasks:
    """Tasks of one operator over all ranks: which of them a rank enters by and which end it."""

    graph: TaskGraph
    first: IntArray
    last: IntArray


def unfold_block(block: PricedBlock, system: System, seats: Seats) -> TaskGraph:
    """One graph of ``block`` on every rank.

    Label ``i`` is operator ``i`` of the block, as in the folded graph.

    Args:
        block: Priced operators of one rank, each of which every rank runs.
        system: The levels whose links the transfers cross.
        seats: Chips of the ranks that are simulated.

    Raises:
        PlanError: A group of neighbouring chips spans several levels, or a collective runs rings at once that have no
            schedule.
    """
    machine = _machine(system, seats)
    names = [priced.operator.name for priced in block.operators]
    parts: list[_Tasks] = []
    edges: list[tuple[IntArray, IntArray]] = []
    base, previous_collective = 0, -1
    offsets: list[int] = []
    for index, (priced, predecessors) in enumerate(zip(block.operators, block.predecessors, strict=True)):
        if not priced.cost.on_cores:
            part = _collective(machine, cast(Collective, priced.operator).group, priced.cost)
            waits = {*predecessors, previous_collective} - {-1}
            previous_collective = index
        else:
            part = _compute(machine, priced.cost, system.chip)
            waits = set(predecessors)
        edges += [(offsets[p] + parts[p].last, base + part.first) for p in sorted(waits)]
        label = np.full(part.graph.num_tasks, index, dtype=np.int32)
        parts.append(replace(part, graph=replace(part.graph, label=label, labels=tuple(names))))
        offsets.append(base)
        base += part.graph.num_tasks
    pairs = tuple(np.concatenate(side) for side in zip(*edges, strict=True)) if edges else None
    return concatenate([part.graph for part in parts], (pairs[0], pairs[1]) if pairs else None)


def _machine(system: System, seats: Seats) -> _Machine:
    levels = list(system.levels.values())
    if seats.chips is None:  # ranks on the first chips need no level outside of them
        inner = itertools.accumulate((level.size for level in levels), operator.mul, initial=1)
        levels = [level for level, size in zip(levels, inner, strict=False) if size < seats.num_ranks] or levels[:1]
    topology = join_levels(levels).topology
    chip = system.chip
    memory = chip.memories.get(chip.main_memory)
    ranks = range(seats.num_ranks)
    memories = () if memory is None else tuple(_of_rank(chip.main_memory, rank) for rank in ranks)
    bandwidth = [] if memory is None else [memory.bandwidth_bytes_per_s] * seats.num_ranks
    return _Machine(
        system=system,
        seats=seats,
        topology=topology,
        servers=tuple(_of_rank(kind, rank) for kind in (STREAM, COMM) for rank in ranks),
        links=memories + tuple(topology.link_name(link) for link in range(topology.num_links)),
        capacity_bytes_per_s=np.concatenate([np.array(bandwidth), topology.capacity_bytes_per_s]),
        num_memories=len(memories),
    )


def _of_rank(name: str, rank: int) -> str:
    """Rank 0 keeps the plain name, so that reports read it as they read the folded graph."""
    return name if rank == 0 else f"{name}@{rank}"


def _compute(machine: _Machine, cost: Cost, chip: Chip) -> _Tasks:
    """One task per rank, as in the folded graph."""
    nbytes = round(cost.traffic_bytes.get(chip.main_memory, 0.0)) if machine.num_memories else 0
    columns: dict[str, Any] = {"server": machine.ranks, "work_ticks": to_ticks(cost.work_s)}
    if nbytes:
        latency_ticks = to_ticks(cost.launch_s)
        columns |= {"nbytes": nbytes, "route_link": machine.ranks, "latency_ticks": latency_ticks}
    return _Tasks(machine.graph(machine.num_ranks, **columns), machine.ranks, machine.ranks)


def _collective(machine: _Machine, group: Group, cost: Cost) -> _Tasks:
    """Launch on every rank, then every transfer of the schedule; the last barrier of a rank ends it there."""
    ranks = machine.ranks
    launch = machine.graph(machine.num_ranks, server=machine.num_ranks + ranks, work_ticks=to_ticks(cost.launch_s))
    graphs, edges, ends = [launch], [], []
    base = machine.num_ranks
    for schedule, members in _schedules(machine, group, cost):
        graph = _played(machine, schedule, machine.seats.of_ranks()[members], cost)
        first = np.flatnonzero(schedule.step == 0)
        barriers = len(schedule.step) + (schedule.num_steps - 1) * (len(members) + schedule.num_switches)
        edges += [(members[schedule.src[first]], base + first), (members[schedule.dst[first]], base + first)]
        ends.append((base + barriers + np.arange(len(members)), members))
        graphs.append(graph)
        base += graph.num_tasks
    last = machine.graph(machine.num_ranks)  # a barrier per rank: all rings at once have ended
    edges += [(end, base + members) for end, members in ends]
    before, after = (np.concatenate(side) for side in zip(*edges, strict=True))
    return _Tasks(concatenate([*graphs, last], (before, after)), ranks, base + ranks)


def _schedules(machine: _Machine, group: Group, cost: Cost) -> Iterator[tuple[Schedule, IntArray]]:
    """Schedules that run at once, each with the rank that plays each part in it."""
    follows = machine.seats.follow_levels(group, machine.system)
    if follows and len(machine.system.group(group.size, group.stride)) != 1:
        raise PlanError(
            f"{group.size} ranks of {machine.system.name} span several levels; with dead or slow links, ranks of a "
            "group are simulated one by one on a single level only. Use a smaller group, or leave the faults out."
        )
    groups = Seats(machine.num_ranks).groups(group)
    for schedule, order in _rings(machine, group, cost):
        yield from ((schedule, members[order]) for members in groups)


def _rings(machine: _Machine, group: Group, cost: Cost) -> list[tuple[Schedule, IntArray]]:
    """What one group plays at once, each with its parts as places in the group."""
    call, links = cost.call, cost.phases[0].links
    algorithm = get_algorithm(call.kind, call.algorithm)
    size, order = group.size, np.arange(group.size)
    if links == 1 or (algorithm.pattern != "ring" and not algorithm.follows_grid):
        return [(algorithm.schedule(call.nbytes, (size,)), order)]
    shape = block_of(machine.system.group(size, group.stride)[0])[0].shape
    if algorithm.follows_grid or algorithm.links((size,)) > 1:
        return [(algorithm.schedule(call.nbytes, shape if algorithm.follows_grid else (size,)), order)]
    is_placed = not machine.seats.follow_levels(group, machine.system)
    if links == 2 and (is_placed or sum(extent > 1 for extent in shape) == 1):  # both ways round one dimension
        half = algorithm.schedule(-(-call.nbytes // 2), (size,))
        return [(half, order), (half, order[::-1].copy())]
    raise PlanError(f"{call.kind}/{call.algorithm}: {links} rings at once have no schedule to unfold.")


def _played(machine: _Machine, schedule: Schedule, chips: IntArray, cost: Cost) -> TaskGraph:
    """The schedule over the group's links; what a rank sends in one step takes the step time of the price.

    Where it uses several links at once that is what it sends one rank; else what passes the busier of the ports at
    both ends.
    """
    graph = schedule_graph(schedule, machine.topology, chips.tolist())
    num_transfers, participants = len(schedule.step), schedule.num_ranks + schedule.num_switches
    if cost.phases[0].links > 1:
        sent_bytes = _shared_bytes(schedule, (schedule.src * participants + schedule.dst))
    else:
        sent_bytes = np.maximum(_shared_bytes(schedule, schedule.src), _shared_bytes(schedule, schedule.dst))
    rates = [(part.step_latency_s, part.bandwidth_bytes_per_s) for part in cost.phases for step in part.steps]
    repeats = [step.repeat for part in cost.phases for step in part.steps]
    latency_s, bandwidth = np.repeat(np.array(rates), repeats, axis=0).T
    at = np.minimum(schedule.step, len(latency_s) - 1)
    work_ticks, latency_ticks = np.zeros((2, graph.num_tasks), dtype=np.int64)
    work_ticks[:num_transfers] = to_ticks(latency_s[at] + sent_bytes / bandwidth[at])
    latency_ticks[:num_transfers] = to_ticks(latency_s[at])
    return replace(
        graph,
        work_ticks=work_ticks,
        latency_ticks=latency_ticks,
        route_link=graph.route_link + machine.num_memories,
        servers=machine.servers,
        links=machine.links,
        capacity_bytes_per_s=machine.capacity_bytes_per_s,
        routes_checked=True,
    )


def _shared_bytes(schedule: Schedule, port: IntArray) -> npt.NDArray[np.float64]:
    """For each transfer the bytes of its step that pass the same port. float64[T]."""
    _, which = np.unique(schedule.step * (port.max(initial=0) + 1) + port, return_inverse=True)
    return np.bincount(which, weights=schedule.nbytes.astype(np.float64))[which].astype(np.float64)
