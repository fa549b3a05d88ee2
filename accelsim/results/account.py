"""The ledger of a run: every second by operator and cause, every byte by level and tensor role.

Time is that of the one simulated chip and sums to the latency; bytes, FLOPs and joules are those of all chips of
the plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.cost.base import OperatorCost
from accelsim.engine.clock import to_seconds
from accelsim.engine.program import ProgramTimeline, StageTimeline
from accelsim.errors import VerificationError
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import HOST
from accelsim.network.collective import CollectiveCost
from accelsim.results.occupied import EXPOSED_COMMUNICATION, stage_times
from accelsim.results.path import CONTENTION, IDLE, CriticalPart, critical_parts, merge
from accelsim.workload.operator import Operator, role_bytes

__all__ = [
    "CONTENTION",
    "EXPOSED_COMMUNICATION",
    "IDLE",
    "Ledger",
    "OperatorRow",
    "OperatorSum",
    "account",
    "total_ledger",
]


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """All executions of one operator of one block.

    Attributes:
        block: Name of the block, e.g. ``"decoder"``.
        operator: Name in the block, e.g. ``"attn.qkv"``.
        kind: Operator kind, e.g. ``"gemm"``.
        count: Executions per chip.
        time_s: Seconds from start to end, summed over executions; overlapping operators both count.
        parts_s: ``time_s`` by cause.
        limiter: Cause with the largest part.
        flops: Floating-point operations, all chips.
        traffic_bytes: Bytes by memory level or link, all chips.
        role_bytes: Bytes of the main memory (or SRAM) by tensor role, all chips.
        energy_j: Dynamic energy, all chips.
    """

    block: str
    operator: str
    kind: str
    count: int
    time_s: float
    parts_s: Mapping[str, float]
    limiter: str
    flops: int
    traffic_bytes: Mapping[str, float]
    role_bytes: Mapping[str, float]
    energy_j: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a run cost, by operator and in total.

    Attributes:
        rows: One per operator of each block, in model order.
        cause_s: The latency by cause; sums to the latency.
        traffic_bytes: Bytes by level, all chips.
        role_bytes: Bytes of the main memory by tensor role, all chips.
        flops: Executed floating-point operations, all chips.
        dynamic_energy_j: Sum of the rows.
        critical: The critical path by operator, resource and cause; sums to the latency.
    """

    rows: tuple[OperatorRow, ...]
    cause_s: Mapping[str, float]
    traffic_bytes: Mapping[str, float]
    role_bytes: Mapping[str, float]
    flops: int
    dynamic_energy_j: float
    critical: tuple[CriticalPart, ...] = ()

    @property
    def critical_cause_s(self) -> dict[str, float]:
        """Time on the critical path by cause, largest first."""
        causes: dict[str, float] = defaultdict(float)
        for part in self.critical:
            causes[part.cause] += part.time_s
        return dict(sorted(causes.items(), key=lambda item: -item[1]))


def account(blocks: Sequence[PricedBlock], timeline: ProgramTimeline, num_ranks: int, main_memory: str) -> Ledger:
    """Book every stage of a run whose labels are the operators of ``blocks``, one per stage.

    Raises:
        VerificationError: The causes do not add up to the makespan.
    """
    rows: dict[tuple[str, str], OperatorSum] = {}
    cause_s: dict[str, float] = defaultdict(float)
    times = stage_times(timeline.stages)
    for stage, block in zip(timeline.stages, blocks, strict=True):
        time, repeat = times[id(stage.timeline)], stage.stage.repeat
        for priced, time_s in zip(block.operators, time.operators_s, strict=True):
            key = block.name, priced.operator.name
            row = rows.get(key)
            if row is None:
                row = rows[key] = OperatorSum(priced.operator, main_memory)
            parts_s = row.add(priced, time_s, repeat, num_ranks)
            if isinstance(priced.cost, OperatorCost):
                _accumulate(cause_s, parts_s)
        _accumulate(cause_s, time.uncovered_s, repeat)
    closed = [row.close(block) for (block, _), row in rows.items()]
    return total_ledger(closed, cause_s, timeline.makespan_s, _critical(blocks, timeline))


