"""Ranks of a plan on the chips of a system: the placers of tiles, on a graph of chips.

Items are ranks of one tile, wires are the bytes that the plan's collectives send between two ranks in one pass, and the
grid is the chips in the order of their numbers, a row per group of the innermost level (or per line of its last
dimension).  The cost is link seconds: bytes times the time that every link of their route needs for one of them, so
that a slow level between nodes weighs more than a fast one inside.  For what a placement is worth, all groups play
their collectives at once on the links.

A plan with ``ranks=`` runs on the chips found here (:func:`accelsim.mapping.seating.seat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.config.bounds import CountOrNone
from accelsim.config.loader import Document, load_document, parse_document, validate
from accelsim.config.schema import Spec
from accelsim.engine.run import simulate
from accelsim.engine.template import concatenate
from accelsim.errors import PlacementError, PlanError
from accelsim.hardware.system import System
from accelsim.mapping.parallel.pipeline import deal, sends
from accelsim.mapping.placement.arrange import arrange
from accelsim.mapping.placement.base import PLACEMENT_SUFFIXES, PLACERS, Item, ItemWire, PlacementProblem
from accelsim.mapping.plan import Plan
from accelsim.network.collectives.base import get_algorithm
from accelsim.network.collectives.schedule import Schedule
from accelsim.network.noc import Rectangle
from accelsim.network.play import schedule_graph
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.network.topology.base import Topology
from accelsim.network.topology.levels import join_levels
from accelsim.workload.graph import Workload
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GroupTraffic:
    """A collective, or a transfer, that groups like one another play at once.

    Attributes:
        members: Ranks of each group. int64[groups, size].
        schedule: Messages within a group.
        times: How often it runs in a pass.
    """

    members: npt.NDArray[np.int64]
    schedule: Schedule
    times: int


@dataclass(frozen=True, eq=False)
class RankTraffic:
    """What the ranks of one pass send each other.

    Attributes:
        num_ranks: Ranks of the plan.
        collectives: Distinct collectives.
    """

    num_ranks: int
    collectives: tuple[GroupTraffic, ...]

    @cached_property
    def wires(self) -> tuple[ItemWire, ...]:
        """Bytes of a pass between two ranks, both ways together, all groups."""
        sums = np.zeros((self.num_ranks, self.num_ranks))
        for one in self.collectives:
            ranks = one.members
            nbytes = np.broadcast_to(one.schedule.nbytes * float(one.times), (len(ranks), len(one.schedule.src)))
            np.add.at(sums, (ranks[:, one.schedule.src], ranks[:, one.schedule.dst]), nbytes)
        sums = np.triu(sums + sums.T)
        return tuple(ItemWire(int(a), int(b), float(sums[a, b])) for a, b in np.argwhere(sums > 0))


def rank_traffic(share: Workload, plan: Plan, system: System) -> RankTraffic:
    """The collectives of a pass by the algorithms that are fastest on ``system``, and what stages send to the next.

    Each stage of a pipeline plays the collectives of its own layers.  Algorithms that switches carry out, or that have
    no list of transfers, are taken as rings.

    Args:
        share: One rank's share of all that a replica works on, of all layers, not cut into microbatches.
        plan: Degrees and order.
        system: Chips.

    Raises:
        PlanError: One chip per replica: nothing is exchanged.
    """
    stages = deal(share, plan.pp) if plan.pp > 1 else (share,)
    pricer, seats = NetworkPricer(system, Seats(plan.num_ranks)), Seats(plan.num_ranks)
    found: list[GroupTraffic] = []
    for stage, part in enumerate(stages):
        for (group, kind, nbytes, algorithm), times in _counts(part, pricer).items():
            members = seats.groups(group)
            here = members[members[:, 0] // plan.mesh.stride("pp") % plan.pp == stage]
            found.append(GroupTraffic(here, schedule_of(kind, nbytes, algorithm, group.size), times))
    for send in sends(share, stages, plan.mesh):
        schedule = schedule_of(send.kind, send.nbytes, "direct", 2)
        found.append(GroupTraffic(seats.pairs(send.group, send.source), schedule, 1))
    if not found:
        raise PlanError(
            f"plan: {plan} exchanges nothing between ranks. Ask for tp or pp > 1, or execution=spatial for tiles."
        )
    return RankTraffic(plan.num_ranks, tuple(found))


def _counts(part: Workload, pricer: NetworkPricer) -> dict[tuple[Group, str, int, str], int]:
    """How often a rank plays each collective: group, function, bytes and algorithm."""
    counts: dict[tuple[Group, str, int, str], int] = {}
    for segment in part.segments:
        for operator in segment.graph:
            if isinstance(operator, Collective) and operator.group.size > 1:
                key = operator.group, operator.function, operator.nbytes, pricer.cost(operator).call.algorithm
                counts[key] = counts.get(key, 0) + segment.repeat
    return counts


def schedule_of(kind: str, nbytes: int, algorithm: str, num_ranks: int) -> Schedule:
    """Messages of a collective by the algorithm, or by a ring where that is no list of messages.

    Args:
        kind: Collective, e.g. ``all_reduce``.
        nbytes: Of the call.
        algorithm: Name in the registry, or of a kernel.
        num_ranks: Ranks of the group.

    Raises:
        PlanError: Nothing of its kind says which ranks send to which.
    """
    for name in (algorithm, "ring", "direct"):
        try:
            member = get_algorithm(kind, name)
        except ValueError:  # this kind has no ring
            continue
        if member.follows_grid or not member.fits((num_ranks,)):
            continue
        schedule = member.messages(nbytes, (num_ranks,))
        if not schedule.num_switches and len(schedule.step):
            return schedule
    raise PlanError(f"{kind}: no algorithm of it says which ranks send to which.")


class ChipGraph:
    """The chips of a system as a grid for placers, with the cost of a byte between any two.

    Args:
        system: Chips joined by levels.

    Raises:
        PlanError: A single chip.
    """

    def __init__(self, system: System) -> None:
        if system.num_chips < 2:
            raise PlanError(f"{system.name}:1 has one chip; there is nothing to place ranks on.")
        levels = list(system.levels.values())
        self.topology: Topology = join_levels(levels).topology
        cols = levels[0].shape[-1]
        self.grid = system.num_chips // cols, cols

    @cached_property
    def hops(self) -> FloatArray:
        """Links between two chips. float64[chips, chips]."""
        return self._over(np.ones(self.topology.num_links))

    @cached_property
    def link_s_per_byte(self) -> FloatArray:
        """Time that a byte from chip to chip takes of all links together. float64[chips, chips]."""
        return self._over(1.0 / self.topology.capacity_bytes_per_s)

    def _over(self, per_link: FloatArray) -> FloatArray:
        chips = range(self.topology.num_chips)
        rows = [[float(per_link[list(self.topology.route(a, b))].sum()) for b in chips] for a in chips]
        return np.array(rows)

    def chips_of(self, rectangles: Sequence[Rectangle]) -> npt.NDArray[np.int64]:
        """Chip of each rank. int64[ranks]."""
        return np.array([r.row * self.grid[1] + r.col for r in rectangles], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class RankPlacement:
    """Ranks on chips, and what that costs.

    Attributes:
        placer: Who placed them.
        chips: Chip of each rank.
        byte_hops: Bytes of a pass times the links they cross.
        link_s: Seconds of links that a pass takes; what placers compare.
        bound_link_s: A value that no placement falls below.
        collective_s: Simulated time of the collectives of a pass, all groups at once.
    """

    placer: str
    chips: tuple[int, ...]
    byte_hops: float
    link_s: float
    bound_link_s: float
    collective_s: float

    @property
    def gap(self) -> float:
        """How far above the bound, as a fraction."""
        return self.link_s / self.bound_link_s - 1

    def to_yaml(self) -> str:
        """The file; :func:`parse_ranks` reads the chips back."""
        return (
            "# Chip of each rank, in the order in which the plan numbers them.\n"
            f"schema_version: 1\nkind: ranks\nplacer: {self.placer}\nchips: {list(self.chips)}\n"
        )


class RanksSpec(Spec):
    """A file of ranks on chips."""

    schema_version: Literal[1]
    kind: Literal["ranks"]
    placer: str = Field(description="Who made it.")
    chips: tuple[CountOrNone, ...] = Field(description="Chip of each rank.")


def load_ranks(path: str) -> tuple[int, ...]:
    """Chip of each rank from a file.

    Raises:
        ConfigError: Malformed; every problem with file and line.
        PlacementError: Two ranks on one chip.
    """
    return _chips_in(load_document(path))


def parse_ranks(text: str) -> tuple[int, ...]:
    """The same from the text of a file."""
    return _chips_in(parse_document(text, "ranks"))


def _chips_in(document: Document) -> tuple[int, ...]:
    chips = validate(document, RanksSpec).spec.chips
    if len(set(chips)) < len(chips):
        twice = next(chip for chip in chips if chips.count(chip) > 1)
        raise PlacementError(f"{document.where('chips')}: chip {twice} holds two ranks. Give each rank its own.")
    return chips


def place_ranks(traffic: RankTraffic, graph: ChipGraph, placer: str, seed: int, budget: int) -> RankPlacement:
    """Ranks on chips by a placer, or by a file of chips.

    Args:
        traffic: Bytes between every two ranks in one pass.
        graph: The chips, and the link seconds of a byte between every two.
        placer: Name of a placer, or the path of a file of chips.
        seed: Seed of the placer; a file needs none.
        budget: Evaluations that the placer may make.

    Raises:
        PlacementError: More ranks than chips, or a file for another number of ranks.
    """
    num_ranks, num_chips = traffic.num_ranks, graph.topology.num_chips
    if num_ranks > num_chips:
        raise PlacementError(f"{num_ranks} ranks on {num_chips} chips. Ask for more chips, or lower tp or dp.")
    a, b, nbytes = PlacementProblem(graph.grid, (), traffic.wires).ends
    idle = [Item(f"idle{i}", 1) for i in range(num_chips - num_ranks)]

    ranks = tuple(Item(f"rank{i}", 1) for i in range(num_ranks))
    problem = PlacementProblem(graph.grid, (*ranks, *idle), traffic.wires, between=graph.link_s_per_byte)
    if placer.endswith(PLACEMENT_SUFFIXES):
        chips = np.array(load_ranks(placer), dtype=np.int64)
        if len(chips) != num_ranks or chips.max() >= num_chips:
            raise PlacementError(
                f"{placer}: {len(chips)} ranks up to chip {chips.max()}; {num_ranks} of {num_chips}. "
                "Make a file for this plan and system: accelsim place MODEL --on SYSTEM --plan PLAN --save FILE."
            )
    else:
        found = arrange(problem, PLACERS.get(placer), np.random.default_rng(seed), budget)
        chips = graph.chips_of(found)[:num_ranks]
    return RankPlacement(
        placer=placer,
        chips=tuple(chips.tolist()),
        byte_hops=float(nbytes @ graph.hops[chips[a], chips[b]]),
        link_s=float(nbytes @ graph.link_s_per_byte[chips[a], chips[b]]),
        bound_link_s=_bound(traffic, graph.link_s_per_byte),
        collective_s=_collective_s(traffic, graph.topology, chips),
    )


def _bound(traffic: RankTraffic, per_byte: FloatArray) -> float:
    """Every rank as if it had the chip with the nearest neighbours, its heaviest partner on the nearest of them."""
    partners: dict[int, list[float]] = {}
    for wire in traffic.wires:
        partners.setdefault(wire.a, []).append(wire.nbytes)
        partners.setdefault(wire.b, []).append(wire.nbytes)
    nearest = np.sort(per_byte + np.diag(np.full(len(per_byte), np.inf)), axis=1)
    return sum(float((nearest[:, : len(sent)] @ np.sort(np.array(sent))[::-1]).min()) / 2 for sent in partners.values())


def _collective_s(traffic: RankTraffic, topology: Topology, chips: npt.NDArray[np.int64]) -> float:
    """Time of all collectives of a pass, one after another, each played by all groups at once on idle links."""
    total = 0.0
    for one in traffic.collectives:
        graphs = [schedule_graph(one.schedule, topology, group.tolist()) for group in chips[one.members]]
        links = [replace(graph, labels=graphs[0].labels) for graph in graphs]
        total += one.times * simulate(concatenate(links) if len(links) > 1 else links[0]).makespan_s
    return total
