"""Twisted tori and the search for the best torus."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.optical import TwistedTorus, canonical_twist, rank_tori, torus_shapes
from accelsim.network.optical.search import twists_of
from accelsim.network.topology import TOPOLOGIES

LINK = LinkSpec(bandwidth_bytes_per_s=50e9, latency_s=1e-6)
SHAPES = [(4, 4), (4, 8), (2, 4), (2, 2, 4), (2, 4, 4), (4, 4, 8)]


@pytest.mark.parametrize("shape", SHAPES)
def test_ways_are_as_short_as_the_graph_allows_from_every_chip(shape: tuple[int, ...]) -> None:
    topology = TOPOLOGIES.get("twisted_torus")(shape, (True,) * len(shape), LINK)
    torus = TwistedTorus(shape, canonical_twist(shape))
    lengths = dict(nx.all_pairs_shortest_path_length(topology.networkx))
    for src in range(0, torus.num_chips, 3):
        for dst in range(torus.num_chips):
            assert len(topology.route(src, dst)) == lengths[src][dst]


def test_a_regular_torus_has_the_known_uniform_load() -> None:
    # extent n, even: mean distance n / 4 in a dimension, two links: all 128 destinations of 4x4x8 load 128 n / 8
    torus = TwistedTorus.regular((4, 4, 8))
    assert torus.uniform_load.tolist() == [64.0, 64.0, 128.0]


@pytest.mark.parametrize("shape", [(4, 4, 8), (4, 8, 8), (2, 4, 4)])
def test_the_canonical_twist_loads_all_dimensions_alike(shape: tuple[int, ...]) -> None:
    torus = TwistedTorus(shape, canonical_twist(shape))
    assert np.ptp(torus.uniform_load) < 1e-9
    assert torus.mean_hops < TwistedTorus.regular(shape).mean_hops


@given(st.sampled_from([(4, 4), (4, 8), (3, 3, 3), (4, 4, 8)]), st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_loads_of_any_traffic_add_up_to_bytes_times_hops(shape: tuple[int, ...], seed: int) -> None:
    twist = canonical_twist(shape)
    torus = TwistedTorus(shape, twist)
    traffic = np.random.default_rng(seed).random((torus.num_chips, torus.num_chips))
    hops = np.array([np.abs(ways[0]).sum() for ways in torus.ways])
    offsets = torus.nodes_at(torus.coordinates[None, :, :] - torus.coordinates[:, None, :])
    assert math.isclose(torus.link_loads(traffic).sum(), float((traffic * hops[offsets]).sum()), rel_tol=1e-9)


def test_uniform_traffic_by_links_agrees_with_the_closed_form() -> None:
    torus = TwistedTorus((4, 4, 8), canonical_twist((4, 4, 8)))
    loads = torus.link_loads(np.ones((128, 128)))
    assert np.allclose(loads.max(axis=(0, 2)), torus.uniform_load, rtol=0.02)


def test_the_search_finds_the_published_twist_for_all_to_all() -> None:
    best = rank_tori(128, 50e9)[0]
    assert sorted(best.torus.shape) == [4, 4, 8]
    long = best.torus.shape.index(8)
    assert [shift[long] for axis, shift in enumerate(best.torus.twist) if axis != long] == [4, 4]


def test_without_twists_the_most_cubic_torus_wins_for_all_to_all() -> None:
    assert rank_tori(512, 50e9, twisted=False)[0].torus.shape == (8, 8, 8)


def test_traffic_along_one_long_ring_prefers_the_torus_that_has_it() -> None:
    # neighbours among 16 consecutive ranks, last dimension fastest: 16 chips in the last dimension are one ring
    traffic = np.zeros((256, 256))
    for first in range(0, 256, 16):
        for place in range(16):
            traffic[first + place, first + (place + 1) % 16] = 1e6
    best = rank_tori(256, 50e9, traffic)[0]
    assert best.torus.shape[-1] == 16
    assert math.isclose(best.busiest_s, 1e6 / 50e9)


def test_a_number_that_is_no_whole_blocks_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no torus of 100 chips.*Use a multiple of 64"):
        torus_shapes(100)
    with pytest.raises(ConfigError, match=r"extents must be k or 2k"):
        canonical_twist((4, 4, 16))
    with pytest.raises(ConfigError, match="may only shift longer dimensions"):
        TwistedTorus((4, 4), ((0, 2), (0, 0)))


def test_every_twist_through_switches_keeps_all_chips_apart() -> None:
    for torus in twists_of((4, 4, 8)):
        assert sorted(torus.nodes_at(torus.coordinates).tolist()) == list(range(128))
        assert sorted(torus.nodes_at(torus.coordinates + np.array([4, 0, 0])).tolist()) == list(range(128))
