"""The speeds that are promised, each beside its bound; CPU times, so that neighbours disturb little."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_cases import PLAN, SYSTEM, commands, measure_command, measure_run
from start_cases import first_run_s

REPEATS = 40


@dataclass(frozen=True)
class Target:
    """A figure with its bound.

    Attributes:
        unit: Of both.
        bound: The most it may be; of a rate the least.
        measure: Gives the figure, in a process of its own.
        is_rate: Whether more is better.
    """

    unit: str
    bound: float
    measure: Callable[[], float]
    is_rate: bool = False

    def holds(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        return value >= self.bound if self.is_rate else value <= self.bound


def _each_s(action: Callable[[], object]) -> list[float]:
    """CPU seconds of repetitions once everything is imported and read."""
    times = []
    for _ in range(3 + REPEATS):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return times[3:]


def _named_ms() -> float:
    from accelsim import Decode, simulate

    return 1e3 * statistics.median(_each_s(lambda: simulate("llama3-8b", SYSTEM, Decode(8, 2048), PLAN)))


def _objects_ms() -> float:
    from accelsim import Decode, Plan, load_model, load_system, simulate

    model, system, plan = load_model("llama3-8b"), load_system(SYSTEM), Plan.parse(PLAN)
    return 1e3 * statistics.median(_each_s(lambda: simulate(model, system, Decode(8, 2048), plan, what_ifs=False)))


def _per_operator_us(phases: str, distinct: bool) -> float:
    """Of each operator that runs, or of each that differs from all others, when all are priced in one call."""
    import pricing_cases as cases

    from accelsim.cost.base import COST_MODELS, Region

    passes = cases.Passes.of(getattr(cases, phases)[: None if distinct else 1])
    model, region = COST_MODELS.get(cases.CHIP.cost_model)(), Region(*cases.CHIP.core_grid)
    least_s = min(_each_s(lambda: model.costs(passes.operators, cases.CHIP, region)))
    return 1e6 * least_s / (len(passes.operators) if distinct else passes.count)


def _candidates_per_s() -> float:
    from pricing_cases import search, search_job

    job, number = search_job()
    return number / statistics.median(_each_s(lambda: search(job)))


def _auto_s(system: str) -> float:
    """The first simulation of a process with the plan left open: search, run, what-ifs, and what is imported for it."""
    from accelsim import Decode, simulate

    began = time.process_time()
    simulate("llama3-8b", system, Decode(1, 2048))
    return time.process_time() - began


def _refused_s(system: str) -> float:
    """A model that does not fit, with the advice."""
    from accelsim import AccelsimError, Decode, simulate

    began = time.process_time()
    try:
        simulate("llama3-70b", system, Decode(1, 2048))
    except AccelsimError:
        return time.process_time() - began
    raise AssertionError(f"llama3-70b fits {system}")


def _placed(budget: int) -> tuple[float, float]:
    """CPU seconds and cost of 1,000 unequal operators on 1,000 x 1,000 tiles, laid out by annealing, once compiled."""
    import numpy as np
    from test_bench_placement import operators

    from accelsim.mapping.placement.base import PLACERS

    problem, place = operators(1000), PLACERS.get("annealing")
    place(operators(20), np.random.default_rng(0), 100)
    began = time.process_time()
    found = place(problem, np.random.default_rng(0), budget)
    return time.process_time() - began, problem.cost(found)


def _above_long_run() -> float:
    """How much more 1,000 operators cost than after a hundred times as many moves, in percent."""
    return 100 * (_placed(10_000)[1] / _placed(1_000_000)[1] - 1)


def _command_s(name: str, is_cold: bool = False) -> float:
    """With caches of Python and numba full, or empty."""
    one = measure_command(name, commands(quick=False)[name])
    return one.cold_cpu_s if is_cold else one.warm_cpu_s


def _transfers_per_s(case: str, size: int) -> float:
    """Of one run on the compiled engine, verified."""
    from engine_cases import GRAPHS

    from accelsim.engine import simulate

    graph = GRAPHS[case](size)
    simulate(graph, "compiled")
    began = time.process_time()
    simulate(graph, "compiled")
    return graph.num_tasks / (time.process_time() - began)


def _ring_s() -> float:
    ranks = 1024
    return 2 * (ranks - 1) * ranks / _transfers_per_s("ring_all_reduce", ranks)


def _compile_s() -> float:
    with tempfile.TemporaryDirectory() as cache:
        return first_run_s(cache)


TARGETS = {
    "accelsim run, caches full": Target("s", 1.2, lambda: _command_s("accelsim run, prefill")),
    "accelsim run, nothing kept": Target("s", 1.2, lambda: _command_s("accelsim run, prefill", is_cold=True)),
    "accelsim --help": Target("s", 0.25, lambda: _command_s("accelsim --help")),
    "simulate, names, what-ifs": Target("ms", 20, _named_ms),
    "simulate, objects, no what-ifs": Target("ms", 8, _objects_ms),
    "1,000 steps": Target("s", 0.5, lambda: measure_run("llama3-8b, 1,000 steps, what-ifs").again_cpu_s),
    "100,000 steps": Target("s", 5, lambda: measure_run("llama3-8b, 100,000 steps, what-ifs").again_cpu_s),
    "100,000 steps, memory": Target("MB", 500, lambda: measure_run("llama3-8b, 100,000 steps, what-ifs").peak_mb),
    "pricing per operator of a decode step": Target("us", 10, lambda: _per_operator_us("DECODES", distinct=False)),
    "pricing per operator of a prefill": Target("us", 10, lambda: _per_operator_us("PREFILLS", distinct=False)),
    "per distinct operator of 64 decodes": Target("us", 10, lambda: _per_operator_us("DECODES", distinct=True)),
    "per distinct operator of 31 prefills": Target("us", 10, lambda: _per_operator_us("PREFILLS", distinct=True)),
    "candidates of --plan auto": Target("/s", 300, _candidates_per_s, is_rate=True),
    "--plan auto on a wafer": Target("s", 5, lambda: _auto_s("cerebras-cs3")),
    "--plan auto on 8 GPUs": Target("s", 0.5, lambda: _auto_s("nvidia-dgx-h100")),
    "refused on 576 Groq chips": Target("s", 1, lambda: _refused_s("groq-576")),
    "1,000 operators placed": Target("s", 5, lambda: _placed(10_000)[0]),
    "1,000 operators, above a long run": Target("%", 10, _above_long_run),
    "first compiled run, nothing kept": Target("s", 8, _compile_s),
    "ring of 1,024 ranks, unfolded": Target("s", 0.6, _ring_s),
    "64 x 64 mesh, equal sizes": Target("/s", 40_000, lambda: _transfers_per_s("mesh_permutation", 64), is_rate=True),
    "64 x 64 mesh, random sizes": Target("/s", 2000, lambda: _transfers_per_s("mesh_random_sizes", 64), is_rate=True),
    "16 x 16 mesh, load 0.1": Target("/s", 29_000, lambda: _transfers_per_s("mesh_uniform", 10), is_rate=True),
    "16 x 16 mesh, load 0.3": Target("/s", 29_000, lambda: _transfers_per_s("mesh_uniform", 30), is_rate=True),
    "16 x 16 mesh, load 0.5": Target("/s", 29_000, lambda: _transfers_per_s("mesh_uniform", 50), is_rate=True),
    "16 x 16 mesh, load 0.7": Target("/s", 29_000, lambda: _transfers_per_s("mesh_uniform", 70), is_rate=True),
}
