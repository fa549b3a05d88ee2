"""Ring collectives against NCCL; ``python tests/validation/test_nccl_collectives.py`` prints the error table."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from accelsim.hardware.system import load_system
from accelsim.network.calibrate import MeasuredCollectives, fit_collectives
from accelsim.network.collective import collective_steps

SYSTEMS = {
    "nvidia-a100-sxm-80gb": "nvidia-dgx-a100",
    "nvidia-h100-sxm": "nvidia-dgx-h100",
    "nvidia-h200-sxm": "nvidia-dgx-h200",
    "nvidia-b200-sxm": "nvidia-dgx-b200",
}
KINDS = ("all_reduce", "all_gather", "reduce_scatter")
LARGE_BYTES = 2**20
#: Mean absolute error reached (large, small), and a little room.
LIMIT = {
    "nvidia-a100-sxm-80gb": (0.14, 0.10),
    "nvidia-h100-sxm": (0.11, 0.07),
    "nvidia-h200-sxm": (0.11, 0.08),
    "nvidia-b200-sxm": (0.09, 0.055),
}

Row = tuple[str, str, int, int, float, float]


@cache
def rows() -> tuple[Row, ...]:
    """Hardware, kind, ranks, bytes, measured and predicted seconds of each measured point."""
    systems = {hardware: load_system(f"{name}:8") for hardware, name in SYSTEMS.items()}
    text = files("accelsim.validation").joinpath("data/collectives_nccl.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        hardware, kind, ranks, nbytes = row["hardware"], row["op"], int(row["ranks"]), int(row["bytes"])
        cost = collective_steps(kind, nbytes, ranks, systems[hardware], algorithm="ring")
        found.append((hardware, kind, ranks, nbytes, float(row["time_s"]), cost.seconds))
    return tuple(found)


def errors(hardware: str, large: bool, kind: str | None = None, ranks: int | None = None) -> np.ndarray:
    return np.array(
        [
            predicted / measured - 1
            for device, function, num_ranks, nbytes, measured, predicted in rows()
            if device == hardware
            and (nbytes >= LARGE_BYTES) == large
            and kind in (None, function)
            and ranks in (None, num_ranks)
        ]
    )


@pytest.mark.parametrize("hardware", SYSTEMS)
def test_mean_error_stays_at_the_recorded_level(hardware: str) -> None:
    for large, limit in zip((True, False), LIMIT[hardware], strict=True):
        assert np.abs(errors(hardware, large)).mean() < limit


@pytest.mark.parametrize("hardware", SYSTEMS)
def test_no_number_of_ranks_is_far_off_for_all_reduce(hardware: str) -> None:
    for ranks in (2, 4, 8):
        for large in (True, False):
            assert np.abs(errors(hardware, large, "all_reduce", ranks)).mean() < 0.25


@pytest.mark.parametrize("hardware", SYSTEMS)
def test_the_shipped_calibration_is_what_the_fit_gives(hardware: str) -> None:
    of_chip = [row for row in rows() if row[0] == hardware]
    columns = [np.array(column) for column in zip(*of_chip, strict=True)]
    link = load_system(SYSTEMS[hardware]).levels["nvlink"].link
    fitted, _ = fit_collectives(MeasuredCollectives(columns[1], columns[3] * 1.0, columns[2] * 1.0, columns[4]), link)
    shipped = load_system(SYSTEMS[hardware]).levels["nvlink"].collectives
    assert shipped.launch_s == pytest.approx(fitted.launch_s, rel=0.01)
    assert shipped.copy_bandwidth_bytes_per_s == pytest.approx(fitted.copy_bandwidth_bytes_per_s, rel=0.01)
    for name, protocol in fitted.protocols.items():
        assert shipped.protocols[name].step_latency_s == pytest.approx(protocol.step_latency_s, rel=0.01)
        assert shipped.protocols[name].efficiency == pytest.approx(protocol.efficiency, rel=0.01)


def table() -> str:
    lines = [f"{'hardware':<22} {'collective':<15} ranks  points  mean >= 1 MiB  bias    mean < 1 MiB   bias"]
    for hardware in SYSTEMS:
        for kind in KINDS:
            for ranks in (2, 4, 8):
                large, small = (errors(hardware, size, kind, ranks) for size in (True, False))
                text = "  ".join(f"{np.abs(e).mean():12.1%} {e.mean():+7.1%}" for e in (large, small))
                lines.append(f"{hardware:<22} {kind:<15} {ranks:5d} {len(large) + len(small):7d} {text}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