@dataclass(frozen=True, slots=True)
class _Booking:
    """What a stage adds to the sums of one operator: all its executions, on all chips but for the times."""

    priced: PricedOperator
    executions: tuple[float, int, int]
    time_s: float
    energy_j: float
    flops: int
    parts_s: Mapping[str, float]
    traffic_bytes: Mapping[str, float]
    role_bytes: Mapping[str, float]


def _booking(priced: PricedOperator, time_s: float, repeat: int, num_ranks: int, main_memory: str) -> _Booking:
    cost, operator = priced.cost, priced.operator
    alone_s, traffic = _parts_and_traffic(cost)
    roles: dict[str, float] = {}
    if isinstance(cost, OperatorCost):
        # The cost model may read an operand more than once: spread what moved over the roles that moved.
        compulsory = role_bytes(operator)
        moved = cost.traffic_bytes.get(main_memory, 0.0) / max(1, sum(compulsory.values()))
        roles = {r.value: n * moved for r, n in compulsory.items() if n}
    count = repeat * num_ranks
    return _Booking(
        priced=priced,
        executions=(time_s, repeat, num_ranks),
        time_s=time_s * repeat,
        energy_j=cost.energy_j * repeat * num_ranks,
        flops=operator.flops * repeat * num_ranks,
        parts_s={cause: s * repeat for cause, s in _parts(alone_s, time_s).items()},
        traffic_bytes={level: nbytes * count for level, nbytes in traffic.items()},
        role_bytes={role: nbytes * count for role, nbytes in roles.items()},
    )


class OperatorSum:
    """Running sums of one operator over stages."""

    def __init__(self, operator: Operator, main_memory: str) -> None:
        self._operator = operator
        self._main_memory = main_memory
        self._count = self._flops = 0
        self._time_s = self._energy_j = 0.0
        self._parts_s: dict[str, float] = defaultdict(float)
        self._traffic: dict[str, float] = defaultdict(float)
        self._roles: dict[str, float] = defaultdict(float)
        self._last: _Booking | None = None  # the steps of a decode mostly repeat it

    def add(self, priced: PricedOperator, time_s: float, repeat: int, num_ranks: int) -> Mapping[str, float]:
        """Add ``repeat`` executions that took ``time_s`` each; returns their seconds by cause."""
        last = self._last
        if last is None or last.priced is not priced or last.executions != (time_s, repeat, num_ranks):
            last = self._last = _booking(priced, time_s, repeat, num_ranks, self._main_memory)
        self._count += repeat
        self._time_s += last.time_s
        self._energy_j += last.energy_j
        self._flops += last.flops
        _accumulate(self._parts_s, last.parts_s)
        _accumulate(self._traffic, last.traffic_bytes)
        _accumulate(self._roles, last.role_bytes)
        return last.parts_s

    def close(self, block: str) -> OperatorRow:
        """The finished row."""
        parts_s = dict(self._parts_s)
        return OperatorRow(
            block=block,
            operator=self._operator.name,
            kind=self._operator.kind,
            count=self._count,
            time_s=self._time_s,
            parts_s=parts_s,
            limiter=max(parts_s, key=parts_s.__getitem__, default="none"),
            flops=self._flops,
            traffic_bytes=dict(self._traffic),
            role_bytes=dict(self._roles),
            energy_j=self._energy_j,
        )


