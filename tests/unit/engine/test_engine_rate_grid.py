"""The unit of rates: where it is the usual one, what it leaves, and what it cannot divide."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.engine import make_task_graph, simulate
from accelsim.engine.fair.grid import RateGrid


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [
        (1.0, 60),  # below 2**60.
        (2.0**20 - 1, 41),
        (2.0**21, 14),
        (3.35e12, 14),
        (2.0**47 - 1, 14),
        (2.0**47, 13),
        (2.1e16, 6),
    ],
)
def test_the_unit_is_the_usual_one_for_links_of_hardware(largest: float, exponent: int) -> None:
    capacity = np.array([largest, largest / 3])
    grid = RateGrid.of(capacity)
    assert grid.exponent == exponent
    assert grid.units(capacity)[0] == largest * 2.0**exponent < 2**61


def test_capacities_are_rounded_down() -> None:
    grid = RateGrid(14)
    almost = 1 + 2.0**-14 - 2.0**-20
    assert grid.units(np.array([almost])).tolist() == [2**14] == [grid.units_of(almost)]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_transfer_alone_moves_at_the_full_capacity(engine: str) -> None:
    # 900 GB/s and 1 MB: 1e21 / 9e11 ticks, rounded up.
    capacity = 900e9
    graph = make_task_graph(1, nbytes=10**6, route_link=[0], capacity_bytes_per_s=[capacity])
    assert simulate(graph, engine).makespan_ticks == 1_111_111_112  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_what_cannot_be_divided_is_lost_and_less_than_a_unit_for_each(engine: str) -> None:
    # 10 units (2**-14 bytes/s beside a link of 4 MB/s) over three are 3 each: a byte takes 2**14 / 3 s.
    capacity = [4e6, 10 * 2.0**-14]
    graph = make_task_graph(3, nbytes=1, route_link=[1, 1, 1], capacity_bytes_per_s=capacity)
    assert simulate(graph, engine).makespan_s == pytest.approx(2**14 / 3, rel=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_less_than_a_unit_for_each_is_longer_than_the_clock(engine: str) -> None:
    capacity = [4e6, 10 * 2.0**-14]
    graph = make_task_graph(11, nbytes=1, route_link=[1] * 11, capacity_bytes_per_s=capacity)
    with pytest.raises(OverflowError, match="passes 9223 s"):
        simulate(graph, engine)  # type: ignore[arg-type]
