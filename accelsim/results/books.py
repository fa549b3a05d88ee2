"""The books of a run: its ledger, and the time its chips and its host work."""

from __future__ import annotations

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.program import ProgramTimeline
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.servers import HOST
from accelsim.results.account import IDLE, Ledger, account
from accelsim.results.overlapped import account_overlapped


def keep_books(mapped: Mapped, timeline: ProgramTimeline, main_memory: str) -> Ledger:
    """Time, bytes and energy of a run by cause and operator.

    Args:
        mapped: What ran.
        timeline: When.
        main_memory: Memory whose bytes are told apart by tensor role.
    """
    if mapped.overlapped is not None:
        return account_overlapped(mapped.overlapped, timeline.stages[0], main_memory)
    return account(mapped.blocks, timeline, mapped.num_chips, main_memory)


def chip_busy_s(mapped: Mapped, timeline: ProgramTimeline, ledger: Ledger) -> float:
    """Seconds of a chip at its full busy power that draw as much as it does; of regions or stages apart, their mean.

    It is at full busy power when anything runs on it, less what its operators leave (``rest_s``).

    Args:
        mapped: What was played; tells whether stages or regions work apart.
        timeline: When it ran.
        ledger: Its books, of which the causes ``idle`` and ``host`` are taken off.
    """
    if mapped.cells is not None:
        working_s = timeline.makespan_s * (1.0 - mapped.cells.bubble_fraction(timeline.stages[0].timeline))
        return max(0.0, working_s - ledger.rest_s / mapped.cells.num_stages)
    if mapped.overlapped is not None:
        busy_ticks = timeline.server_busy_ticks
        apart = max(1, busy_ticks.size)
        working_s = float(busy_ticks.mean()) / TICKS_PER_S if busy_ticks.size else timeline.makespan_s
        return max(0.0, working_s - ledger.rest_s / apart)
    working_s = timeline.makespan_s - ledger.cause_s.get(IDLE, 0.0) - ledger.cause_s.get(HOST, 0.0)
    return max(0.0, working_s - ledger.rest_s)


def host_busy_s(mapped: Mapped, timeline: ProgramTimeline) -> float:
    """Seconds in which a host dispatches operators; 0 where none does.

    Args:
        mapped: What was played; names the server that is the host.
        timeline: When it ran; the first stage has the host's tasks.
    """
    if mapped.servers.host is None:
        return 0.0
    server = timeline.stages[0].stage.graph.servers.index(mapped.servers.host)
    return float(timeline.server_busy_ticks[server]) / TICKS_PER_S