def _parts_and_traffic(cost: OperatorCost | CollectiveCost) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Seconds by cause and bytes by level of one execution on one chip."""
    if isinstance(cost, OperatorCost):
        return cost.parts_s, cost.traffic_bytes
    parts_s, sent_bytes = {"launch": cost.launch_s}, dict.fromkeys((phase.level for phase in cost.phases), 0.0)
    for phase in cost.phases:
        parts_s[phase.level] = parts_s.get(phase.level, 0.0) + phase.seconds
        sent_bytes[phase.level] += phase.sent_bytes
    for level, nbytes in cost.hidden_bytes.items():
        sent_bytes[level] = sent_bytes.get(level, 0.0) + nbytes
    return parts_s, sent_bytes


def _parts(parts_s: Mapping[str, float], time_s: float) -> dict[str, float]:
    """Parts that sum to the simulated time: what the engine added is contention for a shared memory or link."""
    alone_s = sum(parts_s.values())
    parts = dict(parts_s)
    if alone_s and time_s > alone_s * (1 + 1e-9):
        parts[CONTENTION] = time_s - alone_s
    return parts


def _critical(blocks: Sequence[PricedBlock], timeline: ProgramTimeline) -> list[CriticalPart]:
    """The critical path of all stages; a stage ends before the next begins, so it is that of each in turn."""
    once: dict[int, list[tuple[tuple[str, str, str, str], float]]] = {}
    total: dict[tuple[str, str, str, str], float] = {}
    for stage, block in zip(timeline.stages, blocks, strict=True):
        if id(stage.timeline) not in once:
            parts = critical_parts(stage.stage.graph, stage.timeline, _alone(stage, block), block.name)
            once[id(stage.timeline)] = [
                ((part.block, part.operator, part.resource, part.cause), part.time_s) for part in parts
            ]
        for key, time_s in once[id(stage.timeline)]:
            total[key] = total.get(key, 0.0) + time_s * stage.stage.repeat
    return [CriticalPart(*key, time_s) for key, time_s in total.items()]


def _alone(stage: StageTimeline, block: PricedBlock) -> dict[str, np.ndarray]:
    """Time of each task alone by cause; a collective on the path is communication that nothing hides."""
    label = stage.stage.graph.label
    took_s = to_seconds(stage.timeline.end_ticks - stage.timeline.start_ticks)
    size = max(len(block.operators), len(stage.stage.graph.labels))
    per_label: dict[str, list[float]] = {}
    is_collective = np.zeros(size, dtype=bool)
    for index, priced in enumerate(block.operators):
        if isinstance(priced.cost, OperatorCost):
            for cause, seconds in priced.cost.parts_s.items():
                per_label.setdefault(cause, [0.0] * size)[index] = seconds
        else:
            per_label.setdefault(EXPOSED_COMMUNICATION, [0.0] * size)
            is_collective[index] = True
    parts_s = {cause: np.array(column)[label] for cause, column in per_label.items()}
    if is_collective.any():
        mine = is_collective[label]
        parts_s[EXPOSED_COMMUNICATION][mine] = took_s[mine]
    servers = list(stage.stage.graph.servers)
    if HOST in servers:
        mine = stage.stage.graph.server == servers.index(HOST)
        parts_s = {cause: np.where(mine, 0.0, column) for cause, column in parts_s.items()}
        parts_s[HOST] = np.where(mine, took_s, 0.0)
    return parts_s


def _accumulate(into: dict[str, float], values: Mapping[str, float], factor: float = 1.0) -> None:
    for key, value in values.items():
        into[key] += value * factor


def total_ledger(
    rows: Iterable[OperatorRow],
    cause_s: Mapping[str, float],
    makespan_s: float,
    critical: Iterable[CriticalPart] = (),
) -> Ledger:
    """The ledger of ``rows``, the causes of the latency and the parts of its critical path.

    Raises:
        VerificationError: The causes do not add up to the makespan.
    """
    rows = tuple(rows)
    traffic: dict[str, float] = defaultdict(float)
    roles: dict[str, float] = defaultdict(float)
    for row in rows:
        _accumulate(traffic, row.traffic_bytes)
        _accumulate(roles, row.role_bytes)
    causes = {cause: s for cause, s in sorted(cause_s.items(), key=lambda item: -item[1]) if s > 0}
    flops, energy_j = sum(row.flops for row in rows), sum(row.energy_j for row in rows)
    ledger = Ledger(rows, causes, dict(traffic), dict(roles), flops, energy_j, merge(tuple(critical)))
    _verify(ledger, makespan_s)
    return ledger


def _verify(ledger: Ledger, makespan_s: float) -> None:
    booked_s = sum(ledger.cause_s.values())
    if abs(booked_s - makespan_s) > 1e-6 * makespan_s:
        raise VerificationError(f"time booked by cause, {booked_s!r} s, is not the makespan, {makespan_s!r} s")
    critical_s = sum(part.time_s for part in ledger.critical)
    if ledger.critical and abs(critical_s - makespan_s) > 1e-6 * makespan_s:
        raise VerificationError(f"the critical path takes {critical_s!r} s, the makespan is {makespan_s!r} s")
