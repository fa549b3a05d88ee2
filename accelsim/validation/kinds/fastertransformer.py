"""Suites whose rows are runs of FasterTransformer's GPT benchmark: a batch of equal prompts, all tokens written.

Left out, each with a note: rows that ran out of memory, and pipelines (``pp`` above 1).
"""

from __future__ import annotations

from typing import ClassVar

from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.runs.compare import MeasuredRun, Row
from accelsim.validation.runs.kind import EngineRuns
from accelsim.validation.runs.run import Clock, EngineRun
from accelsim.validation.runs.shape import model_of_shape

_NEEDED = (
    *("model", "layers", "hidden", "heads", "ffn", "vocab", "chip", "precision", "engine", "tp", "pp"),
    *("batch", "isl", "osl", "latency_ms", "status"),
)
#: Systems by the chip of a row.
SYSTEMS = {"A100": "nvidia-dgx-a100", "H100": "nvidia-dgx-h100", "L40S": "nvidia-l40s-server"}
#: Launch profile of each engine of the table.
_PROFILES = {"FasterTransformer": "fastertransformer", "Megatron": "megatron"}


@register_suite_kind("fastertransformer")
class FasterTransformer(EngineRuns):
    """Seconds of whole runs, from the first prefill to the last token."""

    needs: ClassVar[tuple[str, ...]] = _NEEDED

    def read(self, row: Row) -> MeasuredRun | LeftOut:
        """See :class:`~accelsim.validation.runs.kind.EngineRuns`."""
        return read_row(row)


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
