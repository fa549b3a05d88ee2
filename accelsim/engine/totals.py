"""Exact sums over the stages of a program, far beyond what one run's clock holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from accelsim.engine.clock import MAX_TICKS, ClockOverflowError
from accelsim.engine.runs import Runs
from accelsim.engine.taskgraph import Int64Array


def exact_ends(makespans: Sequence[Int64Array], repeats: Sequence[int], rounds: int) -> list[int]:
    """End of every stage of a series in order of time, as unbounded integers.

    Args:
        makespans: Of each stage: one per round, or one for all.
        repeats: Repetitions of each stage.
        rounds: Rounds of the series.
    """
    bound = sum(float(one.max()) * repeat * rounds for one, repeat in zip(makespans, repeats, strict=True))
    kind = np.int64 if bound < MAX_TICKS / 2 else object
    took = np.empty((rounds, len(makespans)), dtype=kind)
    for place, (one, repeat) in enumerate(zip(makespans, repeats, strict=True)):
        took[:, place] = one.astype(kind) * repeat
    ends: list[int] = np.cumsum(took).tolist()
    return ends


def total_per_resource(column: str, counted: Iterable[tuple[Runs, int]]) -> Int64Array:
    """Sum of a column over runs, each counted so many times.

    Args:
        column: Name of a column of :class:`Runs`, e.g. ``link_bytes``.
        counted: Runs and how often each row of them counts.

    Returns:
        One sum per server or link. int64[resources].

    Raises:
        ClockOverflowError: The total does not fit int64.
    """
    counts: Counter[Runs] = Counter()
    for runs, count in counted:
        counts[runs] += count
    total, bound = np.int64(0), np.float64(0.0)
    for runs, count in counts.items():
        rows = getattr(runs, column)
        times = min(count, MAX_TICKS)
        bound = bound + rows.sum(axis=0, dtype=np.float64) * times
        total = total + rows.sum(axis=0) * np.int64(times)
    if np.size(bound) and float(np.max(bound)) >= 2.0**63:
        raise ClockOverflowError(
            f"program: the total {column} does not fit 64 bits. Report per stage, or repeat fewer times."
        )
    found: Int64Array = np.asarray(total)
    return found
