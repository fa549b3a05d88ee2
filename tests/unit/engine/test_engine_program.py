from __future__ import annotations

import pytest

from accelsim.engine import (
    Program,
    Stage,
    TaskGraphBuilder,
    TaskGraphError,
    make_task_graph,
    run_program,
    simulate,
)


def test_a_program_longer_than_the_clock_is_exact() -> None:
    # 1 h per step, 1,000 steps: 1000 h = 3.6e6 s, far beyond the 2.5 h of one run.
    builder = TaskGraphBuilder()
    builder.task("step", server=builder.server("core"), work_s=3600.0)
    stage = Stage(builder.build(), 2)
    assert run_program(Program.of(stage)).makespan_ticks == 7200 * 10**15
    # Busy times stay 64-bit arrays, and say so when they cannot hold a total.
    with pytest.raises(OverflowError, match="server_busy_ticks does not fit 64 bits"):
        run_program(Program.of(Stage(stage.graph, 1000)))
    hour_of_barriers = make_task_graph(1, work_ticks=3600 * 10**15)
    assert run_program(Program.of(Stage(hour_of_barriers, 1000))).makespan_ticks == 3_600_000 * 10**15


def test_a_shared_graph_is_simulated_once() -> None:
    graph = make_task_graph(3, work_ticks=5)
    program = Program.of(Stage(graph, 2), Stage(make_task_graph(1, work_ticks=7)), Stage(graph, 10**6))
    result = run_program(program)
    assert result.stages[0].timeline is result.stages[2].timeline
    assert result.makespan_ticks == 2 * 5 + 7 + 5 * 10**6
    assert (program.num_tasks, program.num_simulated_tasks) == (3 * (10**6 + 2) + 1, 4)
    assert [stage.start_ticks for stage in result] == [0, 10, 17]


def test_programs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TaskGraphError, match="at least one stage"):
        Program.of()
    with pytest.raises(TaskGraphError, match="repeat must be >= 1, got 0"):
        Stage(make_task_graph(1), 0)
    with pytest.raises(TaskGraphError, match="different servers"):
        Program.of(Stage(make_task_graph(1, servers=1)), Stage(make_task_graph(1, servers=2)))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown engine 'fast'. Known: auto, simpy, compiled"):
        simulate(make_task_graph(1), "fast")  # type: ignore[arg-type]
