"""What the operators of a run took and moved in its rounds, and their sums in the order of the run.

A figure that is alike in all rounds is a number, any other a column with an entry per round.

Sums of floats depend on their order; bytes of two runs that did the same have to be the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.mapping.price import PricedBlock, PricedOperator, PricedSteps
from accelsim.results.path import CONTENTION
from accelsim.workload.operator import Operator, role_bytes
from accelsim.workload.tensor import Role

FloatArray = npt.NDArray[np.float64]
Figure = float | npt.NDArray[np.floating[Any]]
Figures = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Executed:
    """All executions of one operator of a stage in each round.

    Attributes:
        operator: One rank's share.
        count: Executions of a round, per chip.
        is_growing: Whether the operator differs from round to round.
        flops: Floating-point operations of all rounds together (of one, where it does not grow), all chips.
        time_s: Seconds from start to end; a number or float64[R], as all that follows.
        energy_j: Dynamic energy, all chips.
        rest_s: Seconds' worth of busy power that a chip does not draw.
        parts_s: ``time_s`` by cause.
        traffic_bytes: Bytes by level, all chips.
        role_bytes: Bytes of the main memory by tensor role, all chips.
    """

    operator: Operator
    count: int
    is_growing: bool
    flops: int
    time_s: Figure
    energy_j: Figure
    rest_s: Figure
    parts_s: Figures
    traffic_bytes: Figures
    role_bytes: Figures

    @property
    def figures(self) -> dict[str, Figures]:
        """Every figure by kind and name."""
        return {
            "time": {"": self.time_s},
            "energy": {"": self.energy_j},
            "rest": {"": self.rest_s},
            "part": self.parts_s,
            "traffic": self.traffic_bytes,
            "role": self.role_bytes,
        }


def figure_of(column: FloatArray) -> Figure:
    """A column with an entry per run: a number where there is one run."""
    return float(column[0]) if len(column) == 1 else column


def executed(block: PricedBlock, index: int, time_s: Figure, repeat: int, num_ranks: int, main_memory: str) -> Executed:
    """What operator ``index`` of a block that is repeated did; ``time_s`` is one execution in each round.

    Args:
        block: The operators with their prices, and those whose price grows from round to round.
        index: Which operator of the block.
        time_s: Seconds of one execution in each round, waiting for shared links included; a number or float64[rounds].
        repeat: Executions in a row in every round: layers that are alike.
        num_ranks: Ranks that do the same; bytes, FLOPs and joules are times this.
        main_memory: Name of the memory level whose bytes are booked by tensor role.
    """
    growing = block.growing.get(index)
    alone = _one(block.operators[index], main_memory) if growing is None else _growing(growing, main_memory)
    count = repeat * num_ranks
    parts_s = _with_contention(alone.parts_s, time_s)
    return Executed(
        operator=block.operators[index].operator,
        count=repeat,
        is_growing=growing is not None,
        flops=alone.flops * count,
        time_s=time_s * repeat,
        energy_j=alone.energy_j * repeat * num_ranks,
        rest_s=alone.rest_s * repeat,
        parts_s={cause: seconds * repeat for cause, seconds in parts_s.items()},
        traffic_bytes={level: nbytes * count for level, nbytes in alone.traffic_bytes.items()},
        role_bytes={role: nbytes * count for role, nbytes in alone.role_bytes.items()},
    )


class _Alone(NamedTuple):
    """One execution of an operator alone on one chip, in each round."""

    flops: int
    energy_j: Figure
    rest_s: Figure
    parts_s: Figures
    traffic_bytes: Figures
    role_bytes: Figures


def _one(priced: PricedOperator, main_memory: str) -> _Alone:
    """An operator that is alike in all rounds."""
    cost, operator = priced.cost, priced.operator
    roles: Figures = {}
    if cost.on_cores:
        compulsory = role_bytes(operator)
        share = cost.traffic_bytes.get(main_memory, 0.0) / max(1, sum(compulsory.values()))
        roles = {role.value: nbytes * share for role, nbytes in compulsory.items()}
    return _Alone(operator.flops, cost.energy_j, cost.rest_s, cost.parts_s, cost.traffic_bytes, roles)


def _growing(steps: PricedSteps, main_memory: str) -> _Alone:
    """An operator that grows; a cost model may read an operand more than once: spread over the roles that moved."""
    operators, costs = steps.operators, steps.costs
    roles = dict.fromkeys(role for at in (0, operators.count - 1) for role in role_bytes(operators.at(at)))
    compulsory = {role.value: operators.column(_bytes_of(role)) for role in roles}
    moved = costs.traffic_bytes.get(main_memory, np.zeros(operators.count))
    share = moved / np.maximum(1.0, sum(compulsory.values(), np.zeros(1)))
    return _Alone(
        flops=int(operators.column(lambda op: op.flops).astype(np.int64).sum()),
        energy_j=costs.energy_j,
        rest_s=costs.rest_s,
        parts_s=costs.parts_s,
        traffic_bytes=costs.traffic_bytes,
        role_bytes={role: nbytes * share for role, nbytes in compulsory.items() if nbytes.any()},
    )


def _bytes_of(role: Role) -> Callable[[Operator], float]:
    return lambda operator: role_bytes(operator).get(role, 0)


def _with_contention(parts_s: Figures, time_s: Figure) -> Figures:
    """Parts that sum to the simulated time: what the engine added is contention for a shared memory or link."""
    alone_s: Figure = sum(parts_s.values())
    is_longer = (alone_s > 0) & (time_s > alone_s * (1 + 1e-9))
    return {**parts_s, CONTENTION: (time_s - alone_s) * is_longer} if np.any(is_longer) else parts_s


class OperatorSum:
    """Running sums of one operator over the series of a run."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.count = self.flops = 0
        self._figures: dict[str, dict[str, float]] = defaultdict(dict)

    def add(self, stages: Sequence[Executed], rounds: int) -> None:
        """Add the stages of a series that run the operator, in the order in which they do.

        Args:
            stages: What each stage of the series did of this operator.
            rounds: How often the series is played. A number holds for every round.
        """
        for one in stages:
            self.count += one.count * rounds
            self.flops += one.flops * (1 if one.is_growing else rounds)
        for kind in stages[0].figures:
            own = [one.figures[kind] for one in stages]
            sums = self._figures[kind]
            for name in dict.fromkeys(name for figures in own for name in figures):
                sums[name] = add_in_order(sums.get(name, 0.0), [f[name] for f in own if name in f], rounds)

    def __getitem__(self, kind: str) -> float:
        """The sum of a figure without names, ``time``, ``energy`` or ``rest``."""
        return self._figures[kind][""]

    def by_name(self, kind: str) -> dict[str, float]:
        """The sums of all figures of a kind, ``part``, ``traffic`` or ``role``."""
        return self._figures[kind]


def add_in_order(start: float, figures: Sequence[Figure], rounds: int) -> float:
    """``start`` and then what the figures are in each round, round after round, as if added one by one.

    Args:
        start: What the sum already is.
        figures: Summands of one round are an entry of each column, float64[rounds], and the numbers.
        rounds: How many rounds there are.
    """
    if rounds == 1:
        return float(sum(figures, start))
    values = np.empty(1 + rounds * len(figures))
    values[0] = start
    in_rounds = values[1:].reshape(rounds, len(figures))
    for place, figure in enumerate(figures):
        in_rounds[:, place] = figure
    return float(np.add.accumulate(values)[-1])
