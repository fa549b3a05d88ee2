"""What ran, for the ledger: executions of operators and movements of bytes, equal ones together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from accelsim.cost.cost import Cost
from accelsim.workload.operator import Operator, role_bytes

FloatArray = npt.NDArray[np.float64]

#: Kind of a booking, or of a task, that only moves bytes.
TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, eq=False)
class Booking:
    """Equal executions of one operator, or equal movements of bytes.

    Attributes:
        block: Block or part of the model that it belongs to.
        name: Of the operator in its block, or of the movement.
        cost: Of one execution on one chip.
        count: Executions on all chips together.
        operator: One chip's share; None of a movement between operators, which computes nothing.
    """

    block: str
    name: str
    cost: Cost
    count: int
    operator: Operator | None = None

    @classmethod
    def of(cls, block: str, operator: Operator, cost: Cost, count: int) -> Booking:
        """Executions of ``operator``, under its name.

        Args:
            block: Name of the block that the row of the ledger belongs to.
            operator: What ran.
            cost: Of one execution.
            count: How often it ran, on all chips together.
        """
        return cls(block, operator.name, cost, count, operator)

    @property
    def kind(self) -> str:
        """Kind of the operator, or ``transfer``."""
        return TRANSFER if self.operator is None else self.operator.kind

    @property
    def flops(self) -> int:
        """Floating-point operations of one execution."""
        return 0 if self.operator is None else self.operator.flops

    def role_bytes(self, level: str) -> dict[str, float]:
        """Bytes that one execution moves over ``level``, by tensor role.

        A cost model may read an operand more than once: what moved is spread over the roles that must move.
        """
        if self.operator is None or not self.cost.on_cores:
            return {}
        compulsory = role_bytes(self.operator)
        moved = self.cost.traffic_bytes.get(level, 0.0) / max(1, sum(compulsory.values()))
        return {role.value: nbytes * moved for role, nbytes in compulsory.items() if nbytes}


class OnDemand(Sequence[Booking]):
    """Bookings that are worked out when they are first read: a plan that is only timed needs none.

    Args:
        book: Gives them.
    """

    def __init__(self, book: Callable[[], Iterable[Booking]]) -> None:
        self._book = book

    @cached_property
    def _all(self) -> tuple[Booking, ...]:
        return tuple(self._book())

    @overload
    def __getitem__(self, index: int) -> Booking: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Booking]: ...
    def __getitem__(self, index: int | slice) -> Booking | Sequence[Booking]:
        """One of them, or several."""
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)


@dataclass(frozen=True, slots=True, eq=False)
class Overlapped:
    """What one graph executes whose tasks run side by side and are not one operator each.

    Attributes:
        bookings: What ran, all chips.
        alone_s: Time of each task alone, by cause. float64[T] each.
        kinds: For each label of the graph, the kind of its tasks, e.g. ``"attn"`` or ``"transfer"``.
        alike: Chips that each do what one of them does; every count of a booking is a multiple of it.
    """

    bookings: Sequence[Booking]
    alone_s: Mapping[str, FloatArray]
    kinds: tuple[str, ...]
    alike: int = 1

    def times(self, replicas: int) -> Overlapped:
        """The same for so many replicas, of which the graph shows one.

        Args:
            replicas: Sets of chips that do the same.
        """
        if replicas == 1:
            return self
        every = OnDemand(lambda: (replace(one, count=one.count * replicas) for one in self.bookings))
        return replace(self, bookings=every, alike=self.alike * replicas)
