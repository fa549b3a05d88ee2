"""What a collective takes on given chips, all groups of its kind at once: laid over the graph of the system.

For groups that do not lie on whole levels: ranks placed by a placer or a file, strides that cross a level unevenly.
Groups that play at once share the links that their ways have in common, and the slowest group counts.

Not modelled: algorithms that are no list of messages between ranks (in-network reduction, hierarchical, rings along the
dimensions of a torus); a ring or another of the registry takes their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from accelsim.cost.call import Call
from accelsim.cost.cost import Cost
from accelsim.errors import ConfigError
from accelsim.hardware.system import System
from accelsim.network.collective import fastest_protocol
from accelsim.network.collectives.base import CollectiveAlgorithm, algorithms_of, get_algorithm
from accelsim.network.collectives.hierarchical import NAME as HIERARCHICAL
from accelsim.network.collectives.schedule import Schedule
from accelsim.network.library import menu
from accelsim.network.on_graph import FloatArray, IntArray, Routes, SpreadStep, routes_of, steps_on_graph
from accelsim.network.residual import rated
from accelsim.network.topology.levels import LevelledTopology, join_levels

#: Most ways between chips that are looked up for one algorithm; beyond it only rings are tried.
MAX_WAYS = 1 << 15


class PlacedNetwork:
    """The chips of a system as one graph, and what collectives between any of them take."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._levels = tuple(system.levels.values())

    @cached_property
    def graph(self) -> LevelledTopology:
        """All chips with the links of all levels."""
        return join_levels(self._levels)

    def cost(self, kind: str, nbytes: int, chips: IntArray, channels: int = 0) -> Cost:
        """The fastest of :meth:`choices`.

        Args:
            kind: ``all_reduce``, ``all_to_all``, ``send_recv`` ...
            nbytes: Size of the call as nccl-tests count it.
            chips: Chip of each rank of each group. int64[groups, ranks].
            channels: Channels of a send; 0 for as many as two ranks alone have.

        Raises:
            ConfigError: No algorithm of the kind is a list of messages between ranks.
        """
        return rated(min(self._choices(kind, nbytes, chips, channels), key=lambda cost: cost.work_s), self._system)

    def choices(self, kind: str, nbytes: int, chips: IntArray) -> list[Cost]:
        """What each algorithm of the outermost level takes; of all where it lists none that has messages.

        Args:
            kind: ``all_reduce``, ``all_to_all``, ``send_recv`` ...
            nbytes: Size of the call as nccl-tests count it.
            chips: Chip of each rank of each group. int64[groups, ranks].

        Raises:
            ConfigError: As :meth:`cost`.
        """
        return [rated(cost, self._system) for cost in self._choices(kind, nbytes, chips)]

    def _choices(self, kind: str, nbytes: int, chips: IntArray, channels: int = 0) -> list[Cost]:
        """The choices before it is said how far measured times may lie from them."""
        index = self._outermost(chips)
        call = Call(kind, nbytes, chips.shape[1], channels=channels)
        names, _ = menu(kind, self._levels[index].collectives)
        costs = [cost for name in names if (cost := self._cost(replace(call, algorithm=name), chips, index))]
        if not costs:
            every = algorithms_of(kind)
            costs = [cost for name in every if (cost := self._cost(replace(call, algorithm=name), chips, index))]
        if not costs:
            raise ConfigError(f"{kind}: no algorithm of it says which of {chips.shape[1]} ranks send to which.")
        return costs

    def _outermost(self, chips: IntArray) -> int:
        """The last level within whose members some group does not stay."""
        inner, found = 1, 0
        for index, level in enumerate(self._levels):
            members = chips // inner
            if (members != members[:, :1]).any():
                found = index
            inner *= level.size
        return found

    def _cost(self, call: Call, chips: IntArray, index: int) -> Cost | None:
        kind, name, nbytes, outer = call.kind, call.algorithm, call.nbytes, self._levels[index]
        schedule = _messages(kind, name, nbytes, chips)
        if schedule is None:
            return None
        is_ring = get_algorithm(kind, name).pattern == "ring"
        members = chips // math.prod(level.size for level in self._levels[:index])
        outside = chips.shape[1] - int(np.unique(members[0], return_counts=True)[1].max())
        steps = self._steps(schedule, chips)
        one_way = fastest_protocol(call, outer, self._paced(steps, members, index) if is_ring else steps, outside)
        half = _messages(kind, name, -(-nbytes // 2), chips) if is_ring else None
        if half is None:
            return one_way
        # A ring may run both ways round at once, with half of the bytes each; through a switch that gains nothing.
        steps = self._steps(half, np.concatenate([chips, chips[:, ::-1]]))
        both_ways = fastest_protocol(call, outer, self._paced(steps, members, index))
        phases = [replace(phase, links=2) for phase in both_ways.phases]
        both_ways = Cost.of_call(both_ways.call, both_ways.launch_s, phases, both_ways.warnings)
        return min(one_way, both_ways, key=lambda cost: cost.work_s)

    def _paced(self, steps: Sequence[SpreadStep], members: IntArray, index: int) -> tuple[SpreadStep, ...]:
        """Steps of a ring: as many wait for the outermost level as there are hops over it, if it has channels."""
        if index == 0 or self._levels[index].collectives.channels is None:
            return tuple(steps)
        share = float((members != np.roll(members, -1, axis=1)).mean(axis=1).max())
        inside = self._levels[index - 1]
        found = []
        for step in steps:
            mine = math.ceil(step.repeat * share)
            found.append(replace(step, repeat=mine))
            if mine < step.repeat:
                rest = replace(step, repeat=step.repeat - mine, latency_s=inside.link.latency_s, crosses=inside)
                found.append(rest)
        return tuple(found)

    def _steps(self, schedule: Schedule, chips: IntArray) -> tuple[SpreadStep, ...]:
        routes = routes_of(schedule, chips, self.graph)
        return steps_on_graph(schedule, routes, self.graph, self._levels, self._shared(routes))

    def _shared(self, routes: Routes) -> FloatArray:
        """Chips of a group that take turns at its ports, for each link. float64[links]."""
        topology = self.graph.topology
        shared = np.ones(topology.num_links)
        used = np.unique(routes.link)
        inner = 1
        for index, level in enumerate(self._levels):
            ports = level.spec.ports_per_group
            if ports is not None:
                mine = used[self.graph.level[used] == index]
                for end in (topology.src, topology.dst):
                    at_chip = mine[end[mine] < topology.num_chips]
                    groups = end[at_chip] // inner
                    crowd = np.bincount(groups, minlength=1)[groups] / ports
                    shared[at_chip] = np.maximum(shared[at_chip], crowd)
            inner *= level.size
        return shared


def _messages(kind: str, name: str, nbytes: int, chips: IntArray) -> Schedule | None:
    """The messages of an algorithm within a group; None where it has none, or too many."""
    algorithm = None if name == HIERARCHICAL else get_algorithm(kind, name)
    if algorithm is None or not _is_list_of_messages(algorithm, chips.shape[1]):
        return None
    if algorithm.pattern != "ring" and chips.size * (chips.shape[1] - 1) > MAX_WAYS:
        return None
    schedule = algorithm.messages(nbytes, (chips.shape[1],))
    return schedule if len(schedule.step) and not schedule.num_switches else None


def _is_list_of_messages(algorithm: CollectiveAlgorithm, num_ranks: int) -> bool:
    return not algorithm.follows_grid and not algorithm.topologies and algorithm.fits((num_ranks,))
