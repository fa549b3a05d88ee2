"""What the KV cache of layers with a window is counted as, in words."""

from __future__ import annotations

from dataclasses import replace

from accelsim.mapping.job import Job
from accelsim.units import format_quantity
from accelsim.warning import warn


def window_note(job: Job) -> tuple[str, ...]:
    """The warning of a run whose caches are counted as shorter than its sequences; none where no window is full.

    Args:
        job: With the pass that holds most.
    """
    if job.model.is_fixed or job.recipe.kv_reserve:
        return ()
    fullest = job.phase.replica(job.plan.dp).fullest()
    reserving = job.model.build(fullest, replace(job.recipe, kv_reserve=fullest.length))
    cached = [(one.repeat, tensor) for one in reserving.segments for tensor in one.graph.stored_positions]
    counted, full = sum(n * one.size_bytes for n, one in cached), sum(n * one.held_bytes for n, one in cached)
    if full == counted:
        return ()
    counted_text, full_text = (format_quantity(nbytes, "bytes") for nbytes in (counted, full))
    text = (
        f"the KV cache of layers with a window is counted as their window, {counted_text} of one replica in all; an "
        f"engine that reserves {fullest.length} positions for them holds {full_text}"
    )
    return (warn("window-cache", text),)
