"""The ledger of a run in which everything overlaps: the latency by cause is that of the critical path.

Rows keep the time of every execution, so operators that overlap sum to more than the latency.  Of chips that do the
same (the ranks of a stage) one gives the count and the time, all give the bytes, FLOPs and joules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from accelsim.engine.program import StageTimeline
from accelsim.mapping.booking import Booking, Overlapped
from accelsim.results.account import Ledger, OperatorRow, total_ledger
from accelsim.results.path import CriticalPart, critical_parts


def account_overlapped(ran: Overlapped, stage: StageTimeline, main_memory: str) -> Ledger:
    """Book a run of one graph: rows from what ran, causes from the critical path.

    Args:
        ran: Executions and movements of the run, with the time each task takes alone.
        stage: The graph of the run and when its tasks ran.
        main_memory: Name of the memory level whose bytes are booked by tensor role.

    Raises:
        VerificationError: The causes do not add up to the makespan.
    """
    of_row: dict[tuple[str, str], list[Booking]] = defaultdict(list)
    for booking in ran.bookings:
        of_row[booking.block, booking.name].append(booking)
    graph, timeline = stage.stage.graph, stage.timeline
    critical = critical_parts(graph, timeline, ran.alone_s, stage.stage.name)
    rows = [_row(bookings, ran.alike, main_memory) for bookings in of_row.values()]
    return total_ledger(rows, _by_cause(critical), timeline.makespan_s, critical)


def _row(bookings: list[Booking], alike: int, main_memory: str) -> OperatorRow:
    """All executions of one operator, or all movements of one name; ``alike`` chips each do a share of them."""
    time_s, energy_j, rest_s = 0.0, 0.0, 0.0
    parts_s: dict[str, float] = defaultdict(float)
    traffic: dict[str, float] = defaultdict(float)
    roles: dict[str, float] = defaultdict(float)
    for booking in bookings:
        cost, count = booking.cost, booking.count
        each = count // alike
        time_s += cost.work_s * each
        energy_j += cost.energy_j * count
        rest_s += cost.rest_s * each
        for sums, values, times in (
            (parts_s, cost.parts_s, each),
            (traffic, cost.traffic_bytes, count),
            (roles, booking.role_bytes(main_memory), count),
        ):
            for name, value in values.items():
                sums[name] += value * times
    first = bookings[0]
    return OperatorRow(
        block=first.block,
        operator=first.name,
        kind=first.kind,
        count=sum(booking.count // alike for booking in bookings),
        time_s=time_s,
        parts_s=dict(parts_s),
        limiter=max(parts_s, key=parts_s.__getitem__, default="none"),
        flops=sum(booking.flops * booking.count for booking in bookings),
        traffic_bytes=dict(traffic),
        role_bytes=dict(roles),
        energy_j=energy_j,
        rest_s=rest_s,
    )


def _by_cause(parts: Iterable[CriticalPart]) -> dict[str, float]:
    causes: dict[str, float] = defaultdict(float)
    for part in parts:
        causes[part.cause] += part.time_s
    return dict(causes)
