"""The meaning of a task graph, sentence by sentence, on both engines where both offer it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest
import simpy

from accelsim.engine import TICKS_PER_S, TaskGraph, TaskGraphBuilder, simulate
from accelsim.engine.simpy_engine import SimpyEngine
from accelsim.errors import DeadlockError

ENGINES = pytest.mark.parametrize("engine", ["simpy", "compiled"])
TICK_S = 1 / TICKS_PER_S


def one_link(nbytes: list[int], capacity: float = 10.0) -> TaskGraph:
    builder = TaskGraphBuilder()
    hbm = builder.link("hbm", capacity * TICKS_PER_S)
    for size in nbytes:
        builder.task("send", nbytes=size, route=[hbm])
    return builder.build()


@ENGINES
def test_a_queue_is_ordered_by_priority_then_ready_tick_then_id(engine: str) -> None:
    builder = TaskGraphBuilder()
    core = builder.server("core")
    timers = {ticks: builder.task("timer", work_s=ticks * TICK_S) for ticks in (1, 2)}
    builder.task("first", server=core, work_s=10 * TICK_S)
    late = builder.task("late", server=core, work_s=TICK_S, after=[timers[2]])
    early = builder.task("early", server=core, work_s=TICK_S, after=[timers[1]])
    tied = builder.task("tied", server=core, work_s=TICK_S, after=[timers[1]])
    urgent = builder.task("urgent", server=core, work_s=TICK_S, priority=-1, after=[timers[2]])
    start = simulate(builder.build(), engine).start_ticks
    assert [start[task] for task in (urgent, early, tied, late)] == [10, 11, 12, 13]


@ENGINES
def test_a_server_chooses_after_all_tasks_of_a_round_are_ready(engine: str) -> None:
    # Both become ready at tick 5 on an idle server; the one with the higher id is more urgent.
    builder = TaskGraphBuilder()
    core = builder.server("core")
    timers = [builder.task("timer", work_s=5 * TICK_S) for _ in range(2)]
    lazy = builder.task("lazy", server=core, work_s=3 * TICK_S, priority=1, after=[timers[0]])
    urgent = builder.task("urgent", server=core, work_s=3 * TICK_S, after=[timers[1]])
    start = simulate(builder.build(), engine).start_ticks
    assert (start[urgent], start[lazy]) == (5, 8)


@ENGINES
def test_a_chain_of_barriers_takes_no_time(engine: str) -> None:
    builder = TaskGraphBuilder()
    last = builder.task("work", work_s=7 * TICK_S)
    for _ in range(5):
        last = builder.task("barrier", after=[last])
    timeline = simulate(builder.build(), engine)
    assert timeline.end_ticks.tolist() == [7] * 6


@ENGINES
def test_a_barrier_can_hold_a_server_for_no_time(engine: str) -> None:
    builder = TaskGraphBuilder()
    core = builder.server("core")
    for _ in range(3):
        builder.task("nothing", server=core)
    builder.task("work", server=core, work_s=4 * TICK_S)
    timeline = simulate(builder.build(), engine)
    assert timeline.start_ticks.tolist() == [0, 0, 0, 0]
    assert timeline.makespan_ticks == 4


@ENGINES
def test_latency_comes_before_the_bytes_and_beside_the_work(engine: str) -> None:
    # 30 bytes at 10 per tick after 4 ticks: 7; the work of 6 hides in it, that of 9 does not.
    builder = TaskGraphBuilder()
    hbm, bus = (builder.link(name, 10 * TICKS_PER_S) for name in ("hbm", "bus"))
    builder.task("short", work_s=6 * TICK_S, latency_s=4 * TICK_S, nbytes=30, route=[hbm])
    builder.task("long", work_s=9 * TICK_S, latency_s=4 * TICK_S, nbytes=30, route=[bus])
    timeline = simulate(builder.build(), engine)
    assert timeline.end_ticks.tolist() == [7, 9]
    assert timeline.link_busy_ticks.tolist() == [3, 3]


@ENGINES
def test_bytes_without_a_route_and_routes_without_bytes_move_at_once(engine: str) -> None:
    builder = TaskGraphBuilder()
    hbm = builder.link("hbm", TICKS_PER_S)
    builder.task("no route", nbytes=10**9, latency_s=3 * TICK_S)
    builder.task("no bytes", route=[hbm], latency_s=2 * TICK_S)
    timeline = simulate(builder.build(), engine)
    assert timeline.end_ticks.tolist() == [3, 2]
    assert timeline.link_busy_ticks.tolist() == [0]


@ENGINES
def test_a_flow_takes_at_least_one_tick(engine: str) -> None:
    assert simulate(one_link([1], capacity=1000.0), engine).end_ticks.tolist() == [1]


@ENGINES
def test_a_circle_is_named(engine: str) -> None:
    builder = TaskGraphBuilder()
    start = builder.task("start", work_s=3 * TICK_S)
    builder.task("a", after=[2, start])
    builder.task("b", after=[1])
    builder.task("c", after=[2])
    with pytest.raises(DeadlockError) as caught:
        simulate(builder.build(), engine)
    text = str(caught.value)
    assert text.startswith("deadlock at t=3e-15 s: 2 tasks wait on each other: a#1 <- b#2 <- a#1.")
    assert "c#3 waits for b#2" in text
    assert "start#0" not in text


@ENGINES
def test_a_task_that_waits_for_itself_is_a_circle_of_one(engine: str) -> None:
    builder = TaskGraphBuilder()
    builder.task("loop", after=[0])
    with pytest.raises(DeadlockError, match="1 task waits on itself: loop#0 <- loop#0"):
        simulate(builder.build(), engine)


@ENGINES
def test_a_long_circle_is_cut_when_named(engine: str) -> None:
    builder = TaskGraphBuilder()
    for task in range(100):
        builder.task("t", after=[(task + 1) % 100])
    with pytest.raises(
        DeadlockError, match=r"100 tasks wait on each other: t#0 <- t#1 .*<- \.\.\. <- t#0.*And 94 more"
    ):
        simulate(builder.build(), engine)


def test_a_link_that_degrades_slows_what_is_left() -> None:
    # 200 bytes at 10 per tick; after 10 ticks half is left and the capacity drops to 4: 100/4 = 25 more.
    engine = SimpyEngine(one_link([200]))

    def degrade() -> Generator[simpy.Event, None, None]:
        yield engine.env.timeout(10)
        engine.set_capacity(0, 4 * TICKS_PER_S)

    engine.env.process(degrade())
    assert engine.run().makespan_ticks == 35


def test_a_link_that_fails_and_recovers_resumes_its_flows() -> None:
    # Down from tick 5 to tick 12: 200/10 + 7 = 27.
    engine = SimpyEngine(one_link([200]), record_rates=True)

    def outage() -> Generator[simpy.Event, None, None]:
        yield engine.env.timeout(5)
        engine.set_capacity(0, 0.0)
        yield engine.env.timeout(7)
        engine.set_capacity(0, 10 * TICKS_PER_S)

    engine.env.process(outage())
    timeline = engine.run()
    assert timeline.makespan_ticks == 27
    assert timeline.rates is not None
    assert timeline.rates.start_ticks.tolist() == [0, 12]


def test_a_link_that_stays_down_is_a_deadlock_that_says_so() -> None:
    engine = SimpyEngine(one_link([200]))
    engine.set_capacity(0, 0.0)
    with pytest.raises(
        DeadlockError, match=r"send#0 moves bytes over 'hbm' at rate 0.*raise it again with set_capacity"
    ):
        engine.run()


def test_a_background_transfer_takes_its_fair_share_and_its_bytes_are_counted() -> None:
    # Two flows at 5 each: the background's 50 bytes leave at 10; the task has 50 left: 10 + 5 = 15.
    engine = SimpyEngine(one_link([100]))
    arrived = []

    def background() -> Generator[simpy.Event, None, None]:
        yield engine.transfer(50, [0])
        arrived.append(engine.now_ticks)

    engine.env.process(background())
    timeline = engine.run()
    assert (arrived, timeline.makespan_ticks) == ([10], 15)
    assert timeline.link_bytes.tolist() == [150]


def test_a_background_that_never_ends_does_not_hold_up_the_run() -> None:
    engine = SimpyEngine(one_link([100]))

    def forever() -> Generator[simpy.Event, None, None]:
        while True:
            yield engine.transfer(7, [0])

    engine.env.process(forever())
    # The link is always full and two flows share it: 100 bytes at 5 per tick.
    assert engine.run().makespan_ticks == 20


def test_a_process_can_wait_for_the_end_of_a_task() -> None:
    graph = one_link([100, 30])
    engine = SimpyEngine(graph)
    seen = []

    def watch(task: int) -> Generator[simpy.Event, None, None]:
        yield engine.ended(task)
        seen.append((task, engine.now_ticks))
        yield engine.ended(task)  # Also after it has happened.
        seen.append((task, engine.now_ticks))

    engine.env.process(watch(1))
    timeline = engine.run()
    assert seen == [(1, timeline.end_ticks[1])] * 2


def test_an_arbiter_chooses_who_is_served_next() -> None:
    builder = TaskGraphBuilder()
    core = builder.server("core")
    for work in (5, 1, 3):
        builder.task("job", server=core, work_s=work * TICK_S)
    graph = builder.build()

    def longest_first(server: int, waiting: Sequence[int]) -> int:
        return max(waiting, key=lambda task: int(graph.work_ticks[task]))

    timeline = SimpyEngine(graph, arbiter=longest_first).run()
    assert timeline.start_ticks.tolist() == [0, 8, 5]


def test_wrong_capacities_are_refused() -> None:
    engine = SimpyEngine(one_link([1]))
    with pytest.raises(ValueError, match="link 'hbm': capacity must be >= 0, got -1"):
        engine.set_capacity(0, -1)


def test_wrong_background_transfers_are_refused() -> None:
    engine = SimpyEngine(one_link([1]))
    with pytest.raises(ValueError, match=r"a route without repeats, got 5 over \[0, 0\]"):
        engine.transfer(5, [0, 0])
    with pytest.raises(ValueError, match="bytes >= 0"):
        engine.transfer(-5, [0])


def test_two_engines_do_not_see_each_other() -> None:
    graph = one_link([100])
    slow, fast = SimpyEngine(graph), SimpyEngine(graph)
    slow.set_capacity(0, TICKS_PER_S)
    assert fast.run().makespan_ticks == 10
    assert slow.run().makespan_ticks == 100
