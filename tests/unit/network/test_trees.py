"""Trees over links between chips: each link once, no node twice, and the order in which chips are walked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import TOPOLOGIES
from accelsim.network.topology.trees import multicast_tree, reduction_tree, walk_order

LINK = LinkSpec(bandwidth_bytes_per_s=10e9, latency_s=1e-6)
SHAPES = {
    "mesh": (4, 4),
    "torus": (4, 4),
    "ring": (7,),
    "switch": (9,),
    "fully_connected": (6,),
    "dragonfly": (4, 3, 2),
}


def built(name, shape=None):
    shape = shape or SHAPES[name]
    return TOPOLOGIES.get(name)(shape, (True,) * len(shape), LINK)


def names(topology, links):
    return sorted(topology.link_name(link) for link in links)


def test_a_multicast_on_a_mesh_forks_where_its_ways_part():
    #  0  1  2   routes correct the row first: 0-3-6-7-8, 0-3-4-5 and 0-1
    #  3  4  5
    #  6  7  8
    mesh = built("mesh", (3, 3))
    tree = multicast_tree(mesh, 0, [8, 5, 1])
    ways = ["chip0->chip1", "chip0->chip3", "chip3->chip4", "chip3->chip6", "chip4->chip5", "chip6->chip7"]
    assert names(mesh, tree.links) == [*ways, "chip7->chip8"]
    assert [len(branch) for branch in tree.branches] == [4, 3, 1]
    assert tree.latency_s == pytest.approx(4e-6)


def test_a_sum_on_a_ring_is_carried_once_over_each_link():
    ring = built("ring", (6,))
    tree = reduction_tree(ring, [1, 2, 5], 0)
    assert names(ring, tree.links) == ["chip1->chip0", "chip2->chip1", "chip5->chip0"]
    assert tree.latency_s == pytest.approx(2e-6)


def test_through_a_switch_the_port_of_the_sender_carries_a_message_once():
    switch = built("switch")
    tree = multicast_tree(switch, 3, [0, 8])
    assert names(switch, tree.links) == ["chip3->switch9", "switch9->chip0", "switch9->chip8"]
    assert tree.latency_s == pytest.approx(1e-6)


@pytest.mark.parametrize("name", SHAPES)
@given(data=st.data())
def test_every_chip_is_entered_once_and_every_summand_leaves_once(name, data):
    topology = built(name)
    chips = data.draw(st.lists(st.integers(0, topology.num_chips - 1), min_size=2, unique=True))
    root, *leaves = chips
    down, up = multicast_tree(topology, root, leaves), reduction_tree(topology, leaves, root)
    for tree, ends in ((down, topology.dst), (up, topology.src)):
        assert set(tree.links) == {link for branch in tree.branches for link in branch}
        nodes = [int(ends[link]) for link in tree.links]
        assert len(set(nodes)) == len(nodes) and root not in nodes and set(leaves) <= set(nodes)
    for leaf, branch in zip(leaves, down.branches, strict=True):
        assert [root, *(int(topology.dst[link]) for link in branch)][-1] == leaf
        assert int(topology.src[branch[0]]) == root


def test_dies_of_a_mesh_are_walked_as_a_snake_and_a_ring_as_it_is():
    assert walk_order(built("mesh", (3, 3))) == (0, 1, 2, 5, 4, 3, 6, 7, 8)
    assert walk_order(built("ring", (5,))) == (0, 1, 2, 3, 4)
    assert walk_order(built("switch", (4,))) == (0, 1, 2, 3)
