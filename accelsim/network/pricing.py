"""What operators between ranks take on a system: each group priced where its ranks sit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from accelsim.cost.call import DEFAULT_LIBRARY, Call
from accelsim.cost.cost import Cost
from accelsim.hardware.level import FASTEST_LIBRARY
from accelsim.hardware.system import System
from accelsim.network.channels import send_channels
from accelsim.network.collective import collective_steps
from accelsim.network.exchange import has_expert_kernels, price_exchange
from accelsim.network.placed import PlacedNetwork
from accelsim.network.seats import Seats
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.exchange import Exchange
from accelsim.workload.operators.send_recv import SendRecv


class NetworkPricer:
    """Prices collectives, exchanges of tokens and transfers between ranks.

    Args:
        system: Chips and levels.
        seats: Chip of each rank; None seats the ranks of one group on the first chips.
    """

    def __init__(self, system: System, seats: Seats | None = None) -> None:
        self._system = system
        self._seats = seats
        self._placed = PlacedNetwork(system)
        self._alike: dict[tuple[str, int, Group], Cost] = {}

    def prices(self, operator: Operator) -> bool:
        """Whether the operator is one between ranks."""
        return operator.kind in _PRICES

    def cost(self, operator: Operator) -> Cost:
        """Cost of an operator between ranks on an idle network but for the groups that play it at once.

        Raises:
            ConfigError: The group is larger than the system.
        """
        return _PRICES[operator.kind](self, operator)

    def _collective(self, operator: Operator) -> Cost:
        """Layers and residual additions call for the same bytes over and over."""
        op = cast(Collective, operator)
        key = op.function, op.nbytes, op.group
        if key not in self._alike:
            seats = self._seats_for(op)
            on_levels = seats.follow_levels(op.group, self._system)
            self._alike[key] = self._on_levels(op) if on_levels else self._placed.cost(*key[:2], seats.groups(op.group))
        return self._alike[key]

    def _on_levels(self, op: Collective) -> Cost:
        """By the library of the system where the outermost level that the group spans has it."""
        size, stride = op.group.size, op.group.stride
        span = self._system.group(size, stride)
        library = self._system.library
        if not span or library not in {FASTEST_LIBRARY, *span[-1].level.spec.libraries}:
            library = DEFAULT_LIBRARY
        return collective_steps(Call(op.function, op.nbytes, size, library=library), self._system, stride)

    def _exchange(self, operator: Operator) -> Cost:
        op = cast(Exchange, operator)
        if self._seats_for(op).follow_levels(op.group, self._system) and has_expert_kernels(op, self._system):
            return price_exchange(op, self._system)
        return self._collective(op)

    def _send_recv(self, operator: Operator) -> Cost:
        op = cast(SendRecv, operator)
        seats = self._seats or Seats(op.group.size * op.group.stride)
        span = self._system.group(op.group.size, op.group.stride)
        inside = op.group.size // span[-1].members if span else op.group.size
        channels = send_channels(op.group.size, max(1, inside))
        return self._placed.cost("send_recv", op.nbytes, seats.pairs(op.group, op.source), channels)

    def _seats_for(self, operator: Collective) -> Seats:
        return self._seats or Seats(operator.group.size * operator.group.stride)


#: How the operators between ranks are priced, by kind.
_PRICES: Mapping[str, Callable[[NetworkPricer, Operator], Cost]] = {
    "collective": NetworkPricer._collective,
    "exchange": NetworkPricer._exchange,
    "send_recv": NetworkPricer._send_recv,
}


def price_collective(operator: Collective, system: System) -> Cost:
    """Cost of a collective whose first group lies on the first chips.

    Args:
        operator: The collective with its group and its bytes.
        system: Where it runs.
    """
    return NetworkPricer(system).cost(operator)
