"""Max-min sharing worked out by hand; capacities are in bytes per tick, times in ticks."""

from __future__ import annotations

import pytest

from accelsim.engine import TICKS_PER_S, TaskGraph, TaskGraphBuilder, simulate

ENGINES = pytest.mark.parametrize("engine", ["simpy", "compiled"])
TICK_S = 1 / TICKS_PER_S


def build(capacities: dict[str, float], flows: list[tuple[int, list[str], int]]) -> TaskGraph:
    """Flows are (nbytes, route, start tick), each its own task."""
    builder = TaskGraphBuilder()
    links = {name: builder.link(name, value * TICKS_PER_S) for name, value in capacities.items()}
    for nbytes, route, start in flows:
        builder.task("flow", nbytes=nbytes, route=[links[name] for name in route], latency_s=start * TICK_S)
    return builder.build()


@ENGINES
def test_three_flows_on_two_links(engine: str) -> None:
    # x: 10 B/tick, y: 4 B/tick.  a crosses both, b only x, c only y.
    # Shares: x 10/2 = 5, y 4/2 = 2: y is the bottleneck of a and c, 2 each; b gets 10 - 2 = 8.
    # a: 100/2 = 50.  c: 60/2 = 30.  b: 400/8 = 50 unless a speeds up or down before.
    # t=30: c has left.  y: 4/1 = 4; x: 10/2 = 5; so a gets 4, b gets 10 - 4 = 6.
    #   a has 100 - 2*30 = 40 left: ends 30 + 40/4 = 40.   b has 400 - 8*30 = 160 left.
    # t=40: a has left.  b has 160 - 6*10 = 100 left at 10: ends at 50.
    graph = build({"x": 10, "y": 4}, [(100, ["x", "y"], 0), (400, ["x"], 0), (60, ["y"], 0)])
    timeline = simulate(graph, engine, record_rates=True)
    assert timeline.end_ticks.tolist() == [40, 50, 30]
    assert timeline.link_bytes.tolist() == [500, 160]
    assert timeline.link_busy_ticks.tolist() == [50, 40]
    rates = timeline.rates
    assert rates is not None
    pieces = list(zip(rates.link, rates.start_ticks, rates.end_ticks, rates.bytes_per_s / TICKS_PER_S, strict=True))
    assert pieces == [(0, 0, 50, 10.0), (1, 0, 40, 4.0)]  # x: 2+8, 4+6, 10; y: 2+2, 4.


@ENGINES
def test_staggered_arrivals_on_one_link(engine: str) -> None:
    # 6 B/tick.  a: 60 B at 0, b: 60 B at 4, c: 12 B at 8.
    # 0..4: a alone at 6, 60 - 24 = 36 left.
    # 4..8: two at 3: a 36 - 12 = 24, b 60 - 12 = 48 left.
    # from 8: three at 2: c needs 6, ends 14: a 24 - 12 = 12, b 48 - 12 = 36 left.
    # from 14: two at 3: a needs 4, ends 18: b 36 - 12 = 24 left.
    # from 18: b alone at 6: needs 4, ends 22.  Check: 132 B / 6 = 22, the link never idles.
    graph = build({"x": 6}, [(60, ["x"], 0), (60, ["x"], 4), (12, ["x"], 8)])
    timeline = simulate(graph, engine)
    assert timeline.end_ticks.tolist() == [18, 22, 14]
    assert timeline.link_busy_ticks.tolist() == [22]


@ENGINES
def test_parking_lot(engine: str) -> None:
    # Three links of 12 B/tick in a row.  The long flow crosses all; link k has k + 1 short ones:
    #   link 0: 1 short + long: 12/2 = 6;  link 1: 2 short + long: 12/3 = 4;  link 2: 3 short + long: 12/4 = 3.
    # Bottleneck link 2: long and its three shorts get 3.  Then link 1: (12 - 3)/2 = 4.5; link 0: 12 - 3 = 9.
    # Bytes are chosen so that all end at tick 20: long 60, link 0: 180, link 1: 90, link 2: 60.
    flows = [(60, ["l0", "l1", "l2"], 0), (180, ["l0"], 0)]
    flows += [(90, ["l1"], 0)] * 2 + [(60, ["l2"], 0)] * 3
    timeline = simulate(build({"l0": 12, "l1": 12, "l2": 12}, flows), engine)
    assert timeline.end_ticks.tolist() == [20] * 7
    assert timeline.link_bytes.tolist() == [240, 240, 240]


@ENGINES
def test_an_arrival_elsewhere_can_speed_a_flow_up(engine: str) -> None:
    # x: 10, y: 10.  a crosses x and y, b crosses x; 5 each.  At 10 two more, c and d, come to y: 10/3 each there,
    # so a slows to 10/3 and b speeds up to 10 - 10/3 = 20/3.
    # b: 50 B by tick 10, 100 - 50 = 50 left at 20/3: 7.5 ticks, rounded up to 8: ends at 18.
    graph = build({"x": 10, "y": 10}, [(1000, ["x", "y"], 0), (100, ["x"], 0), (90, ["y"], 10), (90, ["y"], 10)])
    timeline = simulate(graph, engine)
    assert timeline.end_ticks[1] == 18


@ENGINES
def test_work_and_transfer_overlap_as_a_roofline(engine: str) -> None:
    # One server, one link of 2 B/tick.  a: work 30, 20 B -> max(30, 10) = 30.  b: work 5, 80 B -> max(5, 40) = 40.
    builder = TaskGraphBuilder()
    core, hbm = builder.server("core"), builder.link("hbm", 2 * TICKS_PER_S)
    builder.task("a", server=core, work_s=30 * TICK_S, nbytes=20, route=[hbm])
    builder.task("b", server=core, work_s=5 * TICK_S, nbytes=80, route=[hbm])
    timeline = simulate(builder.build(), engine)
    assert timeline.start_ticks.tolist() == [0, 30]
    assert timeline.end_ticks.tolist() == [30, 70]
    assert timeline.server_busy_ticks.tolist() == [70]
    assert timeline.link_busy_ticks.tolist() == [50]


@ENGINES
def test_two_rooflines_that_meet_on_one_memory_slow_each_other(engine: str) -> None:
    # Alone each would need max(10, 40/4 = 10) = 10; together each gets 2 B/tick: 20.
    builder = TaskGraphBuilder()
    hbm = builder.link("hbm", 4 * TICKS_PER_S)
    for name in ("a", "b"):
        builder.task(name, server=builder.server(name), work_s=10 * TICK_S, nbytes=40, route=[hbm])
    assert simulate(builder.build(), engine).end_ticks.tolist() == [20, 20]
