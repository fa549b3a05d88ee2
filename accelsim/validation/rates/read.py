"""Rows of a table of published rates, read into facts, or the reason why one cannot be compared."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from accelsim.dtypes import Format
from accelsim.hardware.system import load_system
from accelsim.validation.rates.index import RateIndex, Row, SystemRule
from accelsim.validation.rates.rate import ASSUMED, DOUBTFUL, METRICS, STATED, Rate
from accelsim.workload.formats.hf import load_model

_DEGREE = re.compile(r"\b(?P<axis>TP|DP)(?P<degree>\d+)\b")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not compared, and why."""

    row: int
    why: str


def read_row(number: int, row: Row, index: RateIndex) -> Rate | LeftOut:
    """The facts of a row, or why it is left out: by the index's rules, then by what a simulation needs to know.

    Args:
        number: Which row of its table.
        row: Cells by column.
        index: Systems, models and rules.
    """
    rule = next((rule for rule in index.left_out if rule.fits(row)), None)
    if rule is not None:
        return LeftOut(number, rule.why)
    known = _Known(
        machine=next((one for one in index.systems if one.fits(row)), None),
        model=index.model_of(row["model"]),
        batch=_count(row["batch_or_users"]),
        prompt=_count(row["input_tokens"]) or (index.context if "stream" in row["batch_or_users"] else None),
    )
    missing = {
        "no such machine is described": known.machine is None,
        "no such model is shipped": known.model is None,
        "its metric is not one that a prefill and a decode step give": row["metric"] not in METRICS,
        "the batch is not one number": known.batch is None,
        "the lengths are not stated": known.prompt is None,
    }
    why = next((text for text, is_missing in missing.items() if is_missing), None)
    return LeftOut(number, why) if why else _rate(number, row, index, known)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row says in numbers and in our names; None where it does not."""

    machine: SystemRule | None
    model: str | None
    batch: int | None
    prompt: int | None


def _rate(number: int, row: Row, index: RateIndex, known: _Known) -> Rate:
    machine, model, batch, prompt = known.machine, known.model, known.batch, known.prompt
    assert machine is not None
    assert model is not None
    assert batch is not None
    assert prompt is not None
    filled = [] if _count(row["input_tokens"]) else [f"context {prompt}"]
    types = next((ours for text, ours in index.types.items() if row["weight_type"].startswith(text)), "")
    types = machine.stored.get(types, types)
    chips = _count(row["chips"]) or _chips_that_hold(machine, model, types or machine.types, batch * prompt)
    filled += [] if _count(row["chips"]) else [f"{chips} chips"]
    confidence = DOUBTFUL if row["doubt"].strip() else ASSUMED if filled else STATED
    return Rate(
        row=number,
        system=f"{machine.system}:{chips}",
        model=model,
        types=types or machine.types,
        plan=machine.plan or _plan(row["note"], chips),
        batch=batch,
        prompt=prompt,
        output=_count(row["output_tokens"]) or 0,
        metric=row["metric"],
        value=float(row["value"]),
        confidence=confidence,
        filled=(*filled, *(() if types else (f"types {machine.types}",))),
        software=machine.software,
    )


def _count(cell: str) -> int | None:
    """A whole number alone, of a stream, or of a context; None where the cell says anything else."""
    found = re.fullmatch(r"(?:context )?(\d+)(?: streams?)?", cell.strip())
    return int(found[1]) if found else None


def _plan(note: str, chips: int) -> str:
    """The degree that a note names, else tensor parallel over all chips."""
    found = _DEGREE.search(note)
    axis, degree = (found["axis"].lower(), int(found["degree"])) if found else ("tp", chips)
    other = "dp" if axis == "tp" else "tp"
    return f"{axis}={degree}" if degree == chips else f"{axis}={degree},{other}={chips // degree}"


def _chips_that_hold(machine: SystemRule, model: str, types: str, tokens: int) -> int:
    """Fewest chips, in whole groups, whose memory holds the weights and the cache of so many tokens."""
    described, chip, stored = load_model(model), load_system(machine.system).chip, Format.parse(types)
    weights = described.num_parameters * stored.bits_per_element / 8
    cache = tokens * described.kv_bytes_per_token(stored.element)
    least = math.ceil((weights + cache) / (machine.share * chip.main_memory_bytes))
    return math.ceil(least / machine.group) * machine.group
