"""A table of published rates beside ours: row after row, with band, error and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.errors import AccelsimError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.predict import Note, merged
from accelsim.validation.rates.index import RateIndex, Row, rate_index
from accelsim.validation.rates.price import Priced, priced
from accelsim.validation.rates.rate import METRICS, STATED, Rate
from accelsim.validation.rates.read import LeftOut, read_row
from accelsim.validation.rates.software import software_factor

#: What a row without a known reason says.
UNEXPLAINED = "no reason known"


@dataclass(frozen=True, slots=True)
class Line:
    """A rate that was compared.

    Attributes:
        rate: The facts of the row.
        ours: What the simulation says, its software's factor included.
        why: Why the row may lie where it lies, if it lies outside our band; else blank.
    """

    rate: Rate
    ours: Priced
    why: str

    @property
    def ratio(self) -> float:
        """Ours over the published rate; above 1 ours is faster."""
        ratio = self.ours.value / self.rate.value
        return 1 / ratio if METRICS[self.rate.metric].is_first_token else ratio


def compare_rates(suite: str, rows: Sequence[Row]) -> MeasuredComparison:
    """Ours beside the published rates, as seconds per token or to the first one; what is left out has a note.

    Args:
        suite: Name that the rows of errors carry.
        rows: Cells by column.
    """
    index = rate_index()
    lines: dict[int, Line] = {}
    left: list[LeftOut] = []
    for number, row in enumerate(rows):
        found = _line(number, row, index)
        if isinstance(found, LeftOut):
            left.append(found)
        else:
            lines[number] = found
    ours, published = np.full(len(rows), np.nan), np.ones(len(rows))
    for number, line in lines.items():
        ours[number] = line.rate.seconds_of(line.ours.value)
        published[number] = line.rate.seconds_of(line.rate.value)
    labels = [_label(row, lines.get(number)) for number, row in enumerate(rows)]
    notes = [Note(labels[one.row][0], "", "", 1, True, one.why) for one in left]
    return MeasuredComparison(
        suite=suite,
        labels=labels,
        work=np.ones(len(rows)),
        predicted_s=ours,
        measured_s=published,
        notes=(*merged(notes), *_summary(list(lines.values()))),
        details=[_detail(rows[number], line) for number, line in lines.items()],
    )


def _line(number: int, row: Row, index: RateIndex) -> Line | LeftOut:
    rate = read_row(number, row, index)
    if isinstance(rate, LeftOut):
        return rate
    try:
        found = priced(rate)
    except AccelsimError as error:
        return LeftOut(number, f"cannot be run: {str(error).splitlines()[0]}")
    if rate.software:
        found = found.slowed(software_factor(rate), METRICS[rate.metric].is_first_token)
    return Line(rate, found, "" if found.low <= rate.value <= found.high else _why(row, rate, found, index))


def _why(row: Row, rate: Rate, ours: Priced, index: RateIndex) -> str:
    """The first reason that fits a row on its side."""
    is_larger = ours.value > rate.value
    side = "faster" if is_larger != METRICS[rate.metric].is_first_token else "slower"
    return next((one.why for one in index.reasons if one.side == side and one.fits(row)), UNEXPLAINED)


def _label(row: Row, line: Line | None) -> tuple[str, str, str]:
    """Hardware, metric (with what is less sure of it), type; vendor and what the table says where it is left out."""
    if line is None:
        return row["vendor"], row["metric"], row["weight_type"]
    rate = line.rate
    sure = "" if rate.confidence == STATED else f" {rate.confidence}"
    return rate.system.partition(":")[0], METRICS[rate.metric].label + sure, rate.types


def _summary(lines: Sequence[Line]) -> list[Note]:
    """How far the rates that are fully stated lie, as a factor, and how many lie in their bands."""
    stated = [line for line in lines if line.rate.confidence == STATED]
    if not stated:
        return []
    factors = [max(line.ratio, 1 / line.ratio) for line in stated]
    inside = sum(not line.why for line in stated)
    text = (
        f"fully stated rates: within a factor {float(np.median(factors)):.2f} in the median and {max(factors):.2f} at "
        f"most, {inside} of {len(stated)} in their 80 % bands"
    )
    return [Note("all", "", "", len(stated), False, text)]


def _detail(row: Row, line: Line) -> dict[str, str]:
    """The cells of a row of the page."""
    rate, ours = line.rate, line.ours
    lengths = f"{rate.prompt} + {rate.output}" if rate.output else f"{rate.prompt}"
    return {
        "system": rate.system,
        "model": rate.model,
        "types": rate.types,
        "batch": f"{rate.batch}",
        "tokens": lengths,
        "metric": rate.metric,
        "published": _number(rate.value),
        "ours": _number(ours.value),
        "band": f"{_number(ours.low)} to {_number(ours.high)}",
        "ours / published": f"{line.ratio:.2f}",
        "limit": ours.limit,
        "facts": rate.confidence if not rate.filled else f"{rate.confidence} ({', '.join(rate.filled)})",
        "outside because": line.why,
        "date": row.get("date", ""),
    }


def _number(value: float) -> str:
    """Three figures, and no more than whole numbers above them."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
