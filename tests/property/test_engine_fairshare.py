"""Properties of max-min fair rates in whole units."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelsim.engine.fair.filling import component, fill

Case = tuple[list[int], dict[int, list[int]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    largest = draw(st.sampled_from([3, 50, 2**61]))
    capacity = draw(st.lists(st.integers(0, largest), min_size=1, max_size=8))
    links = st.sampled_from(range(len(capacity)))
    routes = draw(st.lists(st.lists(links, min_size=1, max_size=4, unique=True), min_size=1, max_size=12))
    return capacity, dict(enumerate(routes))


def on_links(capacity: list[int], routes: dict[int, list[int]]) -> list[list[int]]:
    return [[flow for flow, route in routes.items() if link in route] for link in range(len(capacity))]


def is_full_at(level: int, capacity: int, rates: list[int]) -> bool:
    """The definition, word by word: ``C - S < (L + 1) n``."""
    below = [rate for rate in rates if rate < level]
    return capacity - sum(below) < (level + 1) * (len(rates) - len(below))


@given(cases())
def test_filling_each_component_alone_gives_the_same_rates_as_filling_all(case: Case) -> None:
    capacity, routes = case
    flows = on_links(capacity, routes)
    all_rates, all_used = fill(range(len(capacity)), flows, routes.__getitem__, capacity)
    for start in range(len(capacity)):
        links = component([start], flows, routes.__getitem__)
        rates, used = fill(links, flows, routes.__getitem__, capacity)
        assert all(all_rates[flow] == rate for flow, rate in rates.items())
        assert all(all_used[link] == value for link, value in used.items())


@given(cases())
def test_each_flow_has_the_least_level_at_which_a_link_of_its_route_is_full(case: Case) -> None:
    capacity, routes = case
    flows = on_links(capacity, routes)
    rates, used = fill(range(len(capacity)), flows, routes.__getitem__, capacity)
    here = [[rates[flow] for flow in crossing] for crossing in flows]
    assert used == {link: sum(those) for link, those in enumerate(here)}
    assert all(used[link] <= most for link, most in enumerate(capacity))
    for flow, route in routes.items():
        assert any(is_full_at(rates[flow], capacity[link], here[link]) for link in route)
        assert not any(is_full_at(rates[flow] - 1, capacity[link], here[link]) for link in route)


@given(cases())
def test_a_full_link_leaves_less_than_a_unit_for_each_of_its_fastest_flows(case: Case) -> None:
    capacity, routes = case
    flows = on_links(capacity, routes)
    rates, used = fill(range(len(capacity)), flows, routes.__getitem__, capacity)
    # The classic criterion: each flow crosses a full link on which nobody is faster.
    for flow, route in routes.items():
        fastest = {link: [rates[other] for other in flows[link]].count(rates[flow]) for link in route}
        assert any(
            capacity[link] - used[link] < fastest[link] and rates[flow] == max(rates[other] for other in flows[link])
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
