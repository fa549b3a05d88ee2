import numpy as np
import pytest

from accelsim.errors import ConfigError, RoutingError
from accelsim.network.noc import CoarseMesh, MeshGrid

GB_PER_S = 1e9


def mesh(dead=(), block=1, grid=(4, 4)):
    return CoarseMesh("m", grid, block, GB_PER_S, 1e-9, tuple(dead))


def crossed(mesh_, src, dst):
    names = mesh_.grid.link_names
    return [names[int(link)] for link in mesh_.routes([src], [dst])[0]]


def test_a_route_goes_around_a_dead_link_and_the_others_stay():
    whole, worn = mesh(), mesh([((0, 1), (0, 2))])
    # from (0,0) to (0,3): three hops east, now one row down for the dead stretch, two hops more
    assert len(crossed(whole, 0, 3)) == 3
    assert len(crossed(worn, 0, 3)) == 5
    assert "noc(0,1)->(0,2)" not in crossed(worn, 0, 3)
    assert "noc(0,2)->(0,1)" not in crossed(worn, 3, 0)
    assert crossed(worn, 4, 7) == crossed(whole, 4, 7)


def test_routes_around_dead_links_do_not_depend_on_what_else_is_routed():
    worn = mesh([((0, 1), (0, 2)), ((1, 2), (2, 2))])
    every = worn.routes(np.repeat(np.arange(16), 16), np.tile(np.arange(16), 16))
    for src in range(16):
        for dst in range(16):
            route = every[src * 16 + dst]
            assert route.tolist() == worn.routes([src], [dst])[0].tolist()
            assert not set(route.tolist()) & set(worn.dead.tolist())
            ends = worn.grid.ends  # the links join up
            nodes = [src, *(int(ends[1][link]) for link in route)]
            assert [int(ends[0][link]) for link in route] == nodes[:-1]
            assert nodes[-1] == dst


def test_a_dead_wire_narrows_a_coarse_link_and_its_bytes_take_two_hops_more():
    # blocks of 4 x 4 on 8 x 8: the middles are 4 columns apart, 4 wires side by side
    whole, worn = mesh(block=4, grid=(8, 8)), mesh([((1, 3), (1, 4)), ((1, 4), (1, 5))], block=4, grid=(8, 8))
    link = whole.grid.link_names.index("noc(0,0)->(0,1)")
    assert worn.capacity_bytes_per_s[link] == 3 / 4 * whole.capacity_bytes_per_s[link]
    # two cuts with a dead wire each: a quarter of the bytes make two hops more at either
    assert worn.num_hops[link] == whole.num_hops[link] + 2 * (2 / 4)
    back = worn.grid.reversed_links([link])[0]
    assert worn.num_wires[back] == 3
    others = np.setdiff1d(np.arange(whole.grid.num_links), [link, back])
    assert (worn.num_wires[others] == whole.num_wires[others]).all()


def test_a_cut_without_a_wire_left_closes_the_coarse_link():
    worn = mesh([((row, 3), (row, 4)) for row in range(4)], block=4, grid=(8, 8))
    assert [worn.grid.link_names[int(i)] for i in worn.dead] == ["noc(0,0)->(0,1)", "noc(0,1)->(0,0)"]
    assert crossed(worn, 0, 1) == ["noc(0,0)->(1,0)", "noc(1,0)->(1,1)", "noc(1,1)->(0,1)"]


def test_a_node_that_is_cut_off_and_a_pair_that_is_no_link_are_errors():
    corner = [((0, 0), (0, 1)), ((0, 0), (1, 0))]
    with pytest.raises(RoutingError, match=r"cut node \(0, 0\) off from \(0, 3\)"):
        mesh(corner).routes([3], [0])
    with pytest.raises(ConfigError, match=r"\(0, 0\) and \(1, 1\) are no neighbours on the grid of 4x4"):
        mesh([((0, 0), (1, 1))])


def test_without_dead_links_nothing_changes():
    assert MeshGrid(4, 4).num_links == len(mesh().num_wires)
    assert (mesh().num_wires == 1).all()
    assert mesh().dead.size == 0
