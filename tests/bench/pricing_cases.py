"""What pricing is measured on: operators of passes, and a search."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from accelsim.case.case import Case
from accelsim.hardware.system import load_system
from accelsim.mapping.auto import choose_plan
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.job import Job
from accelsim.mapping.known import Known
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.pipeline import latency_of
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operator import Operator
from accelsim.workload.phase import Decode, Phase, Prefill

CHIP = load_system("nvidia-dgx-h100").chip
DECODES: list[Phase] = [Decode(batch, 1024) for batch in range(1, 65)]
PREFILLS: list[Phase] = [Prefill(1, prompt) for prompt in range(128, 4096, 128)]


class Passes(NamedTuple):
    """Operators on cores of several passes.

    Attributes:
        operators: Those that differ.
        count: All that run, layers counted.
    """

    operators: list[Operator]
    count: int

    @classmethod
    def of(cls, phases: list[Phase]) -> Passes:
        """Those of llama3-8b as one of two ranks runs them."""
        model = load_model("llama3-8b")
        shares = [shard(build_workload(model, phase), Plan(tp=2)) for phase in phases]
        segments = [segment for share in shares for segment in share.segments]
        run = [(op, segment.repeat) for segment in segments for op in segment.graph if op.kind != "collective"]
        return cls(list(dict.fromkeys(op for op, _ in run)), sum(repeat for _, repeat in run))


def search_job() -> tuple[Job, int]:
    """A job whose plan is searched, and the number of candidates."""
    job = Case.of("llama3-70b", "nvidia-dgx-h100", Decode(8, 1024), "auto").load().job
    return job, sum(len(list(execution().candidates(job))) for _, execution in EXECUTIONS.items())


def search(job: Job) -> Plan:
    """The plan chosen by a search that knows nothing yet."""
    return choose_plan(replace(job, known=Known()), "auto", latency_of)
