"""Which residual each second of a run's critical path stands under."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from accelsim.cost.base import whole_run_residual
from accelsim.cost.residual import ASSUMED, FITTED, KERNEL_STACK, Residual
from accelsim.hardware.profile import GRAPH, LaunchProfile
from accelsim.hardware.system import System
from accelsim.mapping.booking import Overlapped
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.servers import HOST, NOC
from accelsim.mapping.waits import BETWEEN_CAUSES
from accelsim.results.account import EXPOSED_COMMUNICATION, IDLE, Ledger
from accelsim.results.band import Band, band_of, later_of, log_deviation_of_sum
from accelsim.results.path import CriticalPart

#: Of transfers between rectangles and of loads from a host, priced at the published rates of their links.
TRANSFERS = Residual("transfers", 0.1, ASSUMED)

#: Of the host's dispatches: an operator takes 0.6 to 1.8 times the middle of ten hosts (docs/assumptions.md GPU-19).
HOST_TIME = Residual(HOST, 0.33, ASSUMED)


def band_of_run(
    mapped: Mapped, ledger: Ledger, system: System, profile: LaunchProfile = GRAPH, host_s: float = 0.0
) -> Band:
    """The error band of a run's latency.

    A part of the critical path stands under the residual of its operator; the widest, where an operator was priced
    more than once (steps of a decode, some outside the calibrated range).  A group of operators on one rectangle of
    tiles is divided among its families as all operators are.  Idle time has no residual.

    Args:
        mapped: What ran, with its prices.
        ledger: Its critical path.
        system: Where it ran.
        profile: Launch profile; where it states the spread of whole runs, the band is as wide at least.
        host_s: Time in which a host dispatched operators; the later of host and device then decides each end.
    """
    by_operator = _by_operator(mapped)
    mix = _mix(mapped.overlapped) if mapped.overlapped is not None else {}
    times: dict[Residual, float] = {}
    for part in _on_device(ledger) if host_s else ledger.critical:
        for residual, share in _shares(part, by_operator, mix):
            times[residual] = times.get(residual, 0.0) + part.time_s * share
    whole = _of_framework(times, profile) or whole_run_residual(system.chip)
    device = band_of(times, whole)
    return later_of(device, band_of({HOST_TIME: host_s}, whole)) if host_s else device


def _of_framework(times: Mapping[Residual, float], profile: LaunchProfile) -> Residual | None:
    """The residual of whole runs that widens that of the kernels to the spread of the framework's runs, if known.

    The spread of runs around a fitted profile holds the errors of their kernels.  Kernels that are less sure than
    those of the fitted runs (outside their range, of another chip) keep their own, wider, spread.
    """
    known = profile.spread
    if known is None:
        return None
    left = max(known.log_deviation**2 - log_deviation_of_sum(times) ** 2, 0.0)
    return Residual(KERNEL_STACK.family, math.sqrt(left), FITTED)


def _on_device(ledger: Ledger) -> Iterator[CriticalPart]:
    """What the device would take with a host that is always ahead: its operators and the collectives nothing hides."""
    rows = [row for row in ledger.rows if row.kind != "collective"]
    yield from (CriticalPart(row.block, row.operator, "", row.limiter, row.time_s) for row in rows)
    name = next((row.operator for row in ledger.rows if row.kind == "collective"), "")
    yield CriticalPart("", name, "", EXPOSED_COMMUNICATION, ledger.exposed_s)


def _shares(
    part: CriticalPart, by_operator: dict[str, Residual], mix: dict[Residual, float]
) -> Iterator[tuple[Residual, float]]:
    if part.cause == IDLE:
        yield Residual(IDLE, 0.0), 1.0
    elif part.operator in by_operator:
        yield by_operator[part.operator], 1.0
    elif part.cause in (NOC, *BETWEEN_CAUSES) or not mix:
        yield TRANSFERS, 1.0
    else:
        yield from mix.items()


def _by_operator(mapped: Mapped) -> dict[str, Residual]:
    """Residual of each operator by name."""
    found: dict[str, Residual] = {}
    for name, cost in mapped.prices():
        if name not in found or cost.residual.log_deviation > found[name].log_deviation:
            found[name] = cost.residual
    return found


def _mix(ran: Overlapped) -> dict[Residual, float]:
    """Share of each residual in the time of all operators on cores."""
    times: dict[Residual, float] = {}
    for booking in ran.bookings:
        if booking.operator is not None and booking.cost.on_cores:
            residual = booking.cost.residual
            times[residual] = times.get(residual, 0.0) + booking.cost.work_s * booking.count
    whole = sum(times.values())
    return {residual: seconds / whole for residual, seconds in times.items()} if whole else {}
