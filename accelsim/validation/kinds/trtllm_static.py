"""Suites whose rows are TensorRT-LLM's static batches: a rate over whole runs, or the time of the first token.

The cache has the type of 8-bit weights, as the page's build commands say.
"""

from __future__ import annotations

from typing import ClassVar

from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.kinds.fastertransformer import SYSTEMS
from accelsim.validation.runs.compare import MeasuredRun, Row
from accelsim.validation.runs.kind import EngineRuns
from accelsim.validation.runs.run import Clock, EngineRun
from accelsim.validation.runs.shape import model_of_shape

_NEEDED = (
    *("model", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "chip", "precision", "tp"),
    *("batch", "isl", "osl", "total_time_s_derived", "first_token_latency_ms"),
)
ENGINE, PROFILE = "TensorRT-LLM", "trtllm"


@register_suite_kind("trtllm_static")
class TrtllmStatic(EngineRuns):
    """Seconds of whole runs of a batch, and of first tokens."""

    needs: ClassVar[tuple[str, ...]] = _NEEDED

    def read(self, row: Row) -> MeasuredRun | LeftOut:
        """See :class:`~accelsim.validation.runs.kind.EngineRuns`."""
        return read_row(row)


def read_row(row: Row) -> MeasuredRun | LeftOut:
    """A row as a run, or why it is left out.

    Raises:
        ValueError: A cell is no number.
    """
    system = SYSTEMS.get(row["chip"])
    if system is None:
        return LeftOut(f"no system of {row['chip']} is described")
    first = row["first_token_latency_ms"]
    precision = row["precision"]
    run = EngineRun(
        model=model_of_shape(row),
        system=f"{system}:{int(row['tp'])}",
        plan=f"tp={int(row['tp'])}",
        types=(("dtype", precision), *((("kv_dtype", "fp8"),) if precision == "fp8" else ())),
        batch=int(row["batch"]),
        prompt=int(row["isl"]),
        output=int(row["osl"]),
        clock=Clock.FIRST_TOKEN if first else Clock.TOTAL,
        profile=PROFILE,
    )
    seconds = float(first) * 1e-3 if first else float(row["total_time_s_derived"])
    return MeasuredRun(run, ENGINE, row["chip"], row["model"], precision, seconds)
