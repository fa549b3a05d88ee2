"""Suites whose rows are runs of FasterTransformer's GPT benchmark: a batch of equal prompts, all tokens written.

Left out, each with a note: rows that ran out of memory, and pipelines (``pp`` above 1).
"""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.runs.compare import MeasuredRun, Row, compare_runs, measured_runs
from accelsim.validation.runs.run import Clock, EngineRun
from accelsim.validation.runs.shape import model_of_shape
from accelsim.validation.table import Table

_NEEDED = (
    *("model", "layers", "hidden", "heads", "ffn", "vocab", "chip", "precision", "engine", "tp", "pp"),
    *("batch", "isl", "osl", "latency_ms", "status"),
)
#: Systems by the chip of a row.
SYSTEMS = {"A100": "nvidia-dgx-a100", "H100": "nvidia-dgx-h100", "L40S": "nvidia-l40s-server"}
#: Launch profile of each engine of the table.
_PROFILES = {"FasterTransformer": "graph", "Megatron": "eager"}


@register_suite_kind("fastertransformer")
class FasterTransformer(SuiteKind):
    """Seconds of whole runs, from the first prefill to the last token."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; systems are those of the packaged catalog."""
        table.require(_NEEDED)
        return compare_runs(suite, measured_runs(table, read_row))


def read_row(row: Row) -> MeasuredRun | LeftOut:
    """A row as a run, or why it is left out.

    Raises:
        ValueError: A cell is no number.
    """
    if row["status"] != "ok":
        return LeftOut("the engine ran out of memory")
    if int(row["pp"]) > 1:
        return LeftOut("a pipeline over nodes, whose decode is no static batch on all chips")
    system = SYSTEMS.get(row["chip"])
    if system is None or row["engine"] not in _PROFILES:
        return LeftOut(f"no system or launch profile for {row['engine']} on {row['chip']}")
    run = EngineRun(
        model=model_of_shape(row),
        system=f"{system}:{row['tp']}",
        plan=f"tp={int(row['tp'])}",
        types=(("dtype", row["precision"]),),
        batch=int(row["batch"]),
        prompt=int(row["isl"]),
        output=int(row["osl"]),
        clock=Clock.TOTAL,
        profile=_PROFILES[row["engine"]],
    )
    seconds = float(row["latency_ms"]) * 1e-3
    return MeasuredRun(run, row["engine"], row["chip"], row["model"], row["precision"], seconds)
