"""All passes of a phase as few series of steps that grow evenly."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.workload.build import build_step
from accelsim.workload.graph import Workload
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.steps import StepSeries, series_of
from accelsim.workload.subject import Subject


def build_series(model: Subject, phase: Phase, recipe: Recipe | None = None) -> tuple[StepSeries, ...]:
    """All passes of the phase in order, in as few series as there are.

    A decode is one series, apart from a first step without a cache and steps in which a window fills.

    Args:
        model: What is computed.
        phase: On which tokens.
        recipe: How; None takes the model's own types.

    Raises:
        ConfigError: As :func:`~accelsim.workload.build.build_workload`.
    """
    count = len(phase.traversals())
    built: dict[int, Workload] = {}

    def build(step: int) -> Workload:
        if step not in built:
            built[step] = build_step(model, phase, step, recipe)
        return built[step]

    found: list[StepSeries] = []
    start = 0
    while start < count:
        found.append(_longest(build, start, count))
        start += found[-1].count
    return tuple(found)


def _longest(build: Callable[[int], Workload], start: int, stop: int) -> StepSeries:
    """The longest series from pass ``start`` on that ends before ``stop``.

    Growth stops once, so every shorter series is one too, and the longest is found by halving.
    """

    def series(end: int) -> StepSeries | None:
        return series_of(build(start), build(start + 1), build(end - 1), end - start, start)

    found = StepSeries.one(build(start), start)
    if stop - start < 2:
        return found
    whole = series(stop)
    if whole is not None:
        return whole
    good, bad = start + 1, stop
    while bad - good > 1:
        middle = (good + bad) // 2
        tried = series(middle)
        if tried is None:
            bad = middle
        else:
            good, found = middle, tried
    return found
