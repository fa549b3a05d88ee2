"""Suites whose rows are whole models: each is simulated by the pipeline, as ``accelsim run`` would.

Columns: the model's shape under the names of its ``config.json``, ``phase`` (``prefill``, ``decode``, ``end-to-end``),
``batch``, ``prompt``, ``steps``, ``dtype``, and the rectangle of cores of each phase.  A decode row is one step with
``prompt`` tokens in the cache.  An end-to-end row is a prefill and ``steps`` decode steps, each in its rectangle; the
steps are sampled, because their time changes slowly with the context.  Not modelled: what lies between the phases.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from accelsim.dtypes import DType
from accelsim.errors import AccelsimError, ConfigError
from accelsim.hardware.system import System, load_system
from accelsim.pipeline import simulate
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.predict import Note
from accelsim.validation.table import MEASURED, Table
from accelsim.workload.model import Model
from accelsim.workload.phase import Decode, Phase, Prefill

_SHAPE = ("model", "layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab")
_NEEDED = ("hardware", *_SHAPE, "phase", "batch", "prompt", "steps", "dtype", MEASURED)
_SAMPLED_STEPS = 8
_CAPACITY_NOTE = "capacity is not checked: the measured models were scaled up from some of their layers"

Row = Mapping[str, str]


@register_suite_kind("pipeline")
class Models(SuiteKind):
    """Seconds of whole models."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; one model and phase a row."""
        table.require(_NEEDED)
        rows = [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]
        system = cache(load_system)
        seconds = np.array([_of_row(table, number, row, system(row["hardware"])) for number, row in enumerate(rows)])
        labels = [(row["hardware"], row["phase"], row["dtype"]) for row in rows]
        work = np.array([float(row["prompt"]) + float(row["steps"] or 0) for row in rows])
        note = Note(rows[0]["hardware"], "", "", len(rows), False, _CAPACITY_NOTE)
        return MeasuredComparison(suite, labels, work, seconds, table.numbers(MEASURED, np.arange(len(table))), (note,))


def _of_row(table: Table, number: int, row: Row, system: System) -> float:
    """Seconds of a row.

    Raises:
        ConfigError: A cell that cannot be meant, or a plan that does not suit; by file and line.
    """
    try:
        return _seconds(row, system)
    except (ValueError, AccelsimError) as error:
        raise ConfigError(f"{table.file(number)}:{table.lines[number]}: {error}") from error


def _seconds(row: Row, system: System) -> float:
    model, batch, prompt = model_of(row), int(row["batch"]), int(row["prompt"])
    phase, steps = row["phase"], int(row["steps"] or 1)
    if phase == "prefill":
        return _run(model, system, Prefill(batch, prompt), _grid(row, "prefill_grid"))
    if phase == "decode":
        return _run(model, system, Decode(batch, prompt), _grid(row, "decode_grid"))
    if phase != "end-to-end":
        raise ConfigError(f"unknown phase {phase!r} in a suite of models. Known: prefill, decode, end-to-end.")
    samples = min(steps, _SAMPLED_STEPS)
    contexts = [prompt + (2 * i + 1) * steps // (2 * samples) for i in range(samples)]
    decode_s = np.mean([_run(model, system, Decode(batch, context), _grid(row, "decode_grid")) for context in contexts])
    return _run(model, system, Prefill(batch, prompt), _grid(row, "prefill_grid")) + steps * float(decode_s)


def _grid(row: Row, column: str) -> str:
    """The rectangle of cores of a phase; only a row of that phase needs it."""
    if not row.get(column):
        raise ConfigError(f"{column}: no rectangle of cores for a row of phase {row['phase']}. Write e.g. 360x360.")
    return row[column]


def _run(model: Model, system: System, phase: Phase, grid: str) -> float:
    """Seconds of one phase with every operator on a ``grid`` of cores."""
    result = simulate(model, system, phase, f"region={grid}", ignore_capacity=True, what_ifs=False)
    return result.latency_s


def model_of(row: Row) -> Model:
    """The model whose shape a row states."""
    return Model(
        name=row["model"],
        hidden_size=int(row["hidden"]),
        intermediate_size=int(row["ffn"]),
        num_hidden_layers=int(row["layers"]),
        vocab_size=int(row["vocab"]),
        max_position_embeddings=1_000_000,
        num_attention_heads=int(row["heads"]),
        num_key_value_heads=int(row["kv_heads"]),
        head_dim=int(row["head_dim"]),
        torch_dtype=DType(row["dtype"]),
    )
