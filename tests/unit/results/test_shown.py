"""Of a long decode one of every so many steps is shown; sums over all of them stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim import Decode, simulate
from accelsim.results.result import Result
from accelsim.results.shown import MAX_ROUNDS, first_rounds, note_of, shown_program, shown_stages
from accelsim.results.trace import chrome_trace

STEPS = 2 * MAX_ROUNDS + 1


@pytest.fixture(scope="module")
def long() -> Result:
    return simulate("gpt2-xl", "cerebras-cs2", Decode(batch=1, context=1, steps=1000), "tp=1", what_ifs=False)


@pytest.fixture(scope="module")
def longer() -> Result:
    return simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 100, STEPS), "tp=1", what_ifs=False)


def test_every_step_is_shown_up_to_a_thousand_and_of_one_more_every_second() -> None:
    assert first_rounds(MAX_ROUNDS).tolist() == list(range(MAX_ROUNDS))
    assert first_rounds(MAX_ROUNDS + 1).tolist() == list(range(0, MAX_ROUNDS + 1, 2))


def test_a_run_that_is_shown_whole_has_no_note(long: Result) -> None:
    assert note_of(long.timeline) == ""
    assert [one.rounds for one in shown_stages(long.timeline)] == [1] * len(long.timeline.stages)
    assert shown_program(long.mapped.program).num_tasks == long.mapped.program.num_tasks


def test_shown_steps_stand_for_all(longer: Result) -> None:
    shown = list(shown_stages(longer.timeline))
    width = len(longer.timeline.series[0].series.stages)
    assert sum(one.rounds for one in shown) == width * STEPS
    assert [one.index for one in shown[: width + 1]] == [*range(width), 3 * width]  # the next one is step 3
    assert note_of(longer.timeline) == "Of 2,001 steps one of every 3 is shown."
    stages = longer.timeline.stages
    assert all(one.stage.start_ticks == stages[one.index].start_ticks for one in shown[:: len(shown) // 7])


def test_bytes_of_tasks_sum_to_those_of_links_and_of_operators_on_links(longer: Result) -> None:
    tasks, links = longer.table("tasks"), longer.table("links")
    summed = (tasks["bytes"] * tasks["repeat"] * tasks["steps"] * tasks["hops"]).sum()
    assert summed == pytest.approx(links["bytes"].sum(), rel=1e-12)
    assert longer.table("link_use")["bytes"].sum() == links["bytes"].sum() == longer.timeline.link_bytes.sum()


def test_tasks_of_servers_are_those_of_every_step(longer: Result) -> None:
    tasks = longer.table("tasks")
    on_stream = tasks[tasks["server"] == "stream"]
    counted = int((on_stream["repeat"] * on_stream["steps"]).sum())
    assert int(longer.table("servers").set_index("server")["tasks"]["stream"]) == counted


def test_memory_and_trace_show_the_same_steps(longer: Result) -> None:
    memory, tasks = longer.table("memory"), longer.table("tasks")
    assert np.array_equal(memory["stage"].unique(), tasks["stage"].unique())
    assert memory["total_bytes"].max() == longer.footprint.total_bytes
    trace = chrome_trace(longer)
    assert trace["otherData"]["steps"] == note_of(longer.timeline)
    ends = [event["ts"] for event in trace["traceEvents"] if event["ph"] == "X"]
    assert max(ends) / 1e6 == pytest.approx(longer.latency_s, rel=0.01)


def test_a_hundred_thousand_steps_are_tables_of_some_thousand_rows() -> None:
    result = simulate("llama3-8b", "cerebras-cs2", Decode(1, 100, 100_000), "region=360x360", what_ifs=False)
    assert len(result.columns("tasks")["task"]) < 20_000
    assert len(result.columns("memory")["time_s"]) < 20_000
