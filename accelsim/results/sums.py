"""What the operators of a run took and moved, as columns over its rounds, and their sums in the order of the run.

Sums of floats depend on their order; bytes of two runs that did the same have to be the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.base import OperatorCost
from accelsim.mapping.price import PricedBlock, PricedOperator, PricedSteps
from accelsim.network.collective import CollectiveCost
from accelsim.results.path import CONTENTION
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.tensor import Role

FloatArray = npt.NDArray[np.float64]
Columns = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Executed:
    """All executions of one operator of a stage in each round; one entry where all rounds are alike.

    Attributes:
        operator: One rank's share.
        count: Executions of a round, per chip.
        flops: Floating-point operations of all rounds together (of one, where all are alike), all chips.
        time_s: Seconds from start to end. float64[R or 1], as all that follows.
        energy_j: Dynamic energy, all chips.
        parts_s: ``time_s`` by cause.
        traffic_bytes: Bytes by level, all chips.
        role_bytes: Bytes of the main memory by tensor role, all chips.
    """

    operator: Operator
    count: int
    flops: int
    time_s: FloatArray
    energy_j: FloatArray
    parts_s: Columns
    traffic_bytes: Columns
    role_bytes: Columns

    @property
    def figures(self) -> dict[tuple[str, str], FloatArray]:
        """Every column by kind and name."""
        named = {"part": self.parts_s, "traffic": self.traffic_bytes, "role": self.role_bytes}
        found = {("time", ""): self.time_s, ("energy", ""): self.energy_j}
        return found | {(kind, name): column for kind, columns in named.items() for name, column in columns.items()}


def executed(
    block: PricedBlock, index: int, time_s: FloatArray, repeat: int, num_ranks: int, main_memory: str
) -> Executed:
    """What operator ``index`` of a block that is repeated did; ``time_s`` is one execution in each round.

    Args:
        block: The operators with their prices, and those whose price grows from round to round.
        index: Which operator of the block.
        time_s: Seconds of one execution in each round, waiting for shared links included. float64[rounds].
        repeat: Executions in a row in every round: layers that are alike.
        num_ranks: Ranks that do the same; bytes, FLOPs and joules are times this.
        main_memory: Name of the memory level whose bytes are booked by tensor role.
    """
    growing = block.growing.get(index)
    alone = _one(block.operators[index], main_memory) if growing is None else _growing(growing, main_memory)
    count = repeat * num_ranks
    parts_s = _with_contention(alone.parts_s, time_s)
    return Executed(
        operator=alone.operator,
        count=repeat,
        flops=alone.flops * count,
        time_s=time_s * repeat,
        energy_j=alone.energy_j * repeat * num_ranks,
        parts_s={cause: seconds * repeat for cause, seconds in parts_s.items()},
        traffic_bytes={level: nbytes * count for level, nbytes in alone.traffic_bytes.items()},
        role_bytes={role: nbytes * count for role, nbytes in alone.role_bytes.items()},
    )


def _one(priced: PricedOperator, main_memory: str) -> Executed:
    """One execution alone of an operator that is alike in all rounds."""
    cost, operator = priced.cost, priced.operator
    parts_s, traffic = (_columns(one) for one in _parts_and_traffic(cost))
    roles: Columns = {}
    if isinstance(cost, OperatorCost):
        compulsory = _columns({role.value: nbytes for role, nbytes in role_bytes(operator).items()})
        roles = _spread(compulsory, traffic.get(main_memory, np.zeros(1)))
    return Executed(operator, 1, operator.flops, np.zeros(1), np.array([cost.energy_j]), parts_s, traffic, roles)


def _columns(values: Mapping[str, float]) -> Columns:
    return {name: np.array([value], dtype=np.float64) for name, value in values.items()}


def _growing(steps: PricedSteps, main_memory: str) -> Executed:
    """One execution alone in each round of an operator that grows."""
    operators, costs = steps.operators, steps.costs
    roles = dict.fromkeys(role for at in (0, operators.count - 1) for role in role_bytes(operators.at(at)))
    compulsory = {role.value: operators.column(_bytes_of(role)) for role in roles}
    moved = costs.traffic_bytes.get(main_memory, np.zeros(operators.count))
    flops = int(operators.column(lambda op: op.flops).astype(np.int64).sum())
    return Executed(
        operator=operators.first,
        count=1,
        flops=flops,
        time_s=np.zeros(1),
        energy_j=costs.energy_j,
        parts_s=costs.parts_s,
        traffic_bytes=costs.traffic_bytes,
        role_bytes=_spread(compulsory, moved),
    )


def _bytes_of(role: Role) -> Callable[[Operator], float]:
    return lambda operator: role_bytes(operator).get(role, 0)


def _spread(compulsory: Columns, moved: FloatArray) -> Columns:
    """Bytes that moved, by role; a cost model may read an operand more than once: spread over the roles that moved."""
    share = moved / np.maximum(1.0, sum(compulsory.values(), np.zeros(1)))
    return {role: nbytes * share for role, nbytes in compulsory.items() if nbytes.any()}


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


def _with_contention(parts_s: Columns, time_s: FloatArray) -> Columns:
    """Parts that sum to the simulated time: what the engine added is contention for a shared memory or link."""
    alone_s = sum(parts_s.values(), np.zeros(1))
    added = np.where((alone_s > 0) & (time_s > alone_s * (1 + 1e-9)), time_s - alone_s, 0.0)
    return {**parts_s, CONTENTION: added} if added.any() else parts_s


class OperatorSum:
    """Running sums of one operator over the series of a run."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.count = self.flops = 0
        self._figures: dict[tuple[str, str], float] = defaultdict(float)

    def add(self, stages: Sequence[Executed], rounds: int) -> None:
        """Add the stages of a series that run the operator, in the order in which they do.

        Args:
            stages: What each stage of the series did of this operator, as columns over rounds.
            rounds: How often the series is played. A column of one entry holds for every round.
        """
        for one in stages:
            self.count += one.count * rounds
            self.flops += one.flops * (rounds if len(one.energy_j) == 1 else 1)
        figures = [one.figures for one in stages]
        for key in dict.fromkeys(key for own in figures for key in own):
            columns = [own[key] for own in figures if key in own]
            self._figures[key] = add_in_order(self._figures[key], columns, rounds)

    def __getitem__(self, kind: str) -> float:
        """The sum of a figure without names, ``time`` or ``energy``."""
        return self._figures[kind, ""]

    def by_name(self, kind: str) -> dict[str, float]:
        """The sums of all figures of a kind, ``part``, ``traffic`` or ``role``."""
        return {name: value for (of_kind, name), value in self._figures.items() if of_kind == kind}


def add_in_order(start: float, columns: Sequence[FloatArray], rounds: int) -> float:
    """``start`` and then the entries of all columns, round after round, as if added one by one.

    Args:
        start: What the sum already is.
        columns: Summands of one round are an entry of each column; float64[rounds] or, where all rounds are alike,
            float64[1].
        rounds: How many rounds there are.
    """
    if rounds == 1:
        return sum((float(column[0]) for column in columns), start)
    values = np.empty(1 + rounds * len(columns))
    values[0] = start
    in_rounds = values[1:].reshape(rounds, len(columns))
    for place, column in enumerate(columns):
        in_rounds[:, place] = column
    return float(np.add.accumulate(values)[-1])
