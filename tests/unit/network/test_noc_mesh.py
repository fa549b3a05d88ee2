"""Links, routes, trees, rectangles and coarse meshes of the on-chip network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.config.validate import validate
from accelsim.engine import simulate
from accelsim.errors import ConfigError, PlacementError, RoutingError, ShapeError
from accelsim.hardware.chip import Chip
from accelsim.network.noc import (
    CoarseMesh,
    MeshFlows,
    MeshGrid,
    Rectangle,
    coarse_topology,
    flow_graph,
    multicast_link_bytes,
    multicast_links,
    rect_to_rect_flows,
    rect_to_rect_transfer,
    reduction_link_bytes,
    reduction_links,
    route_link_bytes,
    xy_route_links,
)

sides = st.integers(1, 7)


@st.composite
def grids_with_pairs(draw: st.DrawFn) -> tuple[MeshGrid, np.ndarray, np.ndarray, np.ndarray]:
    grid = MeshGrid(draw(sides), draw(sides))
    node = st.integers(0, grid.num_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node, st.integers(0, 1000)), min_size=1, max_size=30))
    src, dst, nbytes = np.array(pairs).T
    return grid, src, dst, nbytes


@st.composite
def meshes_with_rectangles(draw: st.DrawFn, block: int | None = None) -> tuple[CoarseMesh, Rectangle, Rectangle]:
    rows, cols = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    mesh = CoarseMesh("test chip", (rows, cols), block or draw(st.integers(1, 6)), 1e9, 1e-9)
    rectangles = []
    for _ in range(2):
        row, col = draw(st.integers(0, rows - 1)), draw(st.integers(0, cols - 1))
        rectangles.append(Rectangle(row, col, draw(st.integers(1, rows - row)), draw(st.integers(1, cols - col))))
    return mesh, rectangles[0], rectangles[1]


layouts = st.sampled_from(["aligned", "scattered"])


# ---- links and routes ----


def test_a_2x3_mesh_has_14_links_with_their_own_names() -> None:
    grid = MeshGrid(2, 3)
    # 2 rows x 2 = 4 across and 3 down, both ways
    assert grid.num_links == 14
    assert grid.link_names[0] == "noc(0,0)->(0,1)"
    assert grid.link_names[-1] == "noc(1,2)->(0,2)"
    assert len(set(grid.link_names)) == 14
    assert grid.link_names[1:3] == ("noc(0,1)->(0,2)", "noc(1,0)->(1,1)")


@given(sides, sides)
def test_names_ends_and_reversed_links_agree(rows: int, cols: int) -> None:
    grid = MeshGrid(rows, cols)
    src, dst = grid.ends
    back = grid.reversed_links(np.arange(grid.num_links))
    np.testing.assert_array_equal(src[back], dst)
    np.testing.assert_array_equal(dst[back], src)
    for link, name in enumerate(grid.link_names):
        here, there = (divmod(int(node), cols) for node in (src[link], dst[link]))
        assert name == f"noc({here[0]},{here[1]})->({there[0]},{there[1]})"


def test_a_route_turns_once_from_row_to_column() -> None:
    grid = MeshGrid(3, 4)
    routes = xy_route_links(grid, [grid.node(2, 3)], [grid.node(0, 1)])
    assert [grid.link_name(int(link)) for link in routes[0]] == [
        "noc(2,3)->(2,2)",
        "noc(2,2)->(2,1)",
        "noc(2,1)->(1,1)",
        "noc(1,1)->(0,1)",
    ]


@given(grids_with_pairs())
def test_routes_are_unbroken_and_shortest_and_their_loads_add_up(case: tuple) -> None:
    grid, src, dst, nbytes = case
    routes = xy_route_links(grid, src, dst)
    leaves, enters = grid.ends
    for i, (a, b) in enumerate(zip(src, dst, strict=True)):
        nodes = [a, *enters[routes[i]]]
        assert nodes[-1] == b
        assert nodes[:-1] == list(leaves[routes[i]])
        assert len(routes[i]) == abs(a // grid.cols - b // grid.cols) + abs(a % grid.cols - b % grid.cols)
    expected = np.bincount(routes.link, np.repeat(nbytes, routes.hops).astype(float), grid.num_links)
    np.testing.assert_array_equal(route_link_bytes(grid, src, dst, nbytes), expected)


def test_a_node_outside_the_mesh_is_named() -> None:
    with pytest.raises(RoutingError, match=r"mesh 2x3: no node 6\. Nodes are 0 to 5\."):
        xy_route_links(MeshGrid(2, 3), [0], [6])
    with pytest.raises(ShapeError, match="0x3 has no nodes"):
        MeshGrid(0, 3)


# ---- trees ----


@given(grids_with_pairs())
def test_a_multicast_tree_is_the_union_of_its_routes(case: tuple) -> None:
    grid, src, dst, _ = case
    root = int(src[0])
    union = np.unique(xy_route_links(grid, np.full_like(dst, root), dst).link)
    np.testing.assert_array_equal(multicast_links(grid, root, dst), union)


@given(grids_with_pairs())
def test_every_receiver_of_a_tree_is_entered_once(case: tuple) -> None:
    grid, src, dst, _ = case
    root = int(src[0])
    entered = np.bincount(grid.ends[1][multicast_links(grid, root, dst)], minlength=grid.num_nodes)
    assert entered.max(initial=0) <= 1
    assert entered[root] == 0
    assert all(entered[node] == 1 for node in dst if node != root)


@given(grids_with_pairs())
def test_many_trees_at_once_load_links_as_one_after_the_other(case: tuple) -> None:
    grid, src, dst, nbytes = case
    tree = np.arange(len(dst)) % 3 % len(src)
    roots, size = src[:3], nbytes[:3]
    expected = np.zeros(grid.num_links)
    back = np.zeros(grid.num_links)
    for t, root in enumerate(roots):
        expected[multicast_links(grid, int(root), dst[tree == t])] += size[t]
        back[reduction_links(grid, dst[tree == t], int(root))] += size[t]
    np.testing.assert_array_equal(multicast_link_bytes(grid, roots, tree, dst, size), expected)
    np.testing.assert_array_equal(reduction_link_bytes(grid, roots, tree, dst, size), back)


def test_a_broadcast_to_the_whole_mesh_uses_one_link_per_other_node() -> None:
    grid = MeshGrid(5, 4)
    assert len(multicast_links(grid, 7, np.arange(20))) == 19
    # 19 copies sent one by one would cross sum of distances links: columns 3,2,1,0 x 5 rows + rows 1,0,1,2,3 x 4
    assert xy_route_links(grid, np.full(20, 7), np.arange(20)).ptr[-1] == 5 * 6 + 4 * 7


def test_a_tree_with_a_wrong_node_or_group_is_refused() -> None:
    grid = MeshGrid(2, 2)
    with pytest.raises(RoutingError, match="outside 0 to 3"):
        multicast_links(grid, 0, [1, 4])
    with pytest.raises(RoutingError, match="tree in 0 to 0"):
        multicast_link_bytes(grid, [0], [0, 1], [1, 2], 1.0)


# ---- rectangles ----


def test_neighbours_of_equal_shape_pass_on_each_core_s_own_share() -> None:
    mesh = CoarseMesh("test chip", (2, 4), 1, 1e9, 1e-9)
    loads = rect_to_rect_transfer(mesh, Rectangle(0, 0, 2, 2), Rectangle(0, 2, 2, 2), 400.0)
    # Each core sends its 100 bytes two columns east: one, two, one cores' worth cross the three boundaries of a row.
    np.testing.assert_allclose(loads[: mesh.grid.num_eastward].reshape(2, 3), [[100, 200, 100]] * 2)
    assert loads[mesh.grid.num_eastward :].sum() == 0
    assert mesh.byte_hops(loads) == pytest.approx(400 * 2)


@given(meshes_with_rectangles(block=1), layouts)
def test_a_transfer_equals_its_list_of_pairs(case: tuple, layout: str) -> None:
    mesh, producer, consumer = case
    nbytes = 1_000_000
    flows = rect_to_rect_flows(mesh, producer, consumer, nbytes, layout)
    assert flows.nbytes.sum() == nbytes
    listed = route_link_bytes(mesh.grid, flows.src, flows.dst, flows.nbytes)
    # Listed flows are whole bytes: each is off by at most one.
    loads = rect_to_rect_transfer(mesh, producer, consumer, nbytes, layout)
    np.testing.assert_allclose(listed, loads, rtol=0, atol=2 * len(flows.nbytes))


@given(meshes_with_rectangles(), layouts)
def test_producers_send_and_consumers_receive_even_shares(case: tuple, layout: str) -> None:
    mesh, producer, consumer = case
    nbytes = 10_000_000
    flows = rect_to_rect_flows(mesh, producer, consumer, nbytes, layout)
    slack = 2 * len(flows.nbytes) + 1
    for rectangle, end in ((producer, flows.src), (consumer, flows.dst)):
        rows, cols = np.meshgrid(
            np.arange(rectangle.row, rectangle.row + rectangle.rows),
            np.arange(rectangle.col, rectangle.col + rectangle.cols),
            indexing="ij",
        )
        cores = np.bincount(mesh.block_of(rows, cols).ravel(), minlength=mesh.grid.num_nodes)
        got = np.bincount(end, flows.nbytes.astype(float), mesh.grid.num_nodes)
        np.testing.assert_allclose(got, nbytes * cores / rectangle.num_cores, rtol=0, atol=slack)


@given(meshes_with_rectangles(), layouts)
def test_what_leaves_each_block_is_what_its_links_carry_net(case: tuple, layout: str) -> None:
    mesh, producer, consumer = case
    loads = rect_to_rect_transfer(mesh, producer, consumer, 1.0, layout)
    leaves, enters = mesh.grid.ends
    net = np.bincount(leaves, loads, mesh.grid.num_nodes) - np.bincount(enters, loads, mesh.grid.num_nodes)
    flows = rect_to_rect_flows(mesh, producer, consumer, 10**9, layout)
    made = np.bincount(flows.src, flows.nbytes / 1e9, mesh.grid.num_nodes)
    used = np.bincount(flows.dst, flows.nbytes / 1e9, mesh.grid.num_nodes)
    np.testing.assert_allclose(net, made - used, atol=1e-5)


@settings(max_examples=50)
@given(meshes_with_rectangles(), layouts)
def test_bytes_times_hops_agree_coarse_and_fine_within_the_coarsening(case: tuple, layout: str) -> None:
    mesh, producer, consumer = case
    fine = CoarseMesh("test chip", mesh.core_grid, 1, 1e9, 1e-9)
    coarse_hops, fine_hops = (
        m.byte_hops(rect_to_rect_transfer(m, producer, consumer, 1.0, layout)) for m in (mesh, fine)
    )
    # Either end of either dimension may be half a block away from the middle of its block.
    assert abs(coarse_hops - fine_hops) <= 2 * mesh.block


def test_bytes_times_hops_are_equal_for_whole_blocks_apart_from_each_other() -> None:
    for block in (1, 2, 5, 10):
        mesh = CoarseMesh("test chip", (100, 60), block, 1e9, 1e-9)
        for layout in ("aligned", "scattered"):
            loads = rect_to_rect_transfer(mesh, Rectangle(0, 0, 20, 30), Rectangle(40, 30, 60, 20), 8e6, layout)
            # middles: (10, 15) and (70, 40): 60 rows and 25 columns apart
            assert mesh.byte_hops(loads) == pytest.approx(8e6 * 85, rel=1e-12)


def test_a_rectangle_may_touch_the_edge_of_the_grid_but_not_pass_it() -> None:
    mesh = CoarseMesh("test chip", (10, 10), 3, 1e9, 1e-9)
    inside = Rectangle(4, 4, 6, 6)
    rect_to_rect_transfer(mesh, inside, inside, 1.0)
    with pytest.raises(PlacementError, match=r"rectangle 6x7 at \(4, 4\) leaves the 10x10 cores of test chip"):
        rect_to_rect_transfer(mesh, inside, Rectangle(4, 4, 6, 7), 1.0)
    with pytest.raises(ConfigError, match="unknown layout 'linear'"):
        rect_to_rect_transfer(mesh, inside, inside, 1.0, "linear")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="sides must be at least 1"):
        Rectangle(0, 0, 0, 3)


# ---- coarse meshes and the engine ----


def load_wse2() -> Chip:
    return validate(load_document(Catalog().find("chips", "cerebras-wse2")), Chip).spec


def test_capacity_and_hops_count_core_links() -> None:
    mesh = CoarseMesh("test chip", (5, 7), 3, 2e9, 1e-9)
    # Blocks of 3, 2 rows and 3, 3, 1 columns.
    assert (mesh.grid.rows, mesh.grid.cols) == (2, 3)
    east = mesh.grid.num_eastward
    np.testing.assert_array_equal(mesh.capacity_bytes_per_s[:east], [6e9, 6e9, 4e9, 4e9])
    np.testing.assert_array_equal(mesh.num_hops[:east], [3.0, 2.0, 3.0, 2.0])
    np.testing.assert_array_equal(mesh.capacity_bytes_per_s[2 * east : 2 * east + 3], [6e9, 6e9, 2e9])
    np.testing.assert_array_equal(mesh.num_hops[2 * east :], [2.5] * 6)


def test_capacity_across_the_chip_does_not_depend_on_the_block() -> None:
    chip = load_wse2()
    for block in (1, 10, 25, 94):
        mesh = coarse_topology(chip, block)
        down = mesh.capacity_bytes_per_s[2 * mesh.grid.num_eastward :].reshape(2, mesh.grid.rows - 1, -1)
        np.testing.assert_allclose(down.sum(axis=2), 750 * 4.4e9)


def test_a_chip_without_a_mesh_says_what_is_missing() -> None:
    gpu = validate(load_document(Catalog().find("chips", "nvidia-a100-sxm-80gb")), Chip).spec
    with pytest.raises(ConfigError, match="noc"):
        coarse_topology(gpu)
    with pytest.raises(ConfigError, match="block=0"):
        coarse_topology(load_wse2(), 0)


@pytest.mark.parametrize("block", [1, 4])
def test_an_idle_network_takes_hops_times_hop_latency_plus_bytes_over_bandwidth(block: int) -> None:
    mesh = CoarseMesh("test chip", (16, 16), block, 4e9, 2e-9)
    src, dst = mesh.block_of(1, 2), mesh.block_of(13, 10)
    graph = flow_graph(mesh, MeshFlows(*(np.array([x]) for x in (src, dst, 40_000))))
    # 12 rows and 8 columns apart; 40,000 bytes over `block` links of 4 GB/s
    assert simulate(graph).makespan_s == pytest.approx(20 * 2e-9 + 40_000 / (block * 4e9), rel=1e-12)


def test_two_flows_that_meet_on_a_link_share_it() -> None:
    mesh = CoarseMesh("test chip", (1, 4), 1, 1e9, 0.0)
    graph = flow_graph(mesh, MeshFlows(np.array([0, 1]), np.array([3, 2]), np.array([1000, 1000])))
    assert simulate(graph).makespan_s == pytest.approx(2e-6, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(meshes_with_rectangles(), layouts)
def test_a_transfer_on_the_engine_is_not_faster_than_its_busiest_link(case: tuple, layout: str) -> None:
    mesh, producer, consumer = case
    flows = rect_to_rect_flows(mesh, producer, consumer, 100_000, layout)
    loads = route_link_bytes(mesh.grid, flows.src, flows.dst, flows.nbytes)
    assert simulate(flow_graph(mesh, flows)).makespan_s >= mesh.busiest_s(loads) * (1 - 1e-9)


def test_neighbouring_pairs_of_a_wafer_are_routed_in_bulk() -> None:
    mesh = coarse_topology(load_wse2(), 25)
    assert mesh.grid.num_links == 2 * (40 * 29 + 39 * 30)
    every = np.array(list(itertools.product(range(0, 1200, 7), range(0, 1200, 7))))
    routes = mesh.routes(every[:, 0], every[:, 1])
    np.testing.assert_array_equal(routes.hops[every[:, 0] == every[:, 1]], 0)
    assert mesh.latency_s(routes).max() <= (994 + 750) * 0.90909e-9
