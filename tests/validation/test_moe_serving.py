"""DeepSeek-V3 on H800 nodes against what its operators measured: throughput per node of 8 chips.

``python tests/validation/test_moe_serving.py`` prints every row with its error.  Nothing is fitted to these rows.
Requests per chip are those that give the published rate per request: 90 x 20.6 tokens/s and 92 x 20 tokens/s.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from accelsim import Decode, DType, Prefill, simulate

CHIPS_PER_NODE = 8
#: Largest error of any row at the level reached.
LIMIT = 0.15


@dataclass(frozen=True)
class Row:
    name: str
    measured_per_s: float
    predicted_per_s: float

    @property
    def error(self) -> float:
        return self.predicted_per_s / self.measured_per_s - 1


@cache
def rows() -> tuple[Row, ...]:
    with (Path(__file__).parent / "data" / "moe_serving.csv").open(newline="") as file:
        return tuple(row(line) for line in csv.DictReader(file))


def row(line: dict[str, str]) -> Row:
    batch, length, chips = int(line["batch"]), int(line["length"]), int(line["chips"])
    phase = Decode(batch, length) if line["phase"] == "decode" else Prefill(batch, length)
    system = f"{line['system']}:{chips}"
    result = simulate(line["model"], system, phase, line["plan"], dtype=DType.FP8, what_ifs=False)
    name = f"{line['phase']} of {batch} x {length} on {chips} chips"
    return Row(name, float(line["per_node"]), result.tokens / result.latency_s / (chips / CHIPS_PER_NODE))


@pytest.mark.parametrize("index", range(3))
def test_throughput_per_node_is_near_the_measured_one(index: int) -> None:
    found = rows()[index]
    assert abs(found.error) < LIMIT, f"{found.name}: {found.error:+.1%}"


if __name__ == "__main__":
    for found in rows():
        print(f"{found.name:42} {found.measured_per_s:9,.0f} {found.predicted_per_s:9,.0f} tokens/s {found.error:+.1%}")
