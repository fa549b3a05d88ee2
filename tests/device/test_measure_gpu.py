"""``accelsim measure`` without torch: what it would measure, and that its table is one that accelsim reads."""

import csv
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.validation.compare import compare_table
from accelsim.validation.measure import COLD, MOST_COPIES, ROW_OPS, WARM, Row, measure, rows, write
from accelsim.validation.measure_torch import Torch, load_torch
from accelsim.validation.refit import refit
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import read_table

CHIP = "nvidia-h100-sxm"


class Roofline:
    """A device of 500 TFLOP/s and 2 TB/s with 2 us per kernel; it has no fp8."""

    timing = (WARM, COLD)

    def seconds(self, row: Row) -> float:
        if row.dtype == "fp8":
            raise RuntimeError("no fp8 here\nand a traceback")
        x = row.extents
        m, n, k = (x.get(name, 1) for name in "mnk")
        tokens = x.get("batch", 1) * x.get("heads", 1) * x.get("head_dim", 1)
        flops = 2.0 * m * n * k + 4.0 * tokens * x.get("q_len", 0) * x.get("kv_len", 0)
        nbytes = 2.0 * (m * n + n * k + m * k + tokens * (x.get("q_len", 0) + x.get("kv_len", 0)))
        return 2e-6 + max(flops / 5e14, nbytes / 2e12)

    def machine(self) -> dict[str, float]:
        return {"copy_bytes_per_s": 2e12, "launch_s": 2e-6}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("measured") / "mine.csv"
    complaints: list[str] = []
    found = measure(rows(24, ["bf16", "fp8"], seed=0), Roofline(), CHIP, complaints.append)
    write(found, Roofline().machine(), path)
    assert len(complaints) == 48
    assert complaints[0].startswith("left out gemm fp8")
    assert complaints[0].endswith("no fp8 here")
    return path


def test_sizes_are_spread_evenly_over_their_logarithm_and_repeat_with_the_seed() -> None:
    wanted = [row for row in rows(32, ["bf16"], seed=0) if row.op == "gemm" and not row.cold]
    octaves = Counter(int(np.log2(row.extents["k"])) for row in wanted)
    assert set(range(5, 15)) <= set(octaves)
    assert max(octaves.values()) <= 5
    again = [row for row in rows(32, ["bf16"], seed=0) if row.op == "gemm" and not row.cold]
    assert [row.extents for row in wanted] == [row.extents for row in again]


def test_the_table_holds_every_operator_and_both_timings(table: Path) -> None:
    with table.open() as stream:
        found = list(csv.DictReader(stream))
    assert {row["op"] for row in found} == {"gemm", "attention_prefill", "attention_decode", *ROW_OPS}
    assert {row["timing"] for row in found if row["op"] == "gemm"} == {WARM, COLD}
    with table.with_suffix(".machine.csv").open() as stream:
        assert dict(csv.reader(stream))["launch_s"] == "2e-06"


def test_its_timings_are_rigs_and_cold_weights_are_never_in_the_cache() -> None:
    assert not rig_of(WARM, "gemm").note
    assert rig_of(WARM, "gemm").rig.weight_copies == 1
    assert rig_of(COLD, "gemm").rig.weight_copies == MOST_COPIES


def test_validate_and_calibrate_take_the_table(table: Path) -> None:
    measured = read_table(table)
    comparison = compare_table("mine", measured)
    assert comparison.num_unpriced == 0
    found = refit(load_chip(CHIP), measured, ["elementwise"], folds=0).fits[0]
    assert found.error.mape < found.before.mape


def test_without_pytorch_or_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match="PyTorch is not installed"):
        load_torch("cuda")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)))
    with pytest.raises(ConfigError, match="sees no GPU"):
        Torch("cuda")
