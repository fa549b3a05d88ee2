"""Properties of max-min fair shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelsim.engine.fairshare import component, fill

Case = tuple[list[float], dict[int, list[int]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    capacity = draw(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=8))
    links = st.sampled_from(range(len(capacity)))
    routes = draw(st.lists(st.lists(links, min_size=1, max_size=4, unique=True), min_size=1, max_size=12))
    return capacity, dict(enumerate(routes))


def on_links(capacity: list[float], routes: dict[int, list[int]]) -> list[list[int]]:
    return [[flow for flow, route in routes.items() if link in route] for link in range(len(capacity))]


@given(cases())
def test_filling_each_component_alone_gives_the_same_bits_as_filling_all(case: Case) -> None:
    capacity, routes = case
    flows = on_links(capacity, routes)
    all_rates, all_used = fill(range(len(capacity)), flows, routes.__getitem__, capacity)
    for start in range(len(capacity)):
        links = component([start], flows, routes.__getitem__)
        rates, used = fill(links, flows, routes.__getitem__, capacity)
        assert all(all_rates[flow] == rate for flow, rate in rates.items())
        assert all(all_used[link] == value for link, value in used.items())


@given(cases())
def test_shares_are_max_min_fair(case: Case) -> None:
    capacity, routes = case
    flows = on_links(capacity, routes)
    rates, _ = fill(range(len(capacity)), flows, routes.__getitem__, capacity)
    load = [sum(rates[flow] for flow in here) for here in flows]
    assert all(value <= limit * (1 + 1e-9) for value, limit in zip(load, capacity, strict=True))
    # The classic criterion: each flow crosses a full link on which nobody is faster.
    for flow, route in routes.items():
        assert any(
            load[link] >= capacity[link] * (1 - 1e-9)
            and rates[flow] >= max(rates[other] for other in flows[link]) * (1 - 1e-9)
            for link in route
        )


@given(cases(), st.randoms())
def test_the_order_in_which_flows_joined_does_not_matter(case: Case, random: object) -> None:
    capacity, routes = case
    shuffled = list(routes.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    reordered = dict(shuffled)
    links = range(len(capacity))
    first, _ = fill(links, on_links(capacity, routes), routes.__getitem__, capacity)
    second, _ = fill(links, on_links(capacity, reordered), reordered.__getitem__, capacity)
    assert first == second
