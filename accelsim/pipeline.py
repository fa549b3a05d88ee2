"""The pipeline, every stage by name.  Who reads only this file understands the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from accelsim.advice import advise
from accelsim.arguments import checked_call
from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.cost.relieve import reliefs
from accelsim.engine.program import run_program
from accelsim.errors import AccelsimError, CapacityError
from accelsim.hardware.profile import GRAPH
from accelsim.hardware.system import System
from accelsim.mapping.auto import choose_plan
from accelsim.mapping.execution.base import EXECUTIONS, check_job
from accelsim.mapping.job import Job
from accelsim.mapping.placement.base import check_placer
from accelsim.mapping.plan import Plan
from accelsim.mapping.servers import HOST
from accelsim.results.assemble import assemble
from accelsim.results.books import keep_books
from accelsim.results.bottleneck import MOVES, WhatIf, causes_to_relieve, relieved_by
from accelsim.results.provenance import Provenance
from accelsim.results.result import Result
from accelsim.results.run import Run
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.model import Model
from accelsim.workload.phase import Phase

NUM_WHAT_IFS, WHAT_IF_FACTOR = 2, 2.0


@checked_call('simulate("llama3-8b", "nvidia-dgx-h100:8", Decode(batch=8, context=4096), plan="tp=8")')
def simulate(
    case: Case | Model | Workload | OperatorGraph | str,
    system: System | str | None = None,
    phase: Phase | None = None,
    plan: Plan | str | None = None,
    *,
    what_ifs: bool = True,
    catalog: Catalog | None = None,
    **options: Any,
) -> Result:
    """Simulate one phase of a model on a system and say how long it takes, what moves, and what limits.

    Args:
        case: A :class:`Case`; or the model: a :class:`Model`, a name, or a path to a YAML or an unchanged Hugging Face
            ``config.json``.
        system: A :class:`System`, or a name or path with an optional ``:CHIPS``.
        phase: E.g. :class:`Prefill` or :class:`Decode`.
        plan: A :class:`Plan`, its text form, or ``"auto"``: the fastest of a few candidates that fits.
        what_ifs: Simulate the two what-ifs of the bottleneck sentence.
        catalog: Where names are looked up; None is the packaged catalog.
        options: Further options of a :class:`Case`, e.g. ``dtype="fp8"``, ``seed=1``, ``ignore_capacity=True``.

    Raises:
        ConfigError: Bad input; the text says where and how to fix it.
        CapacityError: The model does not fit and ``ignore_capacity`` is off; names changes with which it does.
        AccelsimError: ``strict``, and the result carries warnings.

    Examples:
        >>> from accelsim import Decode, simulate
        >>> result = simulate("llama3-8b", "nvidia-h100-sxm", Decode(batch=1, context=2048))
        >>> result.bottleneck.cause
        'hbm'
    """
    case = Case.of(case, system, phase, plan, **options)
    loaded = case.load(catalog)  # names -> what they stand for
    try:
        trials = _Trials()
        job = replace(loaded.job, plan=choose_plan(loaded.job, case.plan, trials.latency_of))
        check_placer(job.plan.placer)
        run = trials.run_of(job) or play(job)
    except CapacityError as error:
        raise advise(error, case, catalog) from error
    books = keep_books(run.mapped, run.timeline, job.system.chip.main_memory)  # every second, every byte
    alternatives = _what_ifs(run, causes_to_relieve(books)) if what_ifs else None
    result = assemble(run, books, alternatives, Provenance(case, loaded.inputs))
    if case.strict and result.warnings:
        raise AccelsimError("strict: the result carries warnings:\n" + "\n".join(f"- {w}" for w in result.warnings))
    return result


def play(job: Job) -> Run:
    """The stages between what is asked for and when it happens.

    Args:
        job: What is asked for.

    Raises:
        PlanError: The plan does not suit the machine or the phase.
        CapacityError: The model does not fit.
    """
    check_job(job)
    work = job.passes  # what is computed
    mapped = EXECUTIONS.get(job.plan.execution)().map(job, work)  # who computes what, where, in which order
    timeline = run_program(mapped.program, job.engine)  # when
    return Run(replace(job, plan=mapped.plan), work, mapped, timeline)


def latency_of(job: Job) -> float:
    """Seconds that a job takes.

    Raises:
        PlanError: As :func:`play`.
        CapacityError: As :func:`play`.
    """
    return play(job).timeline.makespan_s


class _Trials:
    """Runs of the plans that ``auto`` tries, of which the fastest so far is kept, so that it need not be run again."""

    def __init__(self) -> None:
        self._best: tuple[Job, Run] | None = None

    def latency_of(self, job: Job) -> float:
        """As :func:`latency_of`."""
        run = play(job)
        if self._best is None or run.timeline.makespan_s < self._best[1].timeline.makespan_s:
            self._best = job, run
        return run.timeline.makespan_s

    def run_of(self, job: Job) -> Run | None:
        """The run of this very job, if it was the fastest."""
        return self._best[1] if self._best is not None and self._best[0] == job else None


def _what_ifs(run: Run, causes: Iterable[str]) -> list[WhatIf]:
    """The first what-ifs that gain something: of each cause the one that gains most, no change twice."""
    found: list[WhatIf] = []
    for cause in causes:
        best = max(_relieved(run, cause), key=lambda one: one.speedup, default=None)
        if best is not None and best.speedup >= MOVES and best.change not in [one.change for one in found]:
            found.append(best)
        if len(found) == NUM_WHAT_IFS:
            break
    return found


def _relieved(run: Run, cause: str) -> Iterator[WhatIf]:
    """The same run with one resource behind ``cause`` twice as fast, for each that there is."""
    job, latency_s = run.job, run.timeline.makespan_s
    if cause == HOST:
        jobs = [(replace(job, profile=GRAPH), "a captured graph")]
    else:
        behind = relieved_by(cause, job.system.chip.main_memory)
        found = (one for part in behind for one in reliefs(job.system, part, WHAT_IF_FACTOR))
        jobs = [(replace(job, system=system, ignore_capacity=True), change) for system, change in found]
    for changed, change in jobs:
        faster_s = latency_of(changed)
        yield WhatIf(change, faster_s, latency_s / faster_s, cause)
