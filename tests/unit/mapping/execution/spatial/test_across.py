"""From a rectangle to the rim of its chip, through ports that chips share, and on tiles that groups share: by hand."""

from pathlib import Path

import numpy as np
import pytest

from accelsim.engine.program import Program, run_program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.spatial.edge import cut_together
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.report import link_flows
from accelsim.network.noc import Rectangle, largest_rectangle
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill

LINK = "link: {bandwidth: 10 GB/s, latency: 1 us}"


def floor_of(system, *spots):
    return Floor(load_system(str(system)), tuple(Spot(chip, Rectangle(*sides)) for chip, sides in spots))


def seconds(floor, transfers, nbytes):
    """Time of transfers that start together, played by the engine."""
    builder = TaskGraphBuilder()
    for link in floor.links:
        builder.link(*link)
    for lanes in transfers:
        for route, part, latency in zip(lanes.routes, lanes.lane_bytes(nbytes), lanes.latency_s, strict=True):
            builder.task("sent", route=route, nbytes=int(part), latency_s=float(latency))
    return run_program(Program.of(Stage(builder.build(), 1, "sent"))).makespan_s


@pytest.fixture
def pair(tmp_path, small_array):
    path = tmp_path / "pair.yaml"
    path.write_text(
        f"schema_version: 1\nkind: system\nname: pair\ndescription: For tests.\nchip: {small_array}\nlevels:\n"
        f"  seam: {{topology: line, size: 2, {LINK}}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def packages(tmp_path, small_array):
    """Two packages of four arrays, whose one port goes to a switch."""

    def write(ports):
        path = tmp_path / f"packages{ports}.yaml"
        path.write_text(
            "schema_version: 1\nkind: system\nname: packages\ndescription: For tests.\ndefault_chips: 8\n"
            f"chip: {small_array}\nlevels:\n"
            "  package: {topology: ring, size: 4, link: {bandwidth: 100 GB/s, latency: 10 ns}}\n"
            f"  network: {{topology: switch, size: 2, ports_per_group: {ports}, {LINK}}}\n",
            encoding="utf-8",
        )
        return path

    return write


def test_the_way_to_the_rim_is_the_shortest_from_the_middle(pair):
    # rows 24 to 31 are nearest to the north: 28 hops; columns 48 to 63 to the east: 8 hops
    floor = floor_of(pair, (0, (24, 24, 8, 8)), (1, (16, 48, 16, 16)), (1, (0, 0, 8, 8)))
    lanes = floor.lanes((0,), (1,))
    # of its two columns of blocks one is 4 hops away and one 12
    assert sorted(set(lanes.latency_s.round(12))) == pytest.approx([1e-6 + 28e-9 + 4e-9, 1e-6 + 28e-9 + 12e-9])
    assert {floor.links[link][0].split(".")[0].split(" ")[0] for link in lanes.routes[0]} >= {"chip0", "seam"}


def test_what_leaves_a_rectangle_shares_the_columns_above_it_with_what_crosses_them(pair):
    # 8 columns of 4 GB/s to the rim: 32 GB/s, more than the seam's 10; from above it the columns are crossed too.
    floor = floor_of(pair, (0, (24, 24, 8, 8)), (1, (0, 0, 8, 8)), (0, (16, 24, 8, 8)), (0, (8, 24, 8, 8)))
    out = floor.lanes((0,), (1,))
    (route,) = out.routes
    columns = [link for link in route if floor.links[link][0].startswith("chip0.noc")]
    assert len(columns) == 3 and {floor.links[link][1] for link in columns} == {32e9}
    assert seconds(floor, [out], 10_000) == pytest.approx(1e-6 + 28e-9 + 4e-9 + 1e-6, abs=1e-12)
    (crossing,) = floor.lanes((2,), (3,)).routes
    assert set(crossing) & set(columns)
    # 32 kB at half of the link while 10 kB leave at 10 GB/s would be slower than the 22 GB/s that are left
    assert seconds(floor, [out, floor.lanes((2,), (3,))], 32_000) >= seconds(floor, [out], 32_000)


def test_summands_of_two_rectangles_are_one_on_the_seam_and_where_their_columns_meet(pair):
    floor = floor_of(pair, (0, (0, 0, 8, 8)), (0, (8, 0, 8, 8)), (1, (0, 0, 8, 8)))
    lanes = floor.lanes((0, 1), (2,))
    assert lanes.crossings == {"seam": 1.0}
    assert len(lanes.branches) == 2
    assert all(len(route) == len(set(route)) for route in lanes.routes)  # each link carries its part of the sum once
    assert seconds(floor, [lanes], 10_000) == pytest.approx(2e-6, rel=0.02)


def test_lanes_of_both_ends_are_cut_together_and_keep_their_bytes(pair):
    # 16 columns in two blocks at one end, 24 in three at the other
    floor = floor_of(pair, (0, (16, 16, 8, 16)), (1, (16, 8, 8, 24)), (0, (0, 0, 8, 8)))
    lanes = floor.lanes((0,), (1,))
    assert len(lanes.routes) > 2
    assert lanes.lane_bytes(1001).sum() == 1001
    assert cut_together([np.array([0.5, 1.0]), np.array([1 / 3, 2 / 3, 1.0])]) == pytest.approx([1 / 3, 0.5, 2 / 3, 1])


def test_two_chips_of_a_group_share_its_port(packages):
    spots = [(chip, (0, 0, 8, 8)) for chip in range(8)]
    shared, own = floor_of(packages(1), *spots), floor_of(packages(4), *spots)
    across = [(0, 4), (1, 5)]  # from one package to the other
    sent = [[floor.lanes((a,), (b,)) for a, b in across] for floor in (own, shared)]
    # 10 kB at 10 GB/s: 1 us; two over one port 2 us; and 1 us, 8 hops
    assert seconds(own, sent[0], 10_000) == pytest.approx(2.008e-6 + _inside(sent[0]), abs=3e-8)
    assert seconds(shared, sent[1], 10_000) == pytest.approx(3.008e-6 + _inside(sent[1]), abs=3e-8)
    assert seconds(shared, sent[1][:1], 10_000) == pytest.approx(seconds(own, sent[0][:1], 10_000))


def _inside(transfers):
    """Latency of links inside packages on the longest way."""
    return max(lanes.crossings.get("package", 0.0) for lanes in transfers) * 10e-9


def test_what_several_chips_of_a_group_read_comes_in_once(packages):
    floor = floor_of(packages(1), *((chip, (0, 0, 8, 8)) for chip in range(8)))
    lanes = floor.lanes((0,), (4, 5, 6, 7))
    assert lanes.crossings["network"] == 1.0  # to the switch and from it
    assert lanes.crossings["package"] == 3.0
    back = floor.lanes((4, 5, 6, 7), (0,))
    assert back.crossings == lanes.crossings
    names = [floor.links[link][0] for link in lanes.routes[0]]
    assert sum("ports" in name for name in names) == 2  # out of one package, into the other


def test_as_many_ports_as_chips_are_no_limit(packages):
    spots = [(chip, (0, 0, 8, 8)) for chip in range(8)]
    assert not any("ports" in name for name, _ in floor_of(packages(4), *spots).links)


def test_a_tensor_that_stays_is_rearranged_between_groups(tiny, small_array):
    run = place(tiny, small_array, Prefill(1, 64), "execution=spatial,rectangles=shared,chunk=16")
    name, rate = run.floor.links[-1]
    assert name == "chip0.layout" and rate == 4 * 64 * 4e9
    lanes = run.floor.lanes((0,), (1,))
    assert lanes.hops == pytest.approx([2 * (64 - 1 / 64) / 3])
    assert lanes.latency_s == pytest.approx(lanes.hops * 1e-9)
    moved = sum(sum(flows.values()) for flows in link_flows(run).values())
    graph = run.program.stages[0].graph
    assert moved == int(graph.nbytes[np.diff(graph.route_ptr) > 0].sum()) > 0


def test_a_rearranged_tensor_loads_the_middle_of_a_mesh_as_every_pair_of_tiles_does(small_array):
    from accelsim.network.noc import coarse_topology, rect_to_rect_transfer

    mesh = coarse_topology(load_system(small_array).chip)
    whole = Rectangle(0, 0, 64, 64)
    busiest = rect_to_rect_transfer(mesh, whole, whole, 1.0, "scattered")
    floor = floor_of(small_array, (0, (0, 0, 64, 64)), (0, (0, 0, 64, 64)))
    assert mesh.busiest_s(busiest) == pytest.approx(1 / floor.links[-1][1])
    assert mesh.byte_hops(busiest) == pytest.approx(float(floor.lanes((0,), (1,)).hops[0]))


def test_the_largest_rectangle_of_working_cores_is_found():
    rng = np.random.default_rng(3)
    for _ in range(40):
        works = rng.random((rng.integers(1, 7), rng.integers(1, 8))) < 0.7
        if not works.any():
            continue
        found = largest_rectangle(works)
        rows, cols = works.shape
        best = max(
            (r1 - r0) * (c1 - c0)
            for r0 in range(rows)
            for r1 in range(r0 + 1, rows + 1)
            for c0 in range(cols)
            for c1 in range(c0 + 1, cols + 1)
            if works[r0:r1, c0:c1].all()
        )
        assert found.num_cores == best
        assert works[found.row : found.row + found.rows, found.col : found.col + found.cols].all()


@pytest.mark.parametrize("ports", [1, 2])
def test_packages_with_shared_ports_run_a_model(tiny, packages, ports):
    run = place(tiny, str(Path(packages(ports))), Decode(4, 64), "execution=spatial,pieces=8,rectangles=shared,chunk=1")
    timeline = run_program(run.program)
    assert timeline.makespan_s > 0
