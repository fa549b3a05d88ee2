import pytest

from accelsim.engine.program import run_program
from accelsim.errors import PlanError
from accelsim.mapping.execution.spatial.ideal import ideal_latency_s
from accelsim.mapping.plan import Plan
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill


def latency_s(run):
    return run_program(run.program).makespan_s


@pytest.mark.parametrize("phase", [Prefill(1, 64), Decode(4, 100, 2)])
def test_placers_that_shall_be_fast_are_and_none_beats_the_ideal(tiny, small_array, phase):
    runs = {
        (placer, objective): place(
            tiny, small_array, phase, f"execution=spatial,chunk=4,placer={placer},objective={objective}", budget=3000
        )
        for placer in ("random", "greedy", "annealing")
        for objective in ("byte_hops", "latency")
    }
    bound_s = ideal_latency_s(list(runs.values()))
    assert all(latency_s(run) >= bound_s for run in runs.values())
    fast, short = runs["annealing", "latency"], runs["greedy", "byte_hops"]
    assert latency_s(fast) < latency_s(short)
    # the placers compare the estimate, which the simulation confirms
    ((problem, _),) = fast.problems
    rectangles = [[spot.rectangle for spot in run.floor.spots] for run in (fast, short)]
    assert problem.cost(rectangles[0]) < problem.cost(rectangles[1])


def test_an_unknown_objective_is_refused():
    with pytest.raises(PlanError, match=r"unknown objective 'speed'\. Allowed: byte_hops, latency"):
        Plan.parse("execution=spatial,objective=speed")
