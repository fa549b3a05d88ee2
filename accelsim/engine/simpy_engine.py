"""The definition of the engine, on SimPy: what a task graph means in time.

Tasks
    A task is *ready* when all its predecessors have ended.  A task without a server starts
    then.  A task with a server waits in the server's queue, ordered by (priority, lower
    first; ready tick; task id).  A server does one task at a time, held from start to end.

    From its start a task burns ``work_ticks``; at the same time, after ``latency_ticks``,
    its ``nbytes`` move along all links of its route at once.  It ends when both are done:
    at ``max(start + work, start + latency + transfer)``.  Without bytes or without a route
    the transfer takes no time.  A task with nothing ends when it starts: a barrier.

Ticks
    Each tick is settled in rounds.  All tasks that end now do so, in order of id; their
    successors become ready; then every free server takes the head of its queue.  Tasks of
    no length that start in one round end in the next, until nothing changes.  Only then do
    the flows that began at this tick, and the gaps that ended flows left, change rates,
    once.  SimPy's event priorities are these phases: timers and a user's processes
    first, then the rounds, then the rates.

Flows
    Bytes are a fluid.  All flows now on the links share them max-min fair, in whole numbers of a
    small unit (:mod:`accelsim.engine.fair`); divided by it they are float64 bytes per tick.  A
    flow whose rate changes has moved ``rate * (now - last change)`` bytes and now ends at
    ``now + max(1, ceil(remaining / rate))``; a flow whose rate stays is left untouched.

Not modelled: packets, flow control, preemption, fractional servers.

The engine is open: make a :class:`SimpyEngine`, add your own processes to its ``env``,
change capacities, add background transfers, then ``run()``; docs/engine.md shows how.
The compiled engine computes the same timeline, to the tick, without the openness.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
import simpy

from accelsim.engine.deadlock import deadlock_error
from accelsim.engine.fair.grid import RateGrid
from accelsim.engine.simpy_links import SETTLE, Link, SharedLinks, TaskPhase, timeout
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph, successors
from accelsim.engine.timeline import Timeline
from accelsim.engine.verify import verify_timeline

Arbiter = Callable[[int, Sequence[int]], int]


class SimpyEngine:
    """One run of one graph.

    Args:
        graph: What to run.
        record_rates: Record the piecewise rate of every link.
        arbiter: Chooses the next task of a free server: ``arbiter(server, waiting)`` gets
            the waiting tasks in default order and returns one of them.

    Attributes:
        env: The SimPy environment, its time in integer ticks.
        links: State of every link, by link id.
        start_ticks, end_ticks: Of every task, ``-1`` before it happens.
    """

    def __init__(self, graph: TaskGraph, record_rates: bool = False, arbiter: Arbiter | None = None) -> None:
        self.graph = graph
        self.env = simpy.Environment()
        self._grid = RateGrid.of(graph.capacity_bytes_per_s)
        units = self._grid.units(graph.capacity_bytes_per_s).tolist()
        self.links = [Link(name, capacity) for name, capacity in zip(graph.links, units, strict=True)]
        self.start_ticks = [-1] * graph.num_tasks
        self.end_ticks = [-1] * graph.num_tasks
        self._shared = SharedLinks(self.env, self.links, self._grid, record_rates)
        self._arbiter = arbiter
        self._columns()
        self._queues: list[list[tuple[int, int, int]]] = [[] for _ in graph.servers]
        self._running = [False] * graph.num_servers
        self._server_busy_ticks = [0] * graph.num_servers
        self._left = graph.num_tasks
        self._ended: list[int] = []
        self._ended_events: dict[int, simpy.Event] = {}
        self._highest_capacity_bytes_per_s = graph.capacity_bytes_per_s.tolist()
        self._background_bytes = [0] * graph.num_links

    def _columns(self) -> None:
        """Copy the graph's columns into lists, which Python reads faster than arrays."""
        graph = self.graph
        self._server = graph.server.tolist()
        self._work_ticks = graph.work_ticks.tolist()
        self._nbytes = graph.nbytes.tolist()
        self._latency_ticks = graph.latency_ticks.tolist()
        self._priority = graph.priority.tolist()
        self._route_ptr = graph.route_ptr.tolist()
        self._route_link = graph.route_link.tolist()
        self._missing = graph.num_predecessors.tolist()
        self._succ_ptr, self._succ_task = (column.tolist() for column in successors(graph))

    # --- what a user's process may call -------------------------------------------------

    @property
    def now_ticks(self) -> int:
        """Current time in ticks."""
        return int(self.env.now)

    def ended(self, task: int) -> simpy.Event:
        """Return the event of ``task`` having ended; may be waited for before or after it happens."""
        event = self._ended_events.setdefault(task, simpy.Event(self.env))
        if self.end_ticks[task] >= 0 and not event.triggered:
            event.succeed(task)
        return event

    def set_capacity(self, link: int, capacity_bytes_per_s: float) -> None:
        """Change the capacity of a link from now on; 0 stalls its flows until it is raised again.

        Args:
            link: Index of the link.
            capacity_bytes_per_s: Its new capacity, 0 or more and finite.

        Raises:
            ValueError: The capacity is neither.
        """
        if not 0.0 <= capacity_bytes_per_s < float("inf"):
            raise ValueError(f"link {self.links[link].name!r}: capacity must be >= 0, got {capacity_bytes_per_s!r}.")
        self.links[link].capacity_units = self._grid.units_of(capacity_bytes_per_s)
        highest = self._highest_capacity_bytes_per_s
        highest[link] = max(highest[link], capacity_bytes_per_s)
        self._shared.touch((link,))

    def transfer(self, nbytes: int, route: Sequence[int]) -> simpy.Event:
        """Send bytes that belong to no task; returns the event of their arrival.

        Args:
            nbytes: How many, 0 or more.
            route: Indices of links, each once.

        Raises:
            ValueError: Negative bytes, or a link twice.
        """
        if nbytes < 0 or len(set(route)) < len(route):
            raise ValueError(f"transfer: needs bytes >= 0 and a route without repeats, got {nbytes!r} over {route!r}.")
        for link in route:
            self._background_bytes[link] += nbytes
        return self._shared.send(nbytes, route).done

    def run(self) -> Timeline:
        """Run to the end of the last task and return the verified timeline.

        Raises:
            DeadlockError: Tasks are left and nothing can happen any more.
            ClockOverflowError: The run is longer than the clock holds.
            VerificationError: The result breaks a conservation law (a bug).
        """
        began_s = time.perf_counter()
        ready = [task for task, missing in enumerate(self._missing) if not missing]
        TaskPhase(self.env, SETTLE, lambda: self._make_ready(ready, []))
        while self._left:
            try:
                self.env.step()
            except simpy.core.EmptySchedule:
                self._shared.refuse_crowds()
                raise deadlock_error(self.graph, self.start_ticks, self.end_ticks, self.now_ticks) from None
        timeline = self._timeline(began_s)
        verify_timeline(
            self.graph,
            timeline,
            background_bytes=np.array(self._background_bytes, dtype=np.int64),
            capacity_bytes_per_s=np.array(self._highest_capacity_bytes_per_s),
        )
        return timeline

    # --- tasks ----------------------------------------------------------------------------

    def _life(self, task: int) -> Generator[simpy.Event, Any, None]:
        """The life of a task from start to end, a SimPy process."""
        self.start_ticks[task] = self.now_ticks
        work = timeout(self.env, self._work_ticks[task])
        if self._latency_ticks[task]:
            yield timeout(self.env, self._latency_ticks[task])
        route = self._route_link[self._route_ptr[task] : self._route_ptr[task + 1]]
        if self._nbytes[task] and route:
            yield self._shared.send(self._nbytes[task], route).done
        yield work
        if not self._ended:
            TaskPhase(self.env, SETTLE, self._settle)
        self._ended.append(task)

    def _settle(self) -> None:
        """One round: end what ends now, make successors ready, let free servers choose."""
        ended, self._ended = sorted(self._ended), []
        ready: list[int] = []
        servers: list[int] = []
        self._left -= len(ended)
        for task in ended:
            self.end_ticks[task] = self.now_ticks
            server = self._server[task]
            if server != NO_SERVER:
                self._running[server] = False
                self._server_busy_ticks[server] += self.now_ticks - self.start_ticks[task]
                servers.append(server)
            for successor in self._succ_task[self._succ_ptr[task] : self._succ_ptr[task + 1]]:
                self._missing[successor] -= 1
                if not self._missing[successor]:
                    ready.append(successor)
            if task in self._ended_events:
                self._ended_events[task].succeed(task)
        self._make_ready(ready, servers)

    def _make_ready(self, ready: list[int], servers: list[int]) -> None:
        for task in ready:
            server = self._server[task]
            if server == NO_SERVER:
                self.env.process(self._life(task))
            else:
                heappush(self._queues[server], (self._priority[task], self.now_ticks, task))
                servers.append(server)
        for server in servers:
            if self._queues[server] and not self._running[server]:
                self._running[server] = True
                self.env.process(self._life(self._next(server)))

    def _next(self, server: int) -> int:
        queue = self._queues[server]
        if self._arbiter is None:
            return heappop(queue)[2]
        queue.sort()
        waiting = [task for _, _, task in queue]
        chosen = self._arbiter(server, waiting)
        del queue[waiting.index(chosen)]
        return chosen

    def _timeline(self, began_s: float) -> Timeline:
        now = self.now_ticks
        busy = [link.busy_ticks + (now - link.busy_since_ticks if link.flows else 0) for link in self.links]
        return Timeline(
            start_ticks=np.array(self.start_ticks, dtype=np.int64),
            end_ticks=np.array(self.end_ticks, dtype=np.int64),
            link_bytes=np.array([link.nbytes for link in self.links], dtype=np.int64),
            link_busy_ticks=np.array(busy, dtype=np.int64),
            server_busy_ticks=np.array(self._server_busy_ticks, dtype=np.int64),
            makespan_ticks=max(self.end_ticks, default=0),
            engine="simpy",
            wall_s=time.perf_counter() - began_s,
            rates=None if self._shared.recorder is None else self._shared.recorder.rates(now),
        )
