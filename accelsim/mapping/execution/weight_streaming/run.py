"""From a job to streamed weights: check memory, price on the whole grid, lower."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.cost.base import Region
from accelsim.mapping.execution.weight_streaming.footprint import streaming_footprint
from accelsim.mapping.execution.weight_streaming.tasks import lower_streaming
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.price import Pricer
from accelsim.mapping.servers import STREAM
from accelsim.workload.steps import StepSeries


def map_streams(job: Job, passes: Sequence[StepSeries]) -> Mapped:
    """One chip whose operators wait for the loads of their weights.

    Args:
        job: The job.
        passes: Operators of each traversal, in series.

    Raises:
        CapacityError: Two blocks of weights do not fit beside KV cache and activations.
        PlanError: The system has no link to a host.
    """
    need, warnings = streaming_footprint(passes[-1].last, job.system, job.ignore_capacity)
    pricer = Pricer(job.system, Region(*job.system.chip.core_grid), known=job.known)
    program, overlapped = lower_streaming([pricer.price(step) for series in passes for step in series], job.system)
    return Mapped(
        plan=job.plan,
        program=program,
        num_chips=1,
        footprint=need,
        overlapped=overlapped,
        servers=ServerRoles(stream=STREAM),
        warnings=warnings,
    )
