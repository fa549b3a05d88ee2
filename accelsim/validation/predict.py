"""Predicted seconds of every row of a measured table, and a note for whatever cannot be or should not be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from accelsim.cost.measured import Array, Batch
from accelsim.dtypes import DType
from accelsim.errors import AccelsimError, ConfigError
from accelsim.validation.machines import Machines, UnknownHardwareError
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.pricers._collectives import predict_collectives, predict_exchanges
from accelsim.validation.pricers.base import Prices, pricer_of
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import Table


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a group of rows.

    Attributes:
        hardware: As the table spells it.
        op: Operator; blank for all of the hardware.
        dtype: Element type; likewise.
        points: Rows concerned.
        unpriced: Whether the rows have no prediction; else they have one to be trusted less.
        text: What it is.
    """

    hardware: str
    op: str
    dtype: str
    points: int
    unpriced: bool
    text: str

    def __str__(self) -> str:
        what = " ".join(name for name in (self.hardware, self.op, self.dtype) if name)
        count = f"{self.points} row{'' if self.points == 1 else 's'}"
        return f"{what}: {count}{' without a prediction' * self.unpriced}: {self.text}"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Seconds of each row, NaN where nothing prices it, and the notes."""

    seconds: Array
    notes: tuple[Note, ...]

    @property
    def num_unpriced(self) -> int:
        """Rows without a prediction."""
        return int(np.isnan(self.seconds).sum())


def predict(table: Table, machines: Machines | None = None) -> Prediction:
    """Predict a checked table, group by group of equal hardware, operator, element type and timing.

    Args:
        table: Rows that :func:`~accelsim.validation.table.check_table` has passed.
        machines: What the names of hardware mean.

    Raises:
        ConfigError: No row can be priced; says why.
    """
    machines = machines or Machines()
    seconds = np.full(len(table), np.nan)
    notes: list[Note] = []
    for (hardware, op, dtype, timing), rows in table.groups().items():
        chosen = rig_of(timing, op, hardware)
        batch = Batch(op, DType(dtype), table.extents(op, rows), chosen.rig)
        about = Note(hardware, op, dtype, rows.size, False, "")
        try:
            prices = _prices(batch, hardware, machines)
        except UnknownHardwareError as error:
            notes.append(Note(hardware, "", "", rows.size, True, str(error)))
            continue
        except ConfigError as error:
            notes.append(replace(about, unpriced=True, text=str(error)))
            continue
        seconds[rows] = prices.seconds
        missing = int(np.isnan(prices.seconds).sum())
        notes += [replace(about, text=chosen.note)] if chosen.note else []
        notes += [replace(about, points=points, text=text) for text, points in prices.warnings.items()]
        if missing:
            notes.append(replace(about, points=missing, unpriced=True, text="the model gives no time, see above"))
    if np.isnan(seconds).all():
        raise ConfigError(f"{table.name}: no row can be priced:\n" + "\n".join(f"- {note}" for note in merged(notes)))
    return Prediction(seconds, merged(notes))


def refuse_notes(notes: Iterable[str]) -> None:
    """Fail when there is a note: what ``--strict`` asks for.

    Raises:
        AccelsimError: There is one; lists all.
    """
    if texts := list(notes):
        raise AccelsimError("strict: the predictions carry notes:\n" + "\n".join(f"- {text}" for text in texts))


def merged(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Notes that differ only in their rows as one, in order."""
    found: dict[Note, int] = {}
    for note in notes:
        key = replace(note, points=0)
        found[key] = found.get(key, 0) + note.points
    return tuple(replace(note, points=points) for note, points in found.items())


def _prices(batch: Batch, hardware: str, machines: Machines) -> Prices:
    if OPERATIONS[batch.op].collective:
        return predict_collectives(batch, hardware, machines)
    if OPERATIONS[batch.op].exchange:
        return predict_exchanges(batch, hardware, machines)
    chip = machines.chip(hardware)
    return pricer_of(chip).predict_table(batch, chip)
