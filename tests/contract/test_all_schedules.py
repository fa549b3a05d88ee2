"""Every schedule plays every cell once, in an order that can be played, with no more in flight than it says."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapping.schedule.base import BACKWARD, FORWARD, INFERENCE, SCHEDULES, TRAINING, Cell, waits_for

sizes = st.tuples(st.integers(1, 6), st.integers(1, 9))
ALL = [(name, directions) for name in SCHEDULES.names() for directions in (INFERENCE, TRAINING)]


def orders(name, num_stages, num_microbatches, directions):
    schedule = SCHEDULES.get(name)
    return [list(schedule.cells(stage, num_stages, num_microbatches, directions)) for stage in range(num_stages)]


@pytest.mark.parametrize(("name", "directions"), ALL)
@given(sizes)
def test_every_cell_is_played_once(name, directions, size):
    for stage, order in enumerate(orders(name, *size, directions)):
        wanted = {Cell(stage, microbatch, way) for microbatch in range(size[1]) for way in directions}
        assert len(order) == len(wanted)
        assert set(order) == wanted


@pytest.mark.parametrize(("name", "directions"), ALL)
@given(sizes)
def test_the_order_of_stages_and_what_cells_wait_for_have_no_circle(name, directions, size):
    graph = nx.DiGraph()
    for order in orders(name, *size, directions):
        nx.add_path(graph, order)
        graph.add_edges_from((waits_for(cell, size[0]), cell) for cell in order if waits_for(cell, size[0]))
    assert nx.is_directed_acyclic_graph(graph)
    assert len(graph) == size[0] * size[1] * len(directions)


@pytest.mark.parametrize("name", SCHEDULES.names())
@given(sizes)
def test_in_flight_is_what_the_schedule_says(name, size):
    for stage, order in enumerate(orders(name, *size, TRAINING)):
        held, most = 0, 0
        for cell in order:
            held += {FORWARD: 1, BACKWARD: -1}[cell.direction]
            most = max(most, held)
        assert held == 0
        assert most == SCHEDULES.get(name).most_in_flight(stage, *size)


def test_one_forward_one_backward_in_full():
    order = orders("1f1b", 2, 3, TRAINING)
    text = [" ".join(f"{cell.direction[0]}{cell.microbatch}" for cell in stage) for stage in order]
    assert text == ["f0 f1 b0 f2 b1 b2", "f0 b0 f1 b1 f2 b2"]
