"""What a collective takes on given chips, all groups of its kind at once: laid over the graph of the system.

For groups that do not lie on whole levels: ranks placed by a placer or a file, strides that cross a level unevenly.
Groups that play at once share the links that their ways have in common, and the slowest group counts.

Not modelled: algorithms that are no list of messages between ranks (in-network reduction, hierarchical, rings along the
dimensions of a torus); a ring or another of the registry takes their place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from accelsim.cost.call import Call
from accelsim.cost.cost import Cost
from accelsim.errors import ConfigError
from accelsim.hardware.level import SystemLevel
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

    def cost(self, kind: str, nbytes: int, chips: IntArray) -> Cost:
        """The fastest of :meth:`choices`.

        Args:
            kind: ``all_reduce``, ``all_to_all``, ``send_recv`` ...
            nbytes: Size of the call as nccl-tests count it.
            chips: Chip of each rank of each group. int64[groups, ranks].

        Raises:
            ConfigError: No algorithm of the kind is a list of messages between ranks.
        """
        return rated(min(self._choices(kind, nbytes, chips), key=lambda cost: cost.work_s), self._system)

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

    def _choices(self, kind: str, nbytes: int, chips: IntArray) -> list[Cost]:
        """The choices before it is said how far measured times may lie from them."""
        outer = self._levels[self._outermost(chips)]
        names, _ = menu(kind, outer.collectives)
        costs = [cost for name in names if (cost := self._cost(kind, name, nbytes, chips, outer))]
        if not costs:
            costs = [cost for name in algorithms_of(kind) if (cost := self._cost(kind, name, nbytes, chips, outer))]
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

    def _cost(self, kind: str, name: str, nbytes: int, chips: IntArray, outer: SystemLevel) -> Cost | None:
        schedule = _messages(kind, name, nbytes, chips)
        if schedule is None:
            return None
        call = Call(kind, nbytes, chips.shape[1], name)
        one_way = fastest_protocol(call, outer, self._steps(schedule, chips))
        half = _messages(kind, name, -(-nbytes // 2), chips) if get_algorithm(kind, name).pattern == "ring" else None
        if half is None:
            return one_way
        # A ring may run both ways round at once, with half of the bytes each; through a switch that gains nothing.
        both_ways = fastest_protocol(call, outer, self._steps(half, np.concatenate([chips, chips[:, ::-1]])))
        phases = [replace(phase, links=2) for phase in both_ways.phases]
        both_ways = Cost.of_call(both_ways.call, both_ways.launch_s, phases, both_ways.warnings)
        return min(one_way, both_ways, key=lambda cost: cost.work_s)

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
