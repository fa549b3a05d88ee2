"""Folding in time is exact: a folded program gives what its unfolded graph gives."""

from __future__ import annotations

import numpy as np
from engine_graphs import Shape, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import Program, Stage, instantiate, run_program, simulate


def stages(seed: int, repeats: list[int]) -> tuple[Stage, ...]:
    """Stages of different random graphs over the same servers and links."""
    shape = Shape(40, 3, 5, 3, 2, ties=seed % 2 == 0, seed=seed)
    base = random_graph(shape)
    return tuple(Stage(instantiate(base, index + 1), repeat, f"s{index}") for index, repeat in enumerate(repeats))


@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.sampled_from(["simpy", "compiled"])
)
@settings(deadline=None, max_examples=40)
def test_folded_equals_unfolded(seed: int, repeats: list[int], engine: str) -> None:
    program = Program.of(*stages(seed, repeats))
    folded = run_program(program, engine)
    unfolded = simulate(program.unfold(), engine)
    assert folded.makespan_ticks == unfolded.makespan_ticks
    np.testing.assert_array_equal(folded.link_bytes, unfolded.link_bytes)
    np.testing.assert_array_equal(folded.link_busy_ticks, unfolded.link_busy_ticks)
    np.testing.assert_array_equal(folded.server_busy_ticks, unfolded.server_busy_ticks)
    # Every repetition starts where its copy starts in the unfolded graph: one barrier after each.
    first = 0
    for stage, start in folded.repetitions():
        tasks = stage.stage.graph.num_tasks
        np.testing.assert_array_equal(unfolded.start_ticks[first : first + tasks], stage.timeline.start_ticks + start)
        first += tasks + 1
