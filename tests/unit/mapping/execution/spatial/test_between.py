"""Groups on several chips talk over the topology of the system: bytes, links and times by hand."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from accelsim.hardware.system import load_system
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.report import link_flows
from accelsim.network.noc import Rectangle
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill


def dies(path, topology, size, chip="small-array.yaml", efficiency=1.0):
    """A system of small arrays joined by links of 10 GB/s and 1 us."""
    path.write_text(
        f"schema_version: 1\nkind: system\nname: dies\ndescription: For tests.\nchip: {chip}\nlevels:\n"
        f"  seam:\n    topology: {topology}\n    size: {size}\n"
        "    link: {bandwidth: 10 GB/s, latency: 1 us, energy: 1 pJ/B}\n"
        f"    collectives: {{protocols: {{direct: {{efficiency: {efficiency}}}}}}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def mesh_of_dies(tmp_path, small_array):
    return str(dies(tmp_path / "dies.yaml", "mesh", "[3, 3]", small_array))


def floor_of(system, chips):
    return Floor(load_system(system), tuple(Spot(chip, Rectangle(0, 0, 8, 8)) for chip in chips))


def test_a_transfer_between_two_chips_takes_latency_and_bytes_over_bandwidth(tmp_path, small_array):
    floor = floor_of(str(dies(tmp_path / "two.yaml", "line", 2, small_array, efficiency=0.8)), [0, 1])
    lanes = floor.lanes((0,), (1,))
    assert lanes.crossings == {"seam": 1.0}
    # 4 hops of 1 ns from the middle to the rim and 4 back, 1 us, and 8,000 bytes at 0.8 x 10 GB/s: 1 us more
    assert floor.alone_s(lanes, lanes.lane_bytes(8000)) == pytest.approx([2.008e-6])
    assert lanes.hops == pytest.approx([8.0])


def test_chips_are_numbered_along_a_snake_so_that_each_is_next_to_the_one_before(mesh_of_dies):
    floor = floor_of(mesh_of_dies, range(9))
    for chip in range(8):
        assert floor.lanes((chip,), (chip + 1,)).crossings == {"seam": 1.0}
    # 0 1 2 / 5 4 3 / 6 7 8: from one corner to the other
    far = floor.lanes((0,), (8,))
    assert far.crossings == {"seam": 4.0}
    assert far.latency_s == pytest.approx([4.008e-6])


def test_readers_on_several_chips_share_one_tree(mesh_of_dies):
    floor = floor_of(mesh_of_dies, [0, 5, 6, 6])
    lanes = floor.lanes((0,), (1, 2, 3))  # chip 6 is behind chip 5
    assert lanes.crossings == {"seam": 2.0}
    assert [len(branch[0]) for branch in lanes.branches] == [1, 2, 2]
    assert floor.lanes((1, 2), (0,)).crossings == {"seam": 2.0}  # and so do summands on their way back


def test_two_transfers_over_one_seam_share_it_and_others_do_not(tiny, mesh_of_dies):
    run = place(tiny, mesh_of_dies, Prefill(1, 64), "chunk=16,pieces=4,rectangles=shared")
    graph = run.program.stages[0].graph
    crossing = [task for task in range(graph.num_tasks) if graph.route_ptr[task + 1] > graph.route_ptr[task]]
    links = {link for task in crossing for link in graph.route(task).tolist()}
    assert {rate for name, rate in (run.floor.links[link] for link in links) if name.startswith("seam")} == {10e9}
    assert all(len(set(graph.route(task).tolist())) == len(graph.route(task)) for task in crossing)


@pytest.mark.parametrize("plan", ["chunk=16,pieces=3", "chunk=16,pieces=4,rectangles=shared", "chunk=16,chips=1"])
def test_bytes_of_links_tasks_tensors_and_ledger_are_the_same(tiny, mesh_of_dies, plan):
    run = place(tiny, mesh_of_dies, Prefill(1, 64), plan)
    graph, floor = run.program.stages[0].graph, run.floor
    seams = {link for link, (name, _) in enumerate(floor.links) if name.startswith("seam")}
    of_route = np.repeat(graph.nbytes, np.diff(graph.route_ptr))
    by_task = np.bincount(graph.route_link, of_route, graph.num_links)
    over_seams = sum(float(by_task[link]) for link in seams)
    by_flow = sum(sum(flows.values()) for link, flows in link_flows(run).items() if link in seams)
    booked: dict[str, float] = defaultdict(float)
    energy_j = 0.0
    for booking in run.overlapped.bookings:
        if booking.kind == "transfer" and "seam" in booking.cost.traffic_bytes:
            booked["seam"] += booking.cost.traffic_bytes["seam"] * booking.count
            energy_j += booking.cost.energy_j * booking.count
    assert booked["seam"] == pytest.approx(over_seams)
    assert by_flow == pytest.approx(over_seams)
    assert energy_j == pytest.approx(over_seams * 1e-12)  # a hop on the chip costs none here
    assert (over_seams > 0) is (floor.num_chips > 1)


def test_a_wider_seam_is_never_slower_and_a_farther_one_never_faster(tiny, mesh_of_dies):
    from accelsim.engine.program import run_program

    def seconds(*overrides):
        plan = "chunk=4,pieces=4,rectangles=shared"
        run = place(tiny, mesh_of_dies, Decode(8, 64), plan, overrides=overrides)
        return run_program(run.program).makespan_s

    plain = seconds()
    assert seconds(("system.levels.seam.link.bandwidth", "20 GB/s")) <= plain
    assert seconds(("system.levels.seam.link.latency", "2 us")) > plain


def test_a_dead_seam_is_gone_around(mesh_of_dies):
    system = load_system(mesh_of_dies)
    seam = system.levels["seam"]
    fault = {"src": 0, "dst": 1, "capacity_fraction": 0.0}
    spec = seam.spec.model_validate({**seam.spec.model_dump(), "faults": (fault,)})
    broken = replace(system, levels={"seam": replace(seam, spec=spec)})
    floor = Floor(broken, tuple(Spot(chip, Rectangle(0, 0, 8, 8)) for chip in range(9)))
    direct = floor_of(mesh_of_dies, range(9)).lanes((0,), (1,))
    assert direct.crossings == {"seam": 1.0}
    seats = floor._between._seats
    there = seats.index(1)
    assert floor.lanes((0,), (there,)).crossings == {"seam": 3.0}  # down, across and up again
