"""What is sent once and read several times: trees, and that no byte is lost or counted twice."""

from collections import defaultdict

import numpy as np
import pytest

from accelsim.mapping.execution.spatial.casts import casts_of
from accelsim.mapping.execution.spatial.groups import Flow
from accelsim.mapping.execution.spatial.report import link_flows
from accelsim.network.noc import CoarseMesh, MeshGrid, Rectangle, multicast_links, rect_to_rects_flows
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill

PLAN = "execution=spatial,chunk=16,granularity=operator,placer=greedy"


@pytest.fixture(scope="module")
def run(tiny, small_array):
    return place(tiny, small_array, Prefill(1, 64), PLAN)


def test_flows_of_one_tensor_to_one_chip_are_one_cast():
    flows = [Flow(0, 1, 0, "x"), Flow(0, 2, 0, "x"), Flow(0, 2, 0, "y"), Flow(0, 3, 0, "x"), Flow(1, 2, 0, "x")]
    casts = casts_of(flows, chip_of=[0, 0, 0, 1])
    assert [(cast.flows, cast.consumers) for cast in casts] == [
        ((0, 1), (1, 2)),
        ((2,), (2,)),
        ((3,), (3,)),
        ((4,), (2,)),
    ]


def test_a_tree_to_single_tiles_is_the_dimension_order_tree():
    mesh = CoarseMesh("m", (6, 6), 1, 1e9, 1e-9)
    targets = [(0, 5), (4, 5), (3, 2), (0, 2)]
    every = rect_to_rects_flows(mesh, Rectangle(2, 0, 1, 1), [Rectangle(r, c, 1, 1) for r, c in targets], 100)
    links = {int(link) for flows in every for link in mesh.routes(flows.src, flows.dst).link}
    grid = MeshGrid(6, 6)
    assert sorted(links) == multicast_links(grid, 12, [grid.node(r, c) for r, c in targets]).tolist()
    assert all(flows.nbytes.tolist() == [100] for flows in every)


def test_every_reader_of_a_multicast_gets_every_byte_at_its_tiles():
    mesh = CoarseMesh("m", (12, 12), 3, 1e9, 1e-9)
    places = [Rectangle(0, 0, 4, 5), Rectangle(7, 1, 5, 3), Rectangle(1, 8, 6, 4)]
    every = rect_to_rects_flows(mesh, places[0], places[1:], 9973)
    for flows, place_ in zip(every, places[1:], strict=True):
        assert flows.nbytes.sum() == 9973
        assert (flows.src == every[0].src).all()
        arrived = np.bincount(flows.dst, flows.nbytes, mesh.grid.num_nodes)
        for block in range(mesh.grid.num_nodes):
            row, col = divmod(block, mesh.grid.cols)
            rows = max(0, min(place_.row + place_.rows, 3 * row + 3) - max(place_.row, 3 * row))
            cols = max(0, min(place_.col + place_.cols, 3 * col + 3) - max(place_.col, 3 * col))
            assert arrived[block] == pytest.approx(9973 * rows * cols / place_.num_cores, abs=20)  # whole bytes


def test_bytes_that_leave_producers_arrive_at_every_reader_once(run):
    total = run.flow_total_bytes
    served = [flow for cast in run.settled.casts for flow in cast.flows]
    assert sorted(served) == list(range(len(run.pipeline.flows)))
    assert max(len(cast.flows) for cast in run.settled.casts) > 1
    left = sum(int(total[cast.flows[0]]) for cast in run.settled.casts)
    arrived = sum(int(total[flow]) for flow in served)
    fan_out = sum(int(total[cast.flows[0]]) * len(cast.flows) for cast in run.settled.casts)
    assert arrived == fan_out > left
    for cast in run.settled.casts:
        lanes = run.floor.lanes(cast.producers, cast.consumers)
        assert int(lanes.lane_bytes(int(total[cast.flows[0]])).sum()) == int(total[cast.flows[0]])


def test_link_sums_are_the_sums_over_tensors_and_over_tasks(run):
    hops = np.concatenate([run.floor.mesh.num_hops])
    per_link = {link: sum(flows.values()) for link, flows in link_flows(run).items()}
    by_link = sum(nbytes * hops[link] for link, nbytes in per_link.items())
    booked: dict[str, float] = defaultdict(float)
    for booking in run.overlapped.bookings:
        if booking.kind == "transfer":
            booked[booking.name] += booking.cost.traffic_bytes["noc"] * booking.count
    assert by_link == pytest.approx(run.link_byte_hops, rel=1e-4)  # whole bytes per unit and lane
    assert sum(booked.values()) == pytest.approx(run.link_byte_hops)
    graph = run.program.stages[0].graph
    of_route = np.repeat(graph.nbytes, np.diff(graph.route_ptr))
    per_task = np.bincount(graph.route_link, of_route, graph.num_links)
    assert float(per_task @ hops) == pytest.approx(run.link_byte_hops)


def test_a_tree_carries_less_than_a_copy_for_each_reader(run):
    total = run.flow_total_bytes
    copies = 0.0
    for flow, nbytes in zip(run.pipeline.flows, total.tolist(), strict=True):
        lanes = run.floor.lanes((flow.producer,), (flow.consumer,))
        copies += float(lanes.lane_bytes(nbytes) @ lanes.hops)
    assert run.link_byte_hops < copies


@pytest.mark.parametrize("phase", [Prefill(2, 32), Decode(4, 50, 3)])
def test_operator_granularity_runs_to_its_end_and_computes_what_one_group_per_layer_does(tiny, small_array, phase):
    runs = [
        simulate(tiny, small_array, phase, f"execution=spatial,chunk=4,granularity={name}", what_ifs=False)
        for name in ("operator", "layer")
    ]
    flops = [float(result.operators()["flops"].sum()) for result in runs]
    assert flops[0] == pytest.approx(flops[1])
