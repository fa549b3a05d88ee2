"""Where the ranks of a run sit: on the chips of their numbers, or where a placer or a file puts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accelsim.hardware.system import System
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.plan import Plan
from accelsim.mapping.ranks import ChipGraph, RankPlacement, place_ranks, rank_traffic
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.warning import warn
from accelsim.workload.graph import Workload

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
        warnings: Collectives that are slower than in order, because algorithms of whole levels do not suit the chips.
    """

    found: RankPlacement
    in_order: RankPlacement
    warnings: tuple[str, ...] = ()

    @property
    def gain(self) -> float:
        """Time of the collectives of a pass in order over that of the placement; 1 is no gain."""
        return self.in_order.collective_s / self.found.collective_s

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "placer": self.found.placer,
            "chips": list(self.found.chips),
            "byte_hops": self.found.byte_hops,
            "collective_s": self.found.collective_s,
            "in_order_collective_s": self.in_order.collective_s,
            "gain": self.gain,
        }

    def __str__(self) -> str:
        return (
            f"ranks placed by {self.found.placer}: collectives of a pass {self.gain:.3g} times as fast as in order "
            f"({self.found.byte_hops:.3g} bytes x hops instead of {self.in_order.byte_hops:.3g})"
        )


def seat(share: Workload, plan: Plan, system: System, seed: int) -> Seating | None:
    """Where ``plan.ranks`` seats the ranks; None where the plan leaves them in order.

    Args:
        share: One rank's share of the pass that exchanges most.
        plan: Degrees, order, and who seats.
        system: Chips.
        seed: Of placers that draw random numbers.

    Raises:
        PlanError: The plan exchanges nothing between ranks.
        PlacementError: More ranks than chips, or a file for another number of ranks.
    """
    if plan.ranks is None:
        return None
    check_placer(plan.ranks)
    traffic, graph = rank_traffic(share, plan, system), ChipGraph(system)
    found, in_order = (place_ranks(traffic, graph, placer, seed, BUDGET) for placer in (plan.ranks, IN_ORDER))
    return Seating(found, in_order, tuple(_slower(share, plan, system, found)))


def seats_of(plan: Plan, seating: Seating | None) -> Seats:
    """Chips of the ranks of a plan."""
    in_order = tuple(range(plan.num_ranks))
    chips = in_order if seating is None else seating.found.chips
    return Seats(plan.num_ranks, None if chips == in_order else chips)


def _slower(share: Workload, plan: Plan, system: System, found: RankPlacement) -> Iterator[str]:
    """Collectives whose price in order is below that on the chips found."""
    seated = NetworkPricer(system, seats_of(plan, Seating(found, found)))
    in_order = NetworkPricer(system, Seats(plan.num_ranks))
    operators = dict.fromkeys(op for segment in share.segments for op in segment.graph if in_order.prices(op))
    for operator in operators:
        here, there = seated.cost(operator), in_order.cost(operator)
        if here.seconds > there.seconds:
            yield warn(
                "ranks-slower",
                f"{operator.name}: {here.algorithm} on the chips of ranks={plan.ranks} takes "
                f"{here.seconds / there.seconds:.3g} times as long as {there.algorithm} in order",
            )


def unfolded_seats(plan: Plan, seats: Seats) -> Seats:
    """The ranks to simulate one by one: one tensor-parallel group of neighbours, or all where groups are not alike."""
    is_first = plan.mesh.stride("tp") == 1 and seats.chips is None
    return Seats(plan.tp) if is_first else seats
