"""Published runs of engines beside ours: errors by engine and clock, and how many lie in their bands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.errors import AccelsimError, ConfigError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.predict import Note
from accelsim.validation.runs.run import EngineRun, Ran, ran
from accelsim.validation.table import Table

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """A run with its measured time.

    Attributes:
        run: What ran.
        engine: What the table calls the framework.
        hardware: What the table calls the chip.
        name: What the table calls the model.
        types: Type of the weights.
        measured_s: Seconds.
    """

    run: EngineRun
    engine: str
    hardware: str
    name: str
    types: str
    measured_s: float

    @property
    def label(self) -> tuple[str, str, str]:
        """Of the tables of errors: hardware, engine and clock, type."""
        return self.hardware, f"{self.engine}/{self.run.clock.value}", self.types


Read = Callable[[Row], MeasuredRun | LeftOut]


def measured_runs(table: Table, read: Read) -> list[MeasuredRun | LeftOut]:
    """The rows of a table as runs, or why they are left out.

    Args:
        table: In the columns of its source.
        read: Understands one row.

    Raises:
        ConfigError: A cell that cannot be meant, by file and line.
    """
    rows = [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]
    found: list[MeasuredRun | LeftOut] = []
    for number, row in enumerate(rows):
        try:
            found.append(read(row))
        except ValueError as error:
            raise ConfigError(f"{table.file(number)}:{table.lines[number]}: {error}") from error
    return found


def compare_runs(suite: str, runs: Sequence[MeasuredRun | LeftOut]) -> MeasuredComparison:
    """Ours beside the measured runs; what is left out, or cannot run, has a note.

    Args:
        suite: Name that the rows of errors carry.
        runs: Of :func:`measured_runs`.
    """
    ours, measured = np.full(len(runs), np.nan), np.ones(len(runs))
    labels, work = [("", "", "")] * len(runs), np.ones(len(runs))
    left_out: Counter[tuple[str, str]] = Counter()
    inside = []
    for number, one in enumerate(runs):
        if isinstance(one, LeftOut):
            left_out["", one.why] += 1
            continue
        labels[number], measured[number] = one.label, one.measured_s
        work[number] = one.run.batch * (one.run.prompt + one.run.output)
        try:
            found = ran(one.run)
        except AccelsimError as error:
            left_out[one.hardware, f"cannot be run: {str(error).splitlines()[0]}"] += 1
            continue
        ours[number] = found.seconds
        inside.append((found, one.measured_s))
    notes = [Note(hardware, "", "", count, True, why) for (hardware, why), count in left_out.items()]
    return MeasuredComparison(suite, labels, work, ours, measured, (*notes, *_coverage(inside)))


def _coverage(found: Sequence[tuple[Ran, float]]) -> list[Note]:
    """How many measured times lie in their bands, and how wide these are."""
    if not found:
        return []
    inside = sum(one.band.holds(measured_s) for one, measured_s in found)
    width = float(np.median([one.band.high_s / one.band.low_s for one, _ in found]))
    text = f"{inside} of {len(found)} runs in their 80 % bands, whose ends are a factor {width:.2f} apart in the median"
    return [Note("all", "", "", len(found), False, text)]
