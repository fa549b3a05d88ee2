"""Wavelengths on shared waveguides."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.network.optical.wavelengths import (
    STRATEGIES,
    LightPath,
    assign_wavelengths,
    bus_paths,
    grating_wavelength,
    ring_paths,
    segment_loads,
)

pairs = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=25
)


def assert_no_clash(paths: list[LightPath], wavelengths: tuple[tuple[int, ...], ...]) -> None:
    for (a, one), (b, two) in itertools.combinations(zip(paths, wavelengths, strict=True), 2):
        if set(a.segments) & set(b.segments):
            assert not set(one) & set(two), f"{a} and {b} share a segment and a wavelength"
    assert all(len(set(own)) == path.count for path, own in zip(paths, wavelengths, strict=True))


@given(pairs, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_on_a_bus_the_fullest_segment_is_enough(chosen: list[tuple[int, int]], count: int) -> None:
    paths = bus_paths(chosen, count)
    found = assign_wavelengths(paths)
    assert_no_clash(paths, found.wavelengths)
    assert found.used == max(segment_loads(paths).values()) == found.lower_bound


@given(pairs, st.sampled_from(STRATEGIES))
@settings(max_examples=40, deadline=None)
def test_on_a_ring_every_strategy_is_valid_and_not_below_the_bound(
    chosen: list[tuple[int, int]], strategy: str
) -> None:
    paths = ring_paths(10, chosen)
    found = assign_wavelengths(paths, strategy=strategy)
    assert_no_clash(paths, found.wavelengths)
    assert found.used >= found.lower_bound >= max(segment_loads(paths).values())


def test_disjoint_segments_use_one_wavelength_again() -> None:
    # 0 -> 1, 1 -> 2, ... 6 -> 7 never meet
    assert assign_wavelengths(bus_paths(itertools.pairwise(range(8)))).used == 1


def test_all_to_all_on_a_ring_of_eight_needs_the_load_of_its_fullest_segment() -> None:
    # each direction: sum of distances 1 + 2 + 3 (+ half of the 4s) per node over 8 segments: 8 x (6 + 2) / 8 = 8
    paths = ring_paths(8, itertools.permutations(range(8), 2))
    found = assign_wavelengths(paths)
    assert max(segment_loads(paths).values()) == 8
    assert 8 <= found.used <= 10
    assert_no_clash(paths, found.wavelengths)


def test_too_few_wavelengths_say_how_many_are_missing() -> None:
    # segment 1 -> 2 carries 0->2, 0->3, 1->2, 1->3: four
    paths = bus_paths([(0, 2), (0, 3), (1, 2), (1, 3)])
    assert assign_wavelengths(paths, available=4).used == 4
    with pytest.raises(
        ConfigError, match=r"4 needed, 3 available: 1 missing\. At least 1 are missing for certain: seg"
    ):
        assign_wavelengths(paths, available=3)


def test_three_paths_that_meet_pairwise_on_a_ring_need_three() -> None:
    # no segment carries more than two, but each two meet: the clique is the bound
    paths = [LightPath(0, 4, (0, 1, 2, 3)), LightPath(2, 6, (2, 3, 4, 5)), LightPath(4, 1, (4, 5, 0))]
    found = assign_wavelengths(paths)
    assert max(segment_loads(paths).values()) == 2
    assert found.used == found.lower_bound == 3


def test_a_path_may_need_several_wavelengths() -> None:
    found = assign_wavelengths([LightPath(0, 1, ("a",), 3), LightPath(0, 2, ("a", "b"), 2)])
    assert found.used == 5
    assert sorted(itertools.chain(*found.wavelengths)) == [0, 1, 2, 3, 4]


def test_a_grating_router_joins_every_pair_without_a_clash() -> None:
    # at an input all wavelengths differ, and at an output too
    for port in range(8):
        assert {grating_wavelength(8, port, other) for other in range(8)} == set(range(8))
        assert {grating_wavelength(8, other, port) for other in range(8)} == set(range(8))


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown strategy 'larges_first'.*Did you mean 'largest_first'"):
        assign_wavelengths([], strategy="larges_first")
