"""The bsp model against the Citadel microbenchmarks of Graphcore GC2: every row is predicted, none is left out.

``python tests/validation/test_ipu_citadel.py`` prints the error of each row; ``--data FILE.csv`` takes other rows of
these columns; ``--fit`` repeats the calibration first; ``--folds`` prints the error on rows that the fit did not see.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from accelsim.cost.bsp.microbench import Bench, Row, experiment, predicted
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip

MEAN_LIMIT = 0.05
MEAN_LIMIT_WITHOUT_PAIRS = 0.08
ROW_LIMIT = 0.25
PAIR_LIMIT = 0.08
CALIBRATED = {
    "bsp": ("sync", "matrix_efficiency"),
    "ladder": ("entry", "rail_hop", "rung_hop", "stream_efficiency", "sender"),
}
TIMES = ("sync", "entry", "rail_hop", "rung_hop", "sender")

#: What the model does not describe, by benchmark and experiment; the rows stay in every mean.
NOT_DESCRIBED: tuple[tuple[str, Callable[[Row], bool], str], ...] = (
    (
        "scatter latency",
        lambda row: row.num_ipus == 1 and row.tiles_or_transfers <= 16,
        "one-word scatters to few tiles start 45 ns later than other exchanges on the chip; the paper has no cause",
    ),
    (
        "concurrent p2p",
        lambda row: row.num_ipus in (2, 4),
        "one-word messages through several links: 2 chips slower, 4 chips faster than one message per sender and slot",
    ),
    (
        "broadcast peak bandwidth",
        lambda row: row.num_ipus in (4, 16),
        "the order in which the compiler serves the chips: 4 in one pass, 16 in more than two",
    ),
    (
        "reduction",
        lambda row: row.num_ipus > 1,
        "the compiler's tree over chips: 8 and 16 beat one collecting tile, 2 are slower when the sums are short",
    ),
)


def load_rows(path: Path | None = None) -> list[Row]:
    source = path or files("accelsim.validation").joinpath("data", "ipu_citadel.csv")
    with source.open(encoding="utf-8") as stream:
        return [Row.of(record) for record in csv.DictReader(stream)]


@cache
def gc2() -> Chip:
    return load_chip("graphcore-gc2")


def errors(rows: Iterable[Row], chip: Chip) -> list[tuple[Row, float, float]]:
    """Rows with what is predicted for them and its relative error."""
    bench = Bench.of(chip)
    values = [(row, predicted(row, bench)) for row in rows]
    return [(row, value, value / row.measured - 1) for row, value in values if value is not None]


def reason(row: Row) -> str | None:
    return next((why for name, holds, why in NOT_DESCRIBED if row.benchmark.startswith(name) and holds(row)), None)


def is_pair(row: Row) -> bool:
    return row.benchmark.startswith("IPU pair")


def table(rows: list[tuple[Row, float, float]]) -> str:
    lines = []
    for row, value, error in rows:
        value_in_unit = value / row.measured * row.value
        what = f"{row.benchmark[:40]:40} {row.experiment[:38]:38} {row.num_ipus:3d} {row.tiles_or_transfers:7.0f}"
        lines.append(f"{what} {row.value:10.4g} {value_in_unit:10.4g} {row.unit:8} {error:+7.1%}")
    groups = defaultdict(list)
    for row, _, error in rows:
        groups[row.benchmark.split(",")[0]].append(error)
    for name, found in groups.items():
        mean, largest, bias = np.mean(np.abs(found)), np.max(np.abs(found)), np.mean(found)
        lines.append(f"{name:50} {len(found):4d} rows  mean {mean:5.1%}  largest {largest:5.1%}  bias {bias:+5.1%}")
    for name, chosen in (("all rows", rows), ("without pairs of chips", [r for r in rows if not is_pair(r[0])])):
        found = [error for _, _, error in chosen]
        lines.append(f"{name:50} {len(found):4d} rows  mean {np.mean(np.abs(found)):5.1%}  bias {np.mean(found):+5.1%}")
    return "\n".join(lines)


def test_mean_error_over_all_microbenchmarks_is_within_the_limit() -> None:
    found = errors(load_rows(), gc2())
    print(table(found))
    assert np.mean([abs(error) for _, _, error in found]) < MEAN_LIMIT
    assert np.mean([abs(error) for row, _, error in found if not is_pair(row)]) < MEAN_LIMIT_WITHOUT_PAIRS


def test_every_row_but_the_facts_is_predicted() -> None:
    unpredicted = {row.benchmark for row in load_rows() if isinstance(experiment(row), str)}
    assert unpredicted == {"device fact"}


def test_every_row_is_within_the_limit_or_named_as_not_described() -> None:
    beyond = [row for row, _, error in errors(load_rows(), gc2()) if abs(error) > ROW_LIMIT]
    assert [row for row in beyond if reason(row) is None] == []


@pytest.mark.parametrize("name", sorted({name for name, _, _ in NOT_DESCRIBED}))
def test_rows_that_are_not_described_are_few(name: str) -> None:
    rows = [row for row in load_rows() if row.benchmark.startswith(name)]
    assert sum(reason(row) is not None for row in rows) <= 0.6 * len(rows)


def test_latency_between_any_two_chips_is_within_eight_percent() -> None:
    found = errors([row for row in load_rows() if is_pair(row)], gc2())
    assert len(found) > 150
    assert max(abs(error) for _, _, error in found) < PAIR_LIMIT


def calibrated(chip: Chip, rows: list[Row]) -> Chip:
    """The chip with its calibrated parameters fitted to ``rows``: log errors, soft-L1, each benchmark counting once."""
    from scipy.optimize import least_squares

    from accelsim.units import parse_quantity

    keys = [(section, key) for section, names in CALIBRATED.items() for key in names]
    counts = defaultdict(int)
    for row in rows:
        counts[row.benchmark] += 1
    start = np.array(
        [
            parse_quantity(text, "time") if key in TIMES else float(text)
            for section, key in keys
            for text in [str(chip.calibration[section][key])]
        ]
    )

    def with_values(values: np.ndarray) -> Chip:
        sections = {name: dict(section) for name, section in chip.calibration.items()}
        for (section, key), value in zip(keys, values, strict=True):
            sections[section][key] = f"{value:.9e} s" if key in TIMES else float(value)
        return chip.model_copy(update={"calibration": sections})

    def residuals(scaled: np.ndarray) -> np.ndarray:
        found = errors(rows, with_values(scaled * start))
        return np.array([np.log1p(error) / np.sqrt(counts[row.benchmark]) for row, _, error in found])

    best = least_squares(residuals, np.ones(len(keys)), bounds=(0.2, 1.5), loss="soft_l1", f_scale=0.05, diff_step=1e-3)
    return with_values(best.x * start)


def held_out(chip: Chip, rows: list[Row], folds: int = 5) -> list[tuple[Row, float, float]]:
    """Errors of each fifth of the rows under parameters fitted to the others."""
    order = np.random.default_rng(0).permutation(len(rows))
    found = []
    for fold in range(folds):
        unseen = {int(i) for i in order[fold::folds]}
        fitted = calibrated(chip, [row for i, row in enumerate(rows) if i not in unseen])
        found += errors([rows[i] for i in sorted(unseen)], fitted)
    return found


def main(arguments: list[str]) -> None:
    chip = gc2()
    rows = load_rows(Path(arguments[arguments.index("--data") + 1]) if "--data" in arguments else None)
    if "--fit" in arguments:
        chip = calibrated(chip, rows)
        print({key: chip.calibration[section][key] for section, names in CALIBRATED.items() for key in names})
    found = held_out(chip, rows) if "--folds" in arguments else errors(rows, chip)
    print(table(found))
    for row, _, error in found:
        if abs(error) > ROW_LIMIT:
            print(f"{error:+6.1%} {row.benchmark} | {row.experiment}: {reason(row) or 'NOT EXPLAINED'}")


if __name__ == "__main__":
    main(sys.argv[1:])
