"""The calibrated numbers of Tenstorrent's chips are what their tuned products give, and nothing else.

``python tests/validation/test_tenstorrent.py`` prints the fit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from accelsim.cost.manycore.machine import Manycore, ManycoreParameters
from accelsim.cost.manycore.products import Extents, product_times
from accelsim.cost.operands import ProductBytes
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.validation.suites import suite_table
from accelsim.validation.table import Table

CHIPS = ("tenstorrent-n150", "tenstorrent-p150")
#: The share of the memory's peak is left out: tuned products keep operands in SRAM, and do not determine it.
FREE = ("launch_s", "unpack_bytes_per_cycle", "overlap")
SCALES = np.array([1e-6, 100.0, 1.0])
BOUNDS = ([0.0, 0.2, 0.0], [60.0, 10.0, 1.0])
F_SCALE = 0.2  # rows further off than this share count less


def tuned(chip: str) -> Table:
    """Rows of one chip whose configuration was tuned: what the machine can do, not what a default does."""
    table = suite_table("tenstorrent_products")
    cells = zip(table.text("hardware"), table.text("config"), strict=True)
    return table.take(row for row, cell in enumerate(cells) if cell == (chip, "tuned"))


def predicted(chip: Chip, table: Table, parameters: ManycoreParameters) -> np.ndarray:
    every = np.arange(len(table))
    shapes = np.stack([table.numbers(name, every) for name in "mnk"], axis=1).astype(int).tolist()
    seconds = []
    for (m, n, k), dtype in zip(shapes, map(DType, table.text("dtype")), strict=True):
        element = ProductBytes.even(dtype.bits / 8)
        machine = Manycore.of(chip, dtype, chip.num_cores)
        times = product_times(Extents(1, m, n, k), element, machine, parameters)
        seconds.append(parameters.launch_s + sum(parameters.busy_s(times.compute_s, times.memory_s)))
    return np.array(seconds)


def fit(name: str) -> tuple[ManycoreParameters, np.ndarray]:
    """The best numbers and the relative errors of the rows with them."""
    chip, table = load_chip(name), tuned(name)
    start = chip.calibrated("manycore", ManycoreParameters)
    measured = table.numbers("time_s", np.arange(len(table)))

    def off(x: np.ndarray) -> np.ndarray:
        values = dict(zip(FREE, (x * SCALES).tolist(), strict=True))
        return np.log(predicted(chip, table, replace(start, **values)) / measured)

    found = least_squares(off, [8.0, 1.2, 0.5], bounds=BOUNDS, loss="soft_l1", f_scale=F_SCALE)
    values = dict(zip(FREE, (found.x * SCALES).tolist(), strict=True))
    return replace(start, **values), np.exp(off(found.x)) - 1


@pytest.mark.parametrize("name", CHIPS)
def test_the_shipped_numbers_are_as_good_as_a_fit_to_the_tuned_products(name: str) -> None:
    chip, table = load_chip(name), tuned(name)
    shipped = chip.calibrated("manycore", ManycoreParameters)
    error = predicted(chip, table, shipped) / table.numbers("time_s", np.arange(len(table))) - 1
    _, best = fit(name)
    assert np.abs(error).mean() <= np.abs(best).mean() + 0.002
    assert np.abs(error).mean() < 0.08


def main() -> None:
    for name in CHIPS:
        parameters, error = fit(name)
        size = np.abs(error)
        print(name, len(size), {key: round(getattr(parameters, key) * 1e6, 3) / 1e6 for key in FREE})
        print(f"  mean {size.mean():.3f}, p90 {np.percentile(size, 90):.3f}, bias {error.mean():+.3f}")


if __name__ == "__main__":
    main()
