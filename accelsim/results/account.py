"""The ledger of a run: every second by operator and cause, every byte by level and tensor role.

Time is that of the one simulated chip and sums to the latency; bytes, FLOPs and joules are those of all chips of
the plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.engine.clock import to_seconds
from accelsim.engine.program import ProgramTimeline, SeriesTimeline
from accelsim.engine.runs import Runs
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph
from accelsim.errors import VerificationError
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.servers import HOST
from accelsim.mapping.waits import BETWEEN_CAUSES, between_chips
from accelsim.results.occupied import EXPOSED_COMMUNICATION, StageTimes, stage_times
from accelsim.results.path import CONTENTION, IDLE, CriticalPart, PathTimes, add_times, parts_of, times_of_runs
from accelsim.results.sums import Executed, OperatorSum, add_in_order, executed, figure_of

__all__ = [
    "CONTENTION",
    "EXPOSED_COMMUNICATION",
    "IDLE",
    "Ledger",
    "OperatorRow",
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
        count: Executions per chip; on stages of a pipeline those of one chip of each stage, added up.
        time_s: Seconds from start to end, summed over executions; overlapping operators both count.
        parts_s: ``time_s`` by cause.
        limiter: Cause with the largest part.
        flops: Floating-point operations, all chips.
        traffic_bytes: Bytes by memory level or link, all chips.
        role_bytes: Bytes of the main memory (or SRAM) by tensor role, all chips.
        energy_j: Dynamic energy, all chips.
        rest_s: Seconds' worth of a chip's busy power that it does not draw meanwhile, counted as ``time_s``.
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
    rest_s: float = 0.0


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
    def rest_s(self) -> float:
        """Seconds' worth of a chip's busy power that its operators do not draw."""
        return sum(row.rest_s for row in self.rows)

    @property
    def exposed_s(self) -> float:
        """The part of the latency in which nothing runs but what is between chips: launches, latency, bytes."""
        return sum(self.cause_s.get(cause, 0.0) for cause in BETWEEN_CAUSES)

    @property
    def critical_cause_s(self) -> dict[str, float]:
        """Time on the critical path by cause, largest first."""
        causes: dict[str, float] = defaultdict(float)
        for part in self.critical:
            causes[part.cause] += part.time_s
        return dict(sorted(causes.items(), key=lambda item: -item[1]))


def account(blocks: Sequence[PricedBlock], timeline: ProgramTimeline, num_ranks: int, main_memory: str) -> Ledger:
    """Book every stage of a run whose labels are the operators of ``blocks``, one per stage as it is written.

    Args:
        blocks: Priced blocks in the order in which the program writes its stages.
        timeline: When everything ran; its labels are indices of operators in their block.
        num_ranks: Ranks that do the same as the simulated one; bytes, FLOPs and joules are times this.
        main_memory: Name of the memory level whose bytes are booked by tensor role.

    Raises:
        VerificationError: The causes do not add up to the makespan.
    """
    rows: dict[tuple[str, str], OperatorSum] = {}
    cause_s: dict[str, float] = defaultdict(float)
    left = iter(blocks)
    for played in timeline.series:
        booked: dict[tuple[str, str], list[Executed]] = defaultdict(list)
        for stage in _booked_stages(played, left, num_ranks, main_memory):
            for one in stage.operators:
                booked[stage.block.name, one.operator.name].append(one)
            for cause, seconds in stage.cause_s.items():
                cause_s[cause] += seconds
        for key, stages in booked.items():
            rows.setdefault(key, OperatorSum(stages[0].operator)).add(stages, played.series.rounds)
    closed = [_row(block, row) for (block, _), row in rows.items()]
    return total_ledger(closed, cause_s, timeline.makespan_s, _critical(blocks, timeline))


@dataclass(frozen=True, slots=True)
class _BookedStage:
    """One stage of a series: what its operators did, and its time in all rounds by cause."""

    block: PricedBlock
    operators: tuple[Executed, ...]
    cause_s: Mapping[str, float]


def _booked_stages(
    played: SeriesTimeline, blocks: Iterator[PricedBlock], num_ranks: int, main_memory: str
) -> Iterator[_BookedStage]:
    """The stages of a series; equal ones are looked at once."""
    once: dict[tuple[PricedBlock, Runs, int], _BookedStage] = {}
    for stage, runs in zip(played.series.stages, played.runs, strict=True):
        block, repeat = next(blocks), stage.repeat
        key = block, runs, repeat
        if key not in once:
            times = stage_times(stage.graph, runs)
            operators = tuple(
                executed(block, index, figure_of(column), repeat, num_ranks, main_memory)
                for index, column in enumerate(times.operators_s.T)
            )
            once[key] = _BookedStage(block, operators, _causes(block, operators, times, repeat, played.series.rounds))
        yield once[key]


def _causes(
    block: PricedBlock, operators: Sequence[Executed], times: StageTimes, repeat: int, rounds: int
) -> dict[str, float]:
    """Time of a stage in all rounds by cause: what is computed, and what the stream misses."""
    found: dict[str, float] = defaultdict(float)
    computes = [one for one, priced in zip(operators, block.operators, strict=True) if priced.cost.on_cores]
    uncovered_s = {cause: figure_of(seconds * repeat) for cause, seconds in times.uncovered_s.items()}
    for columns in (*(one.parts_s for one in computes), uncovered_s):
        for cause, seconds in columns.items():
            found[cause] += add_in_order(0.0, [seconds], rounds)
    return found


def _row(block: str, row: OperatorSum) -> OperatorRow:
    """The finished row."""
    parts_s = row.by_name("part")
    return OperatorRow(
        block=block,
        operator=row.operator.name,
        kind=row.operator.kind,
        count=row.count,
        time_s=row["time"],
        parts_s=parts_s,
        limiter=max(parts_s, key=parts_s.__getitem__, default="none"),
        flops=row.flops,
        traffic_bytes=row.by_name("traffic"),
        role_bytes=row.by_name("role"),
        energy_j=row["energy"],
        rest_s=row["rest"],
    )


def _critical(blocks: Sequence[PricedBlock], timeline: ProgramTimeline) -> tuple[CriticalPart, ...]:
    """The critical path of all stages; a stage ends before the next begins, so it is that of each in turn."""
    once: dict[tuple[PricedBlock, Runs], PathTimes] = {}
    found: PathTimes = {}
    left = iter(blocks)
    for played in timeline.series:
        for stage, runs in zip(played.series.stages, played.runs, strict=True):
            block = next(left)
            if (block, runs) not in once:
                once[block, runs] = _critical_of_stage(stage, runs, block)
            add_times(found, once[block, runs], stage.repeat * (played.series.rounds if len(runs) == 1 else 1))
    return parts_of(found)


def _critical_of_stage(stage: Stage, runs: Runs, block: PricedBlock) -> PathTimes:
    """One repetition in every run, added up."""
    found: PathTimes = {}
    first = 0
    for part in runs.parts():
        alone_s = _alone(stage.graph, part, block, slice(first, first + len(part)))
        add_times(found, times_of_runs(stage.graph, part.start_ticks, part.end_ticks, alone_s, block.name))
        first += len(part)
    return found


def _alone(graph: TaskGraph, runs: Runs, block: PricedBlock, rows: slice) -> dict[str, np.ndarray]:
    """Time of each task alone by cause; a collective on the path is communication that nothing hides."""
    label = graph.label
    size = max(len(block.operators), len(graph.labels))
    per_label: dict[str, np.ndarray] = {}
    is_collective = np.zeros(size, dtype=bool)
    none = np.zeros((len(runs) if block.growing else 1, size))
    for index, priced in enumerate(block.operators):
        if not priced.cost.on_cores:
            is_collective[index] = True
            continue
        growing = block.growing.get(index)
        own = {} if growing is None else {cause: column[rows] for cause, column in growing.costs.parts_s.items()}
        for cause, seconds in (own or priced.cost.parts_s).items():
            per_label.setdefault(cause, none.copy())[:, index] = seconds
    parts_s = {cause: column[:, label] for cause, column in per_label.items()}
    took_s = to_seconds(runs.end_ticks - runs.start_ticks)
    if is_collective.any():
        for cause, seconds in between_chips(graph, took_s).items():
            parts_s[cause] = np.where(is_collective[label], seconds, 0.0)
    servers = list(graph.servers)
    if HOST in servers:
        mine = graph.server == servers.index(HOST)
        parts_s = {cause: np.where(mine, 0.0, column) for cause, column in parts_s.items()}
        parts_s[HOST] = np.where(mine, took_s, 0.0)
    return parts_s


def _accumulate(into: dict[str, float], values: Mapping[str, float]) -> None:
    for key, value in values.items():
        into[key] += value


def total_ledger(
    rows: Iterable[OperatorRow],
    cause_s: Mapping[str, float],
    makespan_s: float,
    critical: tuple[CriticalPart, ...] = (),
) -> Ledger:
    """The ledger of ``rows``, the causes of the latency and the parts of its critical path.

    Args:
        rows: One per operator of a block, closed.
        cause_s: Seconds of the latency by cause; causes of no time are left out.
        makespan_s: The latency that the causes have to add up to, in seconds.
        critical: Parts of the critical path, in its order; empty where every operator is on it.

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
    ledger = Ledger(rows, causes, dict(traffic), dict(roles), flops, energy_j, critical)
    _verify(ledger, makespan_s)
    return ledger


def _verify(ledger: Ledger, makespan_s: float) -> None:
    booked_s = sum(ledger.cause_s.values())
    if abs(booked_s - makespan_s) > 1e-6 * makespan_s:
        raise VerificationError(f"time booked by cause, {booked_s!r} s, is not the makespan, {makespan_s!r} s")
    critical_s = sum(part.time_s for part in ledger.critical)
    if ledger.critical and abs(critical_s - makespan_s) > 1e-6 * makespan_s:
        raise VerificationError(f"the critical path takes {critical_s!r} s, the makespan is {makespan_s!r} s")
