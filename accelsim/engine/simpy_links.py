"""Links shared by flows, on SimPy: the fluid half of the engine's definition.

Bytes on the links move at max-min fair rates (:mod:`accelsim.engine.fair`), set anew
once at the end of every tick in which a flow joined or left or a capacity changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter

import simpy

from accelsim.engine.clock import MAX_TICKS, OVERFLOW_REMEDY, TICKS_PER_S, ClockOverflowError
from accelsim.engine.fair.filling import component, fill
from accelsim.engine.fair.grid import RateGrid
from accelsim.engine.timeline import RateRecorder

# SimPy runs events of one time by priority; 0 and 1 are its own (urgent, normal).
SETTLE, REFILL = 2, 3

_route = attrgetter("route")


class TaskPhase(simpy.Event):  # type: ignore[misc]
    """An action later in the current tick than every ordinary event."""

    def __init__(self, env: simpy.Environment, priority: int, action: Callable[[], None]) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        self.callbacks.append(lambda _: action())
        env.schedule(self, priority=priority)


@dataclass(slots=True, eq=False)
class TaskFlow:
    """Bytes on their way; ``done`` fires when the last one has arrived."""

    nbytes: int
    route: Sequence[int]
    done: simpy.Event
    remaining: float
    last_ticks: int
    rate: float = 0.0
    end_ticks: int | None = None


@dataclass(slots=True, eq=False)
class Link:
    """State of one link: who is on it, and what it has carried so far."""

    name: str
    capacity_units: int
    flows: dict[TaskFlow, None] = field(default_factory=dict)
    nbytes: int = 0
    busy_ticks: int = 0
    busy_since_ticks: int = 0


class SharedLinks:
    """The links of one run and the flows on them.

    Args:
        env: The SimPy environment, its time in integer ticks.
        links: One state per link.
        grid: Unit of their capacities.
        record_rates: Record the piecewise rate of every link.
    """

    def __init__(self, env: simpy.Environment, links: Sequence[Link], grid: RateGrid, record_rates: bool) -> None:
        self.env = env
        self.links = links
        self.recorder = RateRecorder(len(links), grid) if record_rates else None
        self._units_per_byte_per_tick = grid.units_per_byte_per_tick
        self._flows_on_link = [link.flows for link in links]
        self._dirty: set[int] = set()

    @property
    def now_ticks(self) -> int:
        """Current time in ticks."""
        return int(self.env.now)

    def send(self, nbytes: int, route: Sequence[int]) -> TaskFlow:
        """Put a flow on its links; its rate is set at the end of this tick.

        Args:
            nbytes: How many; none arrive at once.
            route: Indices of links; an empty one takes no time.
        """
        flow = TaskFlow(nbytes, route, simpy.Event(self.env), float(nbytes), self.now_ticks)
        if not nbytes or not route:
            flow.done.succeed()
            return flow
        for index in route:
            link = self.links[index]
            if not link.flows:
                link.busy_since_ticks = self.now_ticks
            link.flows[flow] = None
        self.touch(route)
        return flow

    def touch(self, links: Sequence[int]) -> None:
        """Have the rates around ``links`` refilled once this tick is settled."""
        if not self._dirty:
            TaskPhase(self.env, REFILL, self._refill)
        self._dirty.update(links)

    def refuse_crowds(self) -> None:
        """Raise if a flow stands still although its links have capacity: less than a unit for each flow.

        Raises:
            ClockOverflowError: There is one; not even a byte of each would arrive within the clock.
        """
        for link in self.links:
            for flow in link.flows:
                if not flow.rate and all(self.links[index].capacity_units for index in flow.route):
                    raise _overflow()

    def _arrive(self, flow: TaskFlow) -> None:
        if flow.end_ticks != self.now_ticks:
            return  # A timer from before the rate changed.
        flow.end_ticks = None
        for index in flow.route:
            link = self.links[index]
            del link.flows[flow]
            link.nbytes += flow.nbytes
            if not link.flows:
                link.busy_ticks += self.now_ticks - link.busy_since_ticks
        self.touch(flow.route)
        flow.done.succeed()

    def _refill(self) -> None:
        links = component(self._dirty, self._flows_on_link, _route)
        self._dirty.clear()
        capacity = {index: self.links[index].capacity_units for index in links}
        levels, used = fill(links, self._flows_on_link, _route, capacity)
        for flow, level in levels.items():
            rate = level / self._units_per_byte_per_tick
            if rate != flow.rate:
                self._change_rate(flow, rate)
        if self.recorder is not None:
            for index in links:
                self.recorder.change(index, self.now_ticks, used[index])

    def _change_rate(self, flow: TaskFlow, rate: float) -> None:
        flow.remaining -= flow.rate * (self.now_ticks - flow.last_ticks)
        flow.last_ticks = self.now_ticks
        flow.rate = rate
        flow.end_ticks = None
        if rate > 0.0:
            ticks = max(1, ceil(min(flow.remaining / rate, float(MAX_TICKS))))
            flow.end_ticks = self.now_ticks + ticks
            timeout(self.env, ticks).callbacks.append(lambda _: self._arrive(flow))


def timeout(env: simpy.Environment, ticks: int) -> simpy.Event:
    """Return a SimPy timeout, refusing what the clock cannot hold.

    Args:
        env: The environment, whose clock counts ticks.
        ticks: From now on.

    Raises:
        ClockOverflowError: The clock would pass its last tick.
    """
    if env.now + ticks > MAX_TICKS:
        raise _overflow()
    return env.timeout(ticks)


def _overflow() -> ClockOverflowError:
    return ClockOverflowError(f"the run passes {MAX_TICKS / TICKS_PER_S:.0f} s: {OVERFLOW_REMEDY}")
