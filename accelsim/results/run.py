"""A run: the values of the stages from what is asked for to when it happens."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.engine.program import ProgramTimeline
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.workload.steps import StepSeries


@dataclass(frozen=True)
class Run:
    """The values of the stages of one run.

    Attributes:
        job: What is run; its plan has everything filled in.
        work: One replica's operators of each traversal, in series.
        mapped: These on the machine.
        timeline: What the engine returned.
    """

    job: Job
    work: tuple[StepSeries, ...]
    mapped: Mapped
    timeline: ProgramTimeline
