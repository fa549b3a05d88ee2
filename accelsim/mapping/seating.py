"""Where the ranks of a run sit: on the chips of their numbers, or where a placer or a file puts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.cost.cost import Cost
from accelsim.hardware.system import System
from accelsim.mapping.parallel.pipeline import deal, sends
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.plan import Plan
from accelsim.mapping.ranks import ChipGraph, RankPlacement, place_ranks, rank_traffic
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.operator import Operator

#: Placements that a placer of ranks may try.
BUDGET = 10_000
#: The placer of ranks in the order of their numbers.
IN_ORDER = "row_major"


@dataclass(frozen=True, eq=False)
class Seating:
    """Ranks of a run that a placer seated, beside ranks in order.

    Attributes:
        found: Where they sit, and what that costs.
        in_order: The same for rank ``r`` on chip ``r``.
        collective_s: Seconds of all that is between the ranks of a pass, at the prices of the run.
        in_order_collective_s: The same for rank ``r`` on chip ``r``.
        warnings: Collectives that are slower than in order, because algorithms of whole levels do not suit the chips.
    """

    found: RankPlacement
    in_order: RankPlacement
    collective_s: float
    in_order_collective_s: float
    warnings: tuple[str, ...] = ()

    @property
    def gain(self) -> float:
        """Time of the collectives of a pass in order over that of the placement; 1 is no gain."""
        return self.in_order_collective_s / self.collective_s

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "placer": self.found.placer,
            "chips": list(self.found.chips),
            "byte_hops": self.found.byte_hops,
            "collective_s": self.collective_s,
            "in_order_collective_s": self.in_order_collective_s,
            "gain": self.gain,
        }

    def __str__(self) -> str:
        return (
            f"ranks placed by {self.found.placer}: collectives of a pass {self.gain:.3g} times as fast as in order "
            f"({self.found.byte_hops:.3g} bytes x hops instead of {self.in_order.byte_hops:.3g})"
        )


def seat(share: Workload, plan: Plan, system: System, seed: int, played: Workload | None = None) -> Seating | None:
    """Where ``plan.ranks`` seats the ranks; None where the plan leaves them in order.

    Args:
        share: One rank's share of the pass that exchanges most, of all microbatches.
        plan: Degrees, order, and who seats.
        system: Chips.
        seed: Of placers that draw random numbers.
        played: One rank's share of one microbatch; None where the pass is not cut.

    Raises:
        PlanError: The plan exchanges nothing between ranks.
        PlacementError: More ranks than chips, or a file for another number of ranks.
    """
    if plan.ranks is None:
        return None
    check_placer(plan.ranks)
    traffic, graph = rank_traffic(share, plan, system), ChipGraph(system)
    found, in_order = (place_ranks(traffic, graph, placer, seed, BUDGET) for placer in (plan.ranks, IN_ORDER))
    between = _between_ranks(played or share, plan)
    seated, ordered = (_priced(between, NetworkPricer(system, _seats(plan, one))) for one in (found, in_order))
    totals = [
        plan.microbatches * sum(cost.work_s * between[op] for op, cost in way.items()) for way in (seated, ordered)
    ]
    return Seating(found, in_order, totals[0], totals[1], tuple(_slower(plan, seated, ordered)))


def seats_of(plan: Plan, seating: Seating | None) -> Seats:
    """Chips of the ranks of a plan.

    Args:
        plan: Degrees of parallelism; its ranks are numbered by its mesh.
        seating: What a placer or a file found; None: each rank on the chip of its number.
    """
    return Seats(plan.num_ranks) if seating is None else _seats(plan, seating.found)


def _seats(plan: Plan, placed: RankPlacement) -> Seats:
    in_order = tuple(range(plan.num_ranks))
    return Seats(plan.num_ranks, None if placed.chips == in_order else placed.chips)


def _between_ranks(share: Workload, plan: Plan) -> dict[Operator, int]:
    """What runs between ranks in a pass of one microbatch over all stages, and how often."""
    found: dict[Operator, int] = {}
    for segment in share.segments:
        for operator in segment.graph:
            found[operator] = found.get(operator, 0) + segment.repeat
    if plan.pp > 1:
        for send in sends(share, deal(share, plan.pp), plan.mesh):
            found[send] = found.get(send, 0) + 1
    return found


def _priced(operators: Mapping[Operator, int], pricer: NetworkPricer) -> dict[Operator, Cost]:
    return {operator: pricer.cost(operator) for operator in operators if pricer.prices(operator)}


def _slower(plan: Plan, seated: Mapping[Operator, Cost], ordered: Mapping[Operator, Cost]) -> Iterator[str]:
    """Collectives whose price in order is below that on the chips found."""
    for operator, here in seated.items():
        there = ordered[operator]
        if here.work_s > there.work_s:
            yield warn(
                "ranks-slower",
                f"{operator.name}: {here.call.algorithm} on the chips of ranks={plan.ranks} takes "
                f"{here.work_s / there.work_s:.3g} times as long as {there.call.algorithm} in order",
            )


def unfolded_seats(plan: Plan, seats: Seats) -> Seats:
    """The ranks to simulate one by one: one tensor-parallel group of neighbours, or all where groups are not alike.

    Args:
        plan: Degrees of parallelism.
        seats: Chips of all its ranks.
    """
    is_first = plan.mesh.stride("tp") == 1 and seats.chips is None
    return Seats(plan.tp) if is_first else seats
