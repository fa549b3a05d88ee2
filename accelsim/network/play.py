"""A collective's schedule as a task graph: every transfer of every rank over the links of a topology."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_ticks
from accelsim.engine.taskgraph import TaskGraph, make_task_graph
from accelsim.network.collectives.schedule import Schedule
from accelsim.network.topology.base import Topology

IntArray = npt.NDArray[np.int64]


def schedule_graph(
    schedule: Schedule,
    topology: Topology,
    chips: Sequence[int] | None = None,
    step_latency_s: float = 0.0,
    lock_step: bool = False,
) -> TaskGraph:
    """Tasks of a schedule: one per transfer, and one barrier per rank and step.

    A transfer of step s starts when both its ranks have ended step s - 1; a rank has ended a step when all transfers
    it sends or receives in it have ended. In lock step it waits for all of step s - 1. Transfers that meet on a link
    share it. Built by numpy; only the routes of the distinct pairs of ranks are looked up one by one.

    Args:
        schedule: All transfers.
        topology: Links; the latency of a transfer is that of its route plus ``step_latency_s``.
        chips: Chip of each rank; default: rank r on chip r. Switch i of the schedule is switch i of the topology.
        step_latency_s: Software time of each transfer before its first byte.
        lock_step: Whether no rank starts a step before all have ended the one before, as the closed forms count.

    Raises:
        RoutingError: Two ranks that exchange data are not connected.
    """
    chip_of = np.arange(schedule.num_ranks) if chips is None else np.asarray(chips, dtype=np.int64)
    chip_of = np.concatenate([chip_of, topology.num_chips + np.arange(schedule.num_switches)])
    num_transfers, num_ranks = len(schedule.step), schedule.num_ranks + schedule.num_switches
    num_barriers = schedule.num_steps * num_ranks
    pairs, which = _distinct(schedule.src * num_ranks + schedule.dst, num_ranks**2)
    routes = [topology.route(int(chip_of[p // num_ranks]), int(chip_of[p % num_ranks])) for p in pairs.tolist()]
    route_ptr, route_link = _gathered(routes, which)
    latency_s = np.array([topology.latency_of(route) for route in routes], dtype=np.float64)[which] + step_latency_s
    pred_ptr, pred_task = _predecessors(schedule, num_ranks, lock_step)
    none = np.zeros(num_barriers, dtype=np.int64)
    return make_task_graph(
        num_transfers + num_barriers,
        links=[topology.link_name(link) for link in range(topology.num_links)],
        capacity_bytes_per_s=topology.capacity_bytes_per_s,
        nbytes=np.concatenate([schedule.nbytes, none]),
        latency_ticks=np.concatenate([to_ticks(latency_s), none]),
        route_ptr=np.concatenate([route_ptr, np.full(num_barriers, route_ptr[-1])]),
        route_link=route_link,
        pred_ptr=pred_ptr,
        pred_task=pred_task,
        label=np.concatenate([schedule.step, np.repeat(np.arange(schedule.num_steps), num_ranks)]),
        labels=[f"step{step}" for step in range(schedule.num_steps)] or ["step0"],
    )


def _gathered(routes: Sequence[tuple[int, ...]], which: IntArray) -> tuple[IntArray, IntArray]:
    """CSR offsets and links of the routes that ``which`` picks, one per transfer."""
    lengths = np.array([len(route) for route in routes], dtype=np.int64)
    links = np.array([link for route in routes for link in route], dtype=np.int64)
    hops = lengths[which]
    ptr = _offsets(hops)
    index = np.arange(ptr[-1]) + np.repeat(_offsets(lengths)[:-1][which] - ptr[:-1], hops)
    return ptr, links[index]


def _predecessors(schedule: Schedule, num_ranks: int, lock_step: bool) -> tuple[IntArray, IntArray]:
    """CSR predecessors: a transfer waits for both ranks' barriers of the step before, a barrier for its transfers.

    In lock step the barrier of the last rank waits for all transfers of a step, and the next step for it alone.
    """
    num_transfers, num_barriers = len(schedule.step), schedule.num_steps * num_ranks
    transfer, every = np.arange(num_transfers), num_transfers + np.arange(num_barriers)
    barrier = num_transfers + schedule.step * num_ranks  # plus the rank: its barrier of the same step
    later = schedule.step > 0
    if lock_step:
        last = barrier + num_ranks - 1
        waits = [(transfer[later], last[later] - num_ranks), (last, transfer)]
    else:
        waits = [
            (transfer[later], (barrier + schedule.src - num_ranks)[later]),
            (transfer[later], (barrier + schedule.dst - num_ranks)[later]),
            (barrier + schedule.src, transfer),
            (barrier + schedule.dst, transfer),
        ]
    waits.append((every[num_ranks:], every[: max(0, num_barriers - num_ranks)]))
    counts = np.zeros(num_transfers + num_barriers, dtype=np.int64)
    groups = []
    for task, before in waits:
        if (np.diff(task) < 0).any():
            order = np.argsort(task, kind="stable")
            task, before = task[order], before[order]
        heads = np.flatnonzero(np.diff(task, prepend=-1))  # the first of each run of one task
        lengths = np.diff(heads, append=len(task))
        counts[task[heads]] += lengths
        groups.append((task[heads], heads, lengths, before))
    ptr = _offsets(counts)
    found, taken = np.empty(ptr[-1], dtype=np.int64), ptr[:-1].copy()
    for waiting, heads, lengths, before in groups:
        found[np.arange(len(before)) + np.repeat(taken[waiting] - heads, lengths)] = before
        taken[waiting] += lengths
    return ptr, found


def _distinct(codes: IntArray, limit: int) -> tuple[IntArray, IntArray]:
    """Different codes, rising, and which of them each is; by a table where one of ``limit`` entries is small enough."""
    if limit > max(2**26, len(codes)):
        found, which = np.unique(codes, return_inverse=True)
        return found, which
    seen = np.zeros(limit, dtype=bool)
    seen[codes] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]


def _offsets(counts: IntArray) -> IntArray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
