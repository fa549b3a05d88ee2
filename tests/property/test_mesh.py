"""A mesh numbers every rank once, and the groups of an axis hold every rank once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import PlanError
from accelsim.mapping.mesh import Mesh
from accelsim.network.seats import Seats

NAMES = ("tp", "dp", "pp", "ep")
meshes = st.permutations(NAMES).flatmap(
    lambda names: st.tuples(*(st.integers(1, 5) for _ in names)).map(lambda s: Mesh(tuple(zip(names, s, strict=True))))
)


@given(meshes)
def test_coordinates_and_ranks_are_one_to_one(mesh):
    places = [mesh.coordinates(rank) for rank in range(mesh.num_ranks)]
    assert len({tuple(place.items()) for place in places}) == mesh.num_ranks
    assert [mesh.rank(place) for place in places] == list(range(mesh.num_ranks))


@given(meshes, st.sampled_from(NAMES))
def test_groups_of_an_axis_hold_every_rank_once_and_differ_on_that_axis_only(mesh, axis):
    groups = Seats(mesh.num_ranks).groups(mesh.group(axis))
    assert sorted(groups.ravel().tolist()) == list(range(mesh.num_ranks))
    for ranks in groups.tolist():
        places = [mesh.coordinates(rank) for rank in ranks]
        assert [place.pop(axis) for place in places] == list(range(mesh.size(axis)))
        assert all(place == places[0] for place in places)


@given(meshes, st.integers(0, 3), st.integers(1, 4))
def test_neighbouring_axes_join_into_one_group(mesh, start, count):
    axes = [name for name, _ in mesh.axes[start : start + count]]
    joined = mesh.joined("all", axes)
    assert joined.size == math.prod(mesh.size(axis) for axis in axes)
    groups = Seats(mesh.num_ranks).groups(joined)
    for ranks in groups.tolist():
        fixed = [{n: p for n, p in mesh.coordinates(rank).items() if n not in axes} for rank in ranks]
        assert all(place == fixed[0] for place in fixed)


def test_what_lies_between_joined_axes_is_named():
    mesh = Mesh((("tp", 4), ("pp", 2), ("dp", 2)))
    with pytest.raises(PlanError, match="ep spans tp and dp, but pp lies between"):
        mesh.joined("ep", ("tp", "dp"))
    assert Mesh((("tp", 4), ("pp", 1), ("dp", 2))).joined("ep", ("tp", "dp")).size == 8


@pytest.mark.parametrize(
    ("axes", "complaint"), [((("tp", 2), ("tp", 2)), "named twice"), ((("tp", 0),), "must have a size >= 1")]
)
def test_a_mesh_that_is_none_is_refused(axes, complaint):
    with pytest.raises(PlanError, match=complaint):
        Mesh(axes)


def test_a_place_or_axis_that_does_not_exist_is_refused():
    mesh = Mesh((("tp", 2), ("dp", 3)))
    assert mesh.rank({"dp": 2}) == 4
    for call, complaint in (
        (lambda: mesh.rank({"dp": 3}), "no place 3 on axis dp"),
        (lambda: mesh.coordinates(6), "no rank 6"),
        (lambda: mesh.size("pp"), "no axis 'pp'"),
    ):
        with pytest.raises(PlanError, match=complaint):
            call()
