"""Suites whose rows are TensorRT-LLM's static batches: a rate over whole runs, or the time of the first token.

The cache has the type of 8-bit weights, as the page's build commands say.
"""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.kinds.fastertransformer import SYSTEMS
from accelsim.validation.machines import Machines
from accelsim.validation.runs.compare import MeasuredRun, Row, compare_runs, measured_runs
from accelsim.validation.runs.run import Clock, EngineRun
from accelsim.validation.runs.shape import model_of_shape
from accelsim.validation.table import Table

_NEEDED = (
    *("model", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "chip", "precision", "tp"),
    *("batch", "isl", "osl", "total_time_s_derived", "first_token_latency_ms"),
)
ENGINE, PROFILE = "TensorRT-LLM", "graph"


@register_suite_kind("trtllm_static")
class TrtllmStatic(SuiteKind):
    """Seconds of whole runs of a batch, and of first tokens."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; systems are those of the packaged catalog."""
        table.require(_NEEDED)
        return compare_runs(suite, measured_runs(table, read_row))


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
