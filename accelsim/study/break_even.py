"""Break-even points: the value of one parameter at which one machine stops being faster than another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from accelsim.study.parameters import Parameter, find_parameter, scaled
from accelsim.study.sensitivity import Experiment

#: Smallest and largest factor tried, and factors per decade of the first look.
RANGE = (0.01, 100.0)
POINTS_PER_DECADE = 4
_PRECISION = 1e-4


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value at which both machines are equally fast.

    Attributes:
        factor: Times the described value.
        wins_above: Whether the varied machine is the faster one above it.
    """

    factor: float
    wins_above: bool


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where the order of two machines turns.

    Attributes:
        parameter: What was varied.
        latency_s: Of the varied machine as described.
        other_s: Of the machine it is compared with.
        crossings: In order of the factor; empty if the order never turns in the range.
        lowest_s: Latency at the lower end of the range.
        highest_s: Latency at the upper end of the range.
    """

    parameter: Parameter
    latency_s: float
    other_s: float
    crossings: tuple[Crossing, ...]
    lowest_s: float
    highest_s: float


def break_even(
    experiment: Experiment, path: str, other_s: float, progress: Callable[[int, int], None] | None = None
) -> BreakEven:
    """Values of the parameter at ``path`` at which ``experiment`` takes exactly ``other_s``.

    The latency is looked at on a logarithmic grid from 1/100 to 100 times the described value, and every change of
    order is narrowed down by bisection to 0.01 %.  Not found: two changes between neighbours of the grid.

    Args:
        experiment: The run whose machine is varied.
        path: Parameter of that machine.
        other_s: Latency of the machine it is compared with.
        progress: Called with (done, all) after each point of the grid.

    Raises:
        ConfigError: There is no such parameter.
    """
    parameter = find_parameter(experiment.system, path)

    def lead_s(factor: float) -> float:
        return other_s - experiment.run(scaled(experiment.system, path, factor)[0]).latency_s

    decades = math.log10(RANGE[1] / RANGE[0])
    steps = round(decades * POINTS_PER_DECADE)
    grid = [RANGE[0] * 10 ** (index / POINTS_PER_DECADE) for index in range(steps + 1)]
    leads: list[float] = []
    for factor in grid:
        leads.append(lead_s(factor))
        if progress is not None:
            progress(len(leads), len(grid))
    crossings = tuple(
        Crossing(_bisect(lead_s, grid[i], grid[i + 1], leads[i]), wins_above=leads[i + 1] > 0)
        for i in range(steps)
        if (leads[i] > 0) != (leads[i + 1] > 0)
    )
    base_s = experiment.run().latency_s
    return BreakEven(parameter, base_s, other_s, crossings, other_s - leads[0], other_s - leads[-1])


def _bisect(lead_s: Callable[[float], float], low: float, high: float, lead_low_s: float) -> float:
    while high / low > 1.0 + _PRECISION:
        middle = math.sqrt(low * high)
        if (lead_s(middle) > 0) == (lead_low_s > 0):
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
